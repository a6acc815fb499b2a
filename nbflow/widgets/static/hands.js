// @ts-check
/** What the timeline is made of, and pointers over it: the wheel, dragging, two fingers, clicks, and what is told on hovering. */

import { clockTime, duration, h, setText } from "./words.js";

/** @typedef {import('./timeline.js').TimelineView} TimelineView */
/** @typedef {import('./words.js').Row} Row */

/** What the keyboard and the pointer can do. */
export const HAND_KEYS = [
  ["↑ ↓ Home End", "from row to row"], ["Enter", "what is behind a row"], ["+ −", "zoom in, out"], ["← →", "earlier, later"], ["0", "the whole run"],
  ["f", "follow the run"], ["/", "filter"], ["Esc", "close"], ["Ctrl + wheel, pinch", "zoom"], ["drag", "move; on the ruler: zoom to what is marked"],
];

/** @type {Record<string, string>} */
export const SPAN_WORDS = { running: "running", queued: "queued", backoff: "retry delay", waiting: "waiting" };
export const FROM_HISTORY = "from history";

/** Give an element as many children as there are items, and bring each up to date.
 * @template T @param {Element} parent @param {T[]} items @param {string} tag @param {(child: HTMLElement, item: T) => void} update */
export function pool(parent, items, tag, update) {
  while (parent.childElementCount > items.length) parent.lastElementChild?.remove();
  while (parent.childElementCount < items.length) parent.append(h(tag));
  items.forEach((item, i) => update(/** @type {HTMLElement} */ (parent.children[i]), item));
}

/** Set attributes only where they change. @param {Element} element @param {Record<string, any>} values */
export function setAll(element, values) {
  for (const [name, value] of Object.entries(values)) if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** An element of the timeline. @param {string} look @param {...any} children @returns {HTMLElement} */
export const part = (look, ...children) => h("div", { class: look.replace(/\S+/g, "nbf-tl-$&") }, ...children);

/** The key of the row that an element is in. @param {EventTarget|null} target @returns {string|undefined} */
export const rowKeyOf = (target) => /** @type {HTMLElement|null} */ (/** @type {Element|null} */ (target)?.closest?.(".nbf-tl-row"))?.dataset.key;

export class TimelineHands {
  /** @param {TimelineView} view */
  constructor(view) {
    this.view = view;
    /** @type {Map<number, number>} */
    this.pointers = new Map();
    /** @type {any} */
    this.drag = null;
    const on = { wheel: this.onWheel, pointerdown: this.onDown, pointermove: this.onMove, pointerup: this.onUp, pointercancel: this.onUp,
      pointerleave: () => { view.tip.hidden = true; }, click: this.onClick, dblclick: () => view.zoomTo(null) };
    for (const [name, act] of Object.entries(on)) view.scroller.addEventListener(name, (/** @type {any} */ event) => act.call(this, event));
  }

  /** @param {WheelEvent} event */
  onWheel(event) {
    const { view } = this;
    const { deltaX, deltaY, shiftKey } = event;
    if (event.ctrlKey || event.metaKey || view.ruler.contains(/** @type {Node} */ (event.target))) {
      view.zoomBy(Math.exp(Math.max(-60, Math.min(60, deltaY)) * 0.008), this.placeAt(event.clientX));
    } else if (view.state.zoom && (shiftKey || Math.abs(deltaX) > Math.abs(deltaY))) view.moveBy((deltaX || deltaY) / view.width);
    else return;
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  onDown(event) {
    const { view } = this;
    if (event.button) return;
    this.pointers.set(event.pointerId, event.clientX);
    const [one, two] = this.pointers.values(), both = two !== undefined, x = both ? (one + two) / 2 : one;
    const onRuler = !both && view.ruler.contains(/** @type {Node} */ (event.target));
    this.drag = { x, seen: view.seen, onRuler, moved: both, apart: both ? Math.abs(one - two) : 0, at: this.placeAt(x) };
    if (onRuler) event.preventDefault();
  }

  /** @param {PointerEvent} event */
  onMove(event) {
    const { drag, pointers, view } = this, { pointerId, clientX } = event;
    if (!drag || !pointers.has(pointerId)) return this.hover(event);
    pointers.set(pointerId, clientX);
    if (!drag.moved && Math.abs(clientX - drag.x) < 5) return;
    if (!drag.moved) view.scroller.setPointerCapture(pointerId);
    drag.moved = true;
    const [one, two] = pointers.values();
    if (drag.apart) view.zoomBy(drag.apart / Math.max(Math.abs(one - two) || 0, 9), drag.at, drag.seen);
    else if (drag.onRuler) {
      view.range.hidden = false;
      setAll(view.range, { style: `left: ${Math.min(drag.x, clientX) - view.ticks.getBoundingClientRect().left}px; width: ${Math.abs(drag.x - clientX)}px` });
    } else view.moveBy((drag.x - clientX) / view.width, drag.seen);
  }

  /** @param {PointerEvent} event */
  onUp(event) {
    const { drag, pointers, view } = this;
    if (!pointers.delete(event.pointerId)) return;
    view.range.hidden = true;
    this.dragged = Boolean(drag?.moved);
    if (drag?.onRuler && drag.moved && event.type === "pointerup") {
      const to = this.placeAt(event.clientX);
      view.zoomTo([Math.max(Math.min(drag.at, to), 0), Math.min(Math.max(drag.at, to), 1)]);
    }
    this.drag = null;
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const { view } = this;
    const key = rowKeyOf(event.target);
    if (key === undefined || this.dragged || event.detail > 1) return;
    view.go(key);
    view.toggle(key);
  }

  /** Say what is under the pointer. @param {PointerEvent} event */
  hover({ clientX, clientY, target }) {
    const { view } = this;
    const row = view.picture?.rows.get(rowKeyOf(target) ?? ""), at = view.x(this.placeAt(clientX)), box = view.el.getBoundingClientRect();
    const span = at < 0 || at > view.width ? undefined : row?.spans.findLast((one) => {
      const [x, right] = view.edges(/** @type {Row} */ (row), one).map((time) => view.x(view.axis?.place(time) ?? 0));
      return at >= x - 4 && at <= right + 4;
    });
    view.tip.hidden = !span;
    if (!row || !span) return;
    const [begin, end] = view.edges(row, span), words = [SPAN_WORDS[span[0]], span[4] === span[0] ? "" : span[4], view.isServed(row, span) ? FROM_HISTORY : ""];
    setText(view.tip, `${row.name}\n${words.filter(Boolean).join(", ")}: ${duration(end - begin)}\n${clockTime(begin)} – ${span[2] === null ? "…" : clockTime(end)}`);
    setAll(view.tip, { style: `left: ${Math.min(clientX - box.left + 12, box.width - view.tip.offsetWidth)}px; top: ${clientY - box.top + 16}px` });
  }

  /** The place of the axis under a pointer. @param {number} clientX */
  placeAt(clientX) {
    const { view } = this;
    return view.seen[0] + ((clientX - view.ticks.getBoundingClientRect().left) / view.width) * (view.seen[1] - view.seen[0]);
  }
}
