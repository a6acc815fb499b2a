// @ts-check
/**
 * The graph of the run's workflow. Python draws it (or this page does, with a program that Python hands
 * over); here the picture is put in, element by element from what is allowed, and reacts to hands: drag, wheel
 * with ctrl, pinch and keys move it, a click on a node opens its rows. Without a picture there is a table.
 */

import { h, iconOf, signButton } from "./words.js";

/** @typedef {{id: string, line: number, label: string, state: string, words: string, cells: string[], rows: string[]}} GraphNode */
/** @typedef {{hash: string, same?: boolean, svg?: string, dot?: string, title: string, note: string,
 *   nodes: GraphNode[], legend: [string, string, string][]}} GraphPicture */

const GRAPH_NS = "http://www.w3.org/2000/svg";
const GRAPH_TAGS = /^(svg|g|path|polygon|polyline|ellipse|text)$/;
const GRAPH_NAMES = /^(viewBox|transform|d|points|c[xy]|r[xy]|[xy]|fill|stroke|stroke-(width|dasharray)|text-anchor|font-(family|size|weight))$/;
const GRAPH_PAUSE = 500; // ms between two looks while the run goes on

/** A copy of an SVG element, of what is allowed alone. @param {Element} from @returns {Element[]} */
function graphCopy(from) {
  const tag = from.localName === "a" ? "g" : from.localName;
  if (!GRAPH_TAGS.test(tag) || from.namespaceURI !== GRAPH_NS) return [];
  const to = document.createElementNS(GRAPH_NS, tag);
  for (const { name, value } of from.attributes) if (GRAPH_NAMES.test(name) && !/url|:/i.test(value)) to.setAttribute(name, value);
  to.classList.add(...from.classList.value.split(/\s+/).filter((one) => /^nbf-[\w-]+$/.test(one)));
  if (to.matches(".nbf-node")) to.setAttribute("data-node", from.id);
  if (tag === "text") to.textContent = from.textContent;
  else to.append(...[...from.children].flatMap(graphCopy));
  if (to.matches(".nbf-node")) graphCentre(to);
  return [to];
}

/** Set the lines of a node in its middle: Graphviz places them by widths that it guesses, for a font that may not be here. @param {Element} node */
function graphCentre(node) {
  const shape = node.querySelector("path, polygon"), xs = [...(shape?.getAttribute("d") ?? shape?.getAttribute("points") ?? "").matchAll(/(-?[\d.]+),/g)].map((pair) => +pair[1]);
  for (const line of xs.length ? node.querySelectorAll("text") : []) {
    line.setAttribute("x", String((Math.min(...xs) + Math.max(...xs)) / 2));
    line.setAttribute("text-anchor", "middle");
  }
}

/** The program that draws in the browser, one for all cards of the page. @param {import('./words.js').Desk} desk */
function graphViz(desk) {
  const shared = /** @type {any} */ (globalThis);
  return shared.nbflowViz ??= desk.ask("graph", { viz: true }).then(async ({ viz }) => {
    const url = URL.createObjectURL(new Blob(["const exports = {}, module = {};", viz, "\nexport default exports;"], { type: "text/javascript" }));
    return (await import(url)).default.instance();
  }).catch((error) => { shared.nbflowViz = undefined; throw error; });
}

