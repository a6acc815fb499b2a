// @ts-check
/**
 * The timeline: a row for everything that the run has called, waited for or sent.
 *
 * Bars are placed by a `TimeAxis`; what of it is seen (`seen`) is
 * kept as times, so that it stays where it is while the run goes on.
 */

import { TimeAxis, movedPart, zoomedPart } from "./axis.js";
import { RowPane } from "./detail.js";
import { FROM_HISTORY, HAND_KEYS, SPAN_WORDS, TimelineHands, part, pool, rowKeyOf, setAll } from "./hands.js";
import { RowsInSight } from "./sight.js";
import { duration, h, setText, signButton, until } from "./words.js";

/** @typedef {import('./words.js').Desk} Desk */
/** @typedef {import('./words.js').Row} Row */
/** @typedef {import('./words.js').Picture} Picture */
/** @typedef {import('./words.js').Span} Span */
/** @typedef {import('./axis.js').Part} Part */

const DONE = "✓"; // its word differs by kind: fired, received, sent

/** A row in the page. @typedef {{el: HTMLElement, parts: Element[], track: HTMLElement, row?: Row}} Line */

export class TimelineView {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.state = desk.kept.get("timeline") ?? { toScale: false, follow: true, text: "", only: new Set(), key: null, zoom: null };
    desk.kept.set("timeline", this.state);
    /** @type {Picture|null} */
    this.picture = null;
    this.now = 0;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Row[]} */
    this.list = []; // those that the filter lets through
    /** @type {string|null} */
    this.roving = null;
    this.kinds = new Set();
    /** @type {Part} */
    this.seen = [0, 1];
    this.width = 500;
    this.top = 0;
    this.height = 26;
    /** @type {TimeAxis|undefined} */
    this.axis = undefined;
    const { state } = this;
    this.chips = part("chips");
    setAll(this.chips, { role: "group", "aria-label": "Filter by status" });
    this.search = /** @type {HTMLInputElement} */ (h("input", { type: "search", class: "nbf-field nbf-tl-search", placeholder: "Filter", "aria-label": "Filter rows by text" }));
    this.search.value = state.text;
    this.search.oninput = () => this.filter(this.search.value);
    this.follow = signButton("Follow", "Follow the run: scroll to new rows", () => this.setFollow(!state.follow));
    this.collapse = signButton("┊◇┊", "Leave out idle time", () => { state.toScale = !state.toScale; this.zoomTo(null); });
    this.keys = signButton("?", "Keys", () => this.toggleHelp());
    this.help = h("dl", { class: "nbf-tl-help" }, ...HAND_KEYS.map(([keys, text]) => h("div", {}, h("dt", {}, keys), h("dd", {}, text))));
    this.bar = part("bar", this.chips, this.search, part("tools", this.follow, this.collapse, signButton("−", "Zoom out", () => this.zoomBy(2)),
      signButton("+", "Zoom in", () => this.zoomBy(0.5)), signButton("⤢", "Whole run", () => this.zoomTo(null)), this.keys));
    this.ticks = part("ticks");
    this.range = part("range");
    this.ruler = part("ruler grid", part("track", this.ticks, this.range));
    this.under = part("track under");
    this.over = part("track over");
    const under = part("layer grid", this.under);
    const over = part("layer grid", this.over), lines = part("lines");
    for (const hidden of [this.ruler, under, over]) setAll(hidden, { "aria-hidden": true });
    setAll(lines, { role: "rowgroup" });
    this.body = part("rows", under, lines, over);
    setAll(this.body, { role: "grid", "aria-label": "Timeline", "aria-readonly": true });
    this.scroller = part("scroller", this.ruler, this.body);
    this.empty = h("div", { class: "nbf-muted" });
    this.legend = part("legend");
    setAll(this.legend, { role: "group", "aria-label": "Legend" });
    this.pane = new RowPane(this.desk, () => this.escape(null));
    this.tip = part("tip");
    setAll(this.tip, { "aria-hidden": true });
    this.help.hidden = this.range.hidden = this.tip.hidden = true;
    this.toggleHelp(true);
    this.el = h("div", { class: "nbf-tl", onkeydown: (/** @type {KeyboardEvent} */ e) => this.onKey(e) },
      this.bar, this.help, part("main", part("chart", this.scroller, this.empty, this.legend), this.pane.el), this.tip);
    /** @type {RowsInSight<Line>} */
    this.lines = new RowsInSight(this.scroller, lines, 4, { key: (i) => this.list[i].key, make: () => this.makeLine(), fill: (line, i) => this.drawLine(line, this.list[i], i) });
    this.scroller.addEventListener("scroll", () => this.onScroll());
    new TimelineHands(this);
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.scroller);
  }

  // -- what is drawn ------------------------------------------------------------------------

  /** @param {Picture} picture */
  draw(picture) {
    this.picture = picture;
    this.now = picture.run.live ? this.desk.now() : (picture.run.ended ?? picture.now);
    const { changed, rows } = picture, { key } = this.state;
    if (!changed) {
      this.rows = [];
      this.kinds.clear();
    }
    for (const row of changed ? changed.map((one) => /** @type {Row} */ (rows.get(one))) : rows.values()) {
      this.rows[row.index] = row;
      for (const span of row.spans) this.kinds.add(span[0] === "running" && this.isServed(row, span) ? FROM_HISTORY : span[0]);
    }
    this.sift();
    this.place();
    if (key !== null && (!changed || changed.includes(key))) this.select(rows.has(key) ? key : null);
  }

  /** Find the rows that the filter lets through, and count those of each status. */
  sift() {
    const { only, text } = this.state, wanted = text.trim().toLowerCase();
    /** @type {Map<string, [look: string[], count: number]>} */
    const counts = new Map();
    for (const { look } of this.rows) {
      const entry = counts.get(look[0]);
      if (entry) entry[1] += 1;
      else counts.set(look[0], [look, 1]);
    }
    this.list = this.rows.filter((row) => (!only.size || only.has(row.look[0])) && (!wanted || `${row.name} ${row.short} ${row.look[1]} ${row.kind}`.toLowerCase().includes(wanted)));
    pool(this.chips, [...counts], "button", (chip, [icon, [look, count]]) => {
      if (!chip.firstChild) chip.append(h("span", { "aria-hidden": "true" }), " ", h("span"), " ", h("span", { class: "nbf-muted" }));
      setAll(chip, { type: "button", class: "nbf-pill", "aria-pressed": only.has(icon) });
      chip.onclick = () => {
        if (!only.delete(icon)) only.add(icon);
        this.filter(text);
      };
      chip.children[0].className = `nbf-icon nbf-${icon === DONE ? "good" : look[2]}`;
      [icon, icon === DONE ? "done" : look[1], String(count)].forEach((one, i) => setText(chip.children[i], one));
    });
    this.bar.hidden = !this.rows.length;
    this.scroller.hidden = this.legend.hidden = !this.list.length;
    this.empty.hidden = !this.scroller.hidden;
    setText(this.empty, this.rows.length ? "no row fits the filter" : "nothing has happened yet");
    this.el.style.setProperty("--nbf-tl-name", `${4 + this.list.reduce((most, row) => Math.max(most, Math.min(row.name.length + row.short.length, 40)), 8)}ch`);
    if (!this.list.some((row) => row.key === this.roving)) this.roving = this.list[0]?.key ?? null;
    setAll(this.body, { "aria-rowcount": this.list.length });
  }

  /** @param {string} text */
  filter(text) {
    this.state.text = text;
    this.sift();
    this.place();
  }

  /** Lay everything out anew: the axis, what of it is seen, and the rows in view. */
  place() {
    const { picture, state, width, list } = this;
    if (!picture) return;
    const axis = this.axis = new TimeAxis(picture.axis, this.now, Math.min(56 / width, 0.2), state.toScale);
    const { zoom } = state, { live } = picture.run;
    this.seen = !zoom ? [0, 1] : zoom.stick ? [1 - zoom.stick, 1] : movedPart([axis.place(zoom.from), axis.place(zoom.to)], 0);
    this.follow.hidden = !live;
    this.collapse.hidden = !axis.breaks.length && !state.toScale;
    setAll(this.follow, { "aria-pressed": state.follow });
    setAll(this.collapse, { "aria-pressed": !state.toScale });
    this.drawAxis(axis);
    const height = `${list.length * this.height}px`;
    if (this.body.style.height !== height) {
      this.body.style.height = height;
      if (live && state.follow) this.setFollow(true);
    }
    this.drawLines(true);
  }

  /** The ruler, the lines and breaks through all rows, and the legend. @param {TimeAxis} axis */
  drawAxis(axis) {
    const { seen, width, kinds, list } = this;
    /** @type {[x: number, label: string, look: string][]} */
    const labels = [];
    const add = (/** @type {number} */ x, /** @type {string} */ label, /** @type {string} */ look) => {
      const wide = 7 * label.length;
      if (x + wide <= width + 2 && labels.every(([at, other]) => x >= at + 7 * other.length + 8 || x + wide + 8 <= at)) labels.push([x, label, look]);
    };
    const breaks = axis.breaks.map(({ first, last, label }) => ({ x: this.x(first), wide: this.x(last) - this.x(first), label }))
      .filter(({ x, wide }) => wide >= 3 && x < width && x + wide > 0);
    for (const { x, wide, label } of breaks) add(Math.min(Math.max(x + wide / 2 - 3.5 * label.length, 0), width - 7 * label.length), label, "gap");
    const marks = axis.marks(Math.max(2, Math.min(10, Math.floor(width / 64))), seen);
    for (const [place, label] of marks) add(this.x(place), label, "tick");
    pool(this.ticks, labels, "span", (tick, [x, label, look]) => {
      setText(tick, label);
      setAll(tick, { class: `nbf-tl-${look}`, style: `left: ${x}px` });
    });
    pool(this.under, marks, "i", (line, [place]) => setAll(line, { style: `left: ${this.x(place)}px` }));
    pool(this.over, breaks, "i", (strip, { x, wide }) => setAll(strip, { style: `left: ${x}px; width: ${wide}px` }));
    const items = Object.entries(SPAN_WORDS).filter(([kind]) => kinds.has(kind)).map(([kind, word]) => [`span nbf-active nbf-tl-${kind}`, word]);
    if (kinds.has(FROM_HISTORY)) items.push(["span nbf-active nbf-tl-running nbf-tl-old", "served from history by replay"]);
    if (axis.breaks.length) items.push(["strip", "idle time left out"]);
    if (list.some((row, i) => row.turn === list[i + 1]?.turn)) items.push(["bracket", "began side by side"]);
    pool(this.legend, items, "span", (entry, [look, word]) => {
      if (!entry.firstChild) entry.append(h("i"), h("span"));
      entry.children[0].className = `nbf-tl-${look}`;
      setText(entry.children[1], word);
    });
  }

  /** The rows in sight, and the one that has the focus. @param {boolean} [all] bring up to date also those that are there */
  drawLines(all) {
    this.lines.place(this.list.length, this.height, this.list.findIndex((row) => row.key === this.roving), all);
  }

  /** @returns {Line} */
  makeLine() {
    const parts = [h("span", { "aria-hidden": "true" }), h("bdi"), h("bdi", { class: "nbf-tl-short" }), h("span"), h("span", { class: "nbf-tl-remark" })];
    const track = h("span", { class: "nbf-tl-track", "aria-hidden": "true" });
    const cell = (/** @type {string} */ name, /** @type {any[]} */ ...children) => h("span", { role: "gridcell", class: `nbf-tl-${name}` }, ...children);
    const took = cell("took"), [icon, name, short, word, remark] = parts;
    return { el: h("div", { role: "row" }, cell("name", icon, " ", name, " ", short), track, cell("state", word, " ", remark), took), parts: [...parts, took], track };
  }

  /** @param {Line} line @param {Row} row @param {number} i */
  drawLine(line, row, i) {
    const { list, now } = this, { key, look, name, short, turn, due, remark } = row;
    const above = list[i - 1]?.turn === turn, below = list[i + 1]?.turn === turn;
    const bracket = above || below ? `nbf-tl-turn${above ? "" : "-first"}${below ? "" : "-last"}` : "";
    setAll(line.el, { class: `nbf-tl-row nbf-tl-grid ${bracket}`, "data-key": key, style: `top: ${i * this.height}px`, "aria-rowindex": i + 1,
      "aria-selected": key === this.state.key, tabindex: key === this.roving ? 0 : -1 });
    line.parts[0].className = `nbf-icon nbf-${look[2]}`;
    [look[0], name, short, look[1], [remark, due === null ? "" : `due ${until(due, now)}`].filter(Boolean).join(", "),
      row.kind === "sent" ? "" : duration((row.end ?? now) - row.start)].forEach((text, j) => setText(line.parts[j], text));
    setAll(/** @type {Element} */ (line.parts[4].parentElement), { title: line.parts[4].textContent });
    /** @type {[Span, number, number][]} */
    const bars = [];
    let reached = -9;
    for (const span of row.spans) {
      const [x, right] = this.edges(row, span).map((time) => this.x(this.axis?.place(time) ?? 0));
      if (right < 0 || x > this.width || (row.spans.length > 60 && right < reached + 1)) continue;
      reached = right;
      bars.push([span, Math.min(Math.max(x, -9), this.width - 3), Math.min(right, this.width + 9)]);
    }
    pool(line.track, bars, "i", (bar, [span, x, right]) => setAll(bar, { style: `left: ${x}px; width: ${right - x}px`,
      class: `nbf-tl-span nbf-tl-${span[0]} nbf-${span[3]}${this.isServed(row, span) ? " nbf-tl-old" : ""}` }));
  }

  /** @param {number} place @returns {number} pixels from the left of the tracks */
  x(place) {
    return ((place - this.seen[0]) / (this.seen[1] - this.seen[0])) * this.width;
  }

  /** When a span began and ended. @param {Row} row @param {Span} span */
  edges({ start }, [, offset, length]) {
    return [start + offset, length === null ? Math.max(this.now, start + offset) : start + offset + length];
  }

  /** Whether replay took it from history. @param {Row} row @param {Span} span */
  isServed(row, span) {
    return span[2] !== null && this.edges(row, span)[1] <= (this.picture?.axis.served ?? 0);
  }

  /** @param {number} now */
  tick(now) {
    this.now = now;
    this.place();
  }

  /** @param {{row?: string}} [detail] */
  show(detail) {
    this.wish = detail?.row;
    requestAnimationFrame(() => this.resize());
  }

  resize() {
    const wide = this.scroller.clientWidth, { wish, picture } = this;
    if (wide) {
      this.el.classList.toggle("nbf-tl-slim", wide < 560);
      this.height = wide < 560 ? 42 : 26;
      this.width = this.ticks.clientWidth;
      this.place();
    }
    if (wide && wish !== undefined && picture?.rows.has(wish)) {
      this.wish = undefined;
      this.go(wish);
      this.select(wish);
    }
  }

  dispose() {
    this.sizes.disconnect();
  }

  // -- hands --------------------------------------------------------------------------------

  onScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    if (scrollTop < this.top && scrollTop + clientHeight < scrollHeight - this.height) this.setFollow(false);
    this.top = scrollTop;
    this.tip.hidden = true;
    this.drawLines();
  }

  /** @param {boolean} on */
  setFollow(on) {
    if (on) this.scroller.scrollTop = this.top = this.scroller.scrollHeight;
    this.state.follow = on;
    setAll(this.follow, { "aria-pressed": on });
  }

  /** See a part of the axis; null: all of it. @param {Part|null} seen */
  zoomTo(seen) {
    const { axis, picture, state } = this, whole = !seen || seen[1] - seen[0] > 0.999;
    if (!axis) return;
    state.zoom = whole ? null : picture?.run.live && seen[1] > 0.9999 ? { stick: seen[1] - seen[0] } : { from: axis.time(seen[0]), to: axis.time(seen[1]) };
    this.tip.hidden = true;
    this.place();
    const [from, to] = this.seen.map((place) => duration(axis.time(place) - axis.start));
    this.desk.say(whole ? "the whole run is shown" : `shown: ${from} to ${to}`);
  }

  /** @param {number} factor @param {number} [at] the place that stays where it is @param {Part} [seen] */
  zoomBy(factor, at = (this.seen[0] + this.seen[1]) / 2, seen = this.seen) {
    if (this.axis) this.zoomTo(zoomedPart(seen, at, factor, Math.min(5 * this.axis.perMs, 1)));
  }

  /** Move what is seen by that part of its width. @param {number} by @param {Part} [seen] */
  moveBy(by, seen = this.seen) {
    if (this.state.zoom) this.zoomTo(movedPart(seen, by * (seen[1] - seen[0])));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { key, target } = event, { list, search } = this;
    if (event.ctrlKey || event.metaKey || event.altKey || (target === search && key !== "Escape")) return;
    const at = list.findIndex((row) => row.key === this.roving), page = Math.max(Math.floor(this.scroller.clientHeight / this.height) - 2, 1);
    /** @type {Record<string, () => any>} */
    const anywhere = { "+": () => this.zoomBy(0.5), "=": () => this.zoomBy(0.5), "-": () => this.zoomBy(2), 0: () => this.zoomTo(null), f: () => this.setFollow(!this.state.follow),
      "/": () => search.focus(), "?": () => this.toggleHelp(), Escape: () => this.escape(target) };
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length, PageDown: at + page, PageUp: at - page };
    /** @type {Record<string, () => any>} */
    const inRow = { Enter: () => this.toggle(this.roving), " ": () => this.toggle(this.roving), ArrowLeft: () => this.moveBy(-0.2), ArrowRight: () => this.moveBy(0.2) };
    const act = anywhere[key] ?? (rowKeyOf(target) === undefined ? undefined : key in steps ? () => this.go(list[Math.max(0, Math.min(steps[key], list.length - 1))].key) : inRow[key]);
    if (!act || act() === false) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Close what is open, innermost first; false: there was nothing. @param {EventTarget|null} target */
  escape(target) {
    const { key } = this.state;
    if (!this.help.hidden) this.toggleHelp();
    else if (target === this.search && this.search.value) this.filter(this.search.value = "");
    else if (key !== null) {
      this.select(null);
      this.go(key);
    } else return false;
  }

  /** @param {boolean} [hidden] */
  toggleHelp(hidden = !this.help.hidden) {
    this.help.hidden = hidden;
    setAll(this.keys, { "aria-expanded": !hidden });
  }

  /** Bring a row into view and give it the focus. @param {string} key */
  go(key) {
    const { scroller, height } = this, top = this.list.findIndex((row) => row.key === key) * height;
    if (top < 0) return;
    this.roving = key;
    const room = scroller.clientHeight - this.ruler.offsetHeight - height;
    scroller.scrollTop = Math.max(Math.min(scroller.scrollTop, top), top - room);
    this.drawLines(true);
    this.lines.drawn.get(key)?.el.focus({ preventScroll: true });
  }

  /** @param {string|null} key */
  toggle(key) {
    this.select(key === this.state.key ? null : key);
  }

  /** Show what is behind a row; null: of none. @param {string|null} key */
  select(key) {
    const { picture, pane } = this, { hidden } = pane.el;
    if (!picture) return;
    this.state.key = key;
    pane.show(picture.rows.get(key ?? ""), picture);
    if (hidden === pane.el.hidden) this.drawLines(true);
    else this.resize();
  }
}