export class GraphView {
  /** @param {import('./words.js').Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.shown = this.busy = this.stale = this.asTable = this.moved = false;
    this.last = 0;
    this.zoom = 0; // pixels for a unit of the picture; 0: as it fits
    /** @type {GraphPicture|null} */
    this.picture = null;
    /** @type {SVGElement|undefined} */
    this.svg = undefined;
    this.at = ""; // the node that has the tab stop
    /** @type {Map<number, PointerEvent>} */
    this.fingers = new Map();
    this.toggle = signButton("Table", "Show as a table", () => { this.asTable = !this.asTable; this.put(); });
    this.tools = h("div", { class: "nbf-graph-tools" }, signButton("−", "Smaller", () => this.scale(0.8)), signButton("+", "Larger", () => this.scale(1.25)), signButton("Fit", "Show the whole graph", () => this.fit()), this.toggle);
    this.legend = h("ul", { class: "nbf-graph-legend", "aria-label": "Legend" });
    this.note = h("div", { class: "nbf-muted", role: "status" }, "drawing …");
    const up = (/** @type {PointerEvent} */ event) => this.fingers.delete(event.pointerId);
    this.box = h("div", { class: "nbf-graph-box", onkeydown: (/** @type {KeyboardEvent} */ e) => this.key(e), onclick: (/** @type {Event} */ e) => this.enter(e.target), onfocusin: (/** @type {Event} */ e) => this.rove(e.target),
      onpointerdown: (/** @type {PointerEvent} */ e) => this.press(e), onpointermove: (/** @type {PointerEvent} */ e) => this.drag(e), onpointerup: up, onpointercancel: up, onpointerleave: up,
      onwheel: (/** @type {WheelEvent} */ e) => { if (e.ctrlKey || e.metaKey) { e.preventDefault(); this.scale(Math.exp(-Math.max(-50, Math.min(50, e.deltaY)) / 150), e); } } });
    this.el = h("section", { class: "nbf-graph", "aria-label": "Graph" }, h("div", { class: "nbf-graph-head" }, this.legend, this.tools), this.note, this.box);
    this.watch = new ResizeObserver(() => this.zoom || this.size());
    this.watch.observe(this.box);
  }

  /** @param {import('./words.js').Picture} picture */
  draw(picture) {
    if (picture.changed && !picture.changed.length && picture.run.live === this.live) return;
    this.live = picture.run.live;
    this.look();
  }

  show() {
    this.shown = true;
    this.look();
  }

  hide() { this.shown = false; }

  dispose() {
    window.clearTimeout(this.timer);
    this.watch.disconnect();
  }

  /** Ask for the picture: now, or once the pause since the last time is over. */
  look() {
    window.clearTimeout(this.timer);
    const pause = this.last + GRAPH_PAUSE - Date.now();
    this.stale = this.busy;
    if (!this.shown || this.busy) return;
    if (pause > 0) this.timer = window.setTimeout(() => this.look(), pause);
    else this.fetch();
  }

  async fetch() {
    this.busy = true;
    this.last = Date.now();
    try {
      /** @type {GraphPicture} */
      const picture = await this.desk.ask("graph", { have: this.picture?.hash });
      if (!picture.same) await this.take(picture);
      this.note.textContent = this.picture?.note ?? "";
    } catch (error) {
      this.note.textContent = /** @type {Error} */ (error).message;
    }
    this.busy = false;
    if (this.stale) this.look();
  }

  /** @param {GraphPicture} picture */
  async take(picture) {
    let { svg } = picture;
    try {
      if (picture.dot) svg = (await graphViz(this.desk)).renderString(picture.dot, { format: "svg" });
    } catch { svg = undefined; }
    if (!svg) picture.note ||= "to see it drawn: pip install nbflow[diagrams]";
    this.svg = /** @type {SVGElement|undefined} */ (svg && graphCopy(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement)[0]);
    this.picture = picture;
    const set = (/** @type {Element|undefined} */ element, /** @type {Record<string, string>} */ all) => { for (const name in all) element?.setAttribute(name, all[name]); };
    set(this.svg, { role: "group", "aria-label": picture.title });
    for (const { id, rows, words } of picture.nodes) {
      const title = document.createElementNS(GRAPH_NS, "title"), group = this.group(id);
      title.textContent = words;
      group?.prepend(title);
      group?.parentNode?.append(group); // the order of the code, over all edges
      set(group, { role: rows.length ? "button" : "img", "aria-label": words, tabindex: "-1" });
    }
    this.put();
  }

  /** Show the picture, or the table, in the place of what was there. */
  put() {
    const { picture, svg, box, asTable } = this;
    if (!picture) return;
    const focused = box.contains(document.activeElement), { scrollLeft, scrollTop } = box;
    this.tools.hidden = !svg;
    this.toggle.setAttribute("aria-pressed", String(asTable));
    this.legend.replaceChildren(...picture.legend.map((look) => h("li", {}, iconOf(look), ` ${look[1]}`)));
    box.replaceChildren(svg && !asTable ? svg : this.table(picture));
    if (!svg || asTable) return;
    this.size();
    box.scrollTo(scrollLeft, scrollTop);
    const now = picture.nodes.find(({ state }) => /^(running|retrying|waiting|failed)$/.test(state));
    const stop = this.group(this.at) ?? this.group(now?.id) ?? this.nodes()[0];
    this.rove(stop);
    if (focused) stop?.focus({ preventScroll: true });
    else if (!this.at && now && stop) box.scrollTop = stop.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
    this.at ||= stop?.dataset.node ?? "";
  }

  /** @param {GraphPicture} picture */
  table(picture) {
    return h("table", { class: "nbf-table", "aria-label": picture.title },
      h("thead", {}, h("tr", {}, ...["Step", "What", "How it stands", "Line"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, ...picture.nodes.map(({ id, rows, cells: [label, ...others] }) => h("tr", {},
        h("th", { scope: "row" }, rows.length ? h("button", { type: "button", class: "nbf-link", "data-node": id }, label) : label), ...others.map((text) => h("td", {}, text))))));
  }

  nodes() { return /** @type {SVGElement[]} */ ([...(this.svg?.querySelectorAll("[tabindex]") ?? [])]); }

  /** @param {string|undefined} id */
  group(id) { return /** @type {SVGElement|undefined} */ ([...(this.svg?.querySelectorAll(".nbf-node") ?? [])].find((node) => node.getAttribute("data-node") === id)); }

  /** Open the last row of a node. @param {EventTarget|null} target */
  enter(target) {
    const id = /** @type {Element} */ (target).closest("[data-node]")?.getAttribute("data-node");
    const row = this.picture?.nodes.find((node) => node.id === id)?.rows.at(-1);
    if (row && !this.moved) this.desk.open("timeline", { row });
  }

  /** Give the tab stop to a node. @param {any} node */
  rove(node) {
    if (!node?.matches?.(".nbf-node")) return;
    for (const one of this.nodes()) one.setAttribute("tabindex", one === node ? "0" : "-1");
    if (node === document.activeElement) this.at = node.dataset.node;
  }

  extent() { return (this.svg?.getAttribute("viewBox") ?? "0 0 1 1").split(" ").slice(2).map(Number); }

  /** Give the picture its size: as it was zoomed, or so that its width fits and it can still be read. */
  size() {
    const [width, height] = this.extent();
    const k = this.zoom || Math.max(0.8, Math.min(1.25, (this.box.clientWidth - 2) / width));
    this.svg?.setAttribute("width", String(width * k));
    this.svg?.setAttribute("height", String(height * k));
    return k;
  }

  fit() {
    const [width, height] = this.extent();
    this.zoom = Math.min(1.25, (this.box.clientWidth - 2) / width, 540 / height);
    this.size();
  }

  /** Zoom by a factor, about a point. @param {number} by @param {{clientX: number, clientY: number}} [at] */
  scale(by, at) {
    const { box } = this, before = this.size(), edge = box.getBoundingClientRect();
    const x = at ? at.clientX - edge.left : edge.width / 2, y = at ? at.clientY - edge.top : edge.height / 2;
    this.zoom = Math.max(0.1, Math.min(4, before * by));
    this.size();
    box.scrollTo((box.scrollLeft + x) * this.zoom / before - x, (box.scrollTop + y) * this.zoom / before - y);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const nodes = this.nodes(), { key } = event, at = nodes.findIndex((node) => node === event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: nodes.length - 1 }[key];
    if (to !== undefined) nodes[Math.max(0, Math.min(to, nodes.length - 1))].focus();
    else if (key === "+" || key === "=") this.scale(1.25);
    else if (key === "-") this.scale(0.8);
    else if (key === "0") this.fit();
    else if (key === "Enter" || key === " ") { this.moved = false; this.enter(event.target); }
    else return;
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  press(event) {
    this.moved = false;
    if (!event.button) this.fingers.set(event.pointerId, event);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const { fingers } = this, was = fingers.get(event.pointerId);
    if (!was) return;
    const x = event.clientX - was.clientX, y = event.clientY - was.clientY;
    if (!this.moved && Math.hypot(x, y) < 4) return;
    this.moved = true;
    fingers.set(event.pointerId, event);
    const other = [...fingers.values()].find((one) => one !== event);
    const far = (/** @type {PointerEvent} */ one) => other ? Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) : 1;
    if (other) this.scale(far(event) / (far(was) || 1), event);
    else if (event.pointerType !== "touch") this.box.scrollBy(-x, -y);
  }
}
