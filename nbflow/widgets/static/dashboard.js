// @ts-check
/**
 * All runs as a live table; a click opens a run's card below.
 *
 * Messages from Python: `snapshot` (every row that is loaded), `delta` (changed rows, and IDs that are gone), `loaded`
 * (a page that was asked for has come), `order` (how far a command to many runs has got), `stale`, `closed`. To
 * Python: `hello` and `bye`, `load`, `widen`, `do`. What is typed and clicked filters and sorts what is loaded at
 * once; what may stand further back in the store is asked for.
 */

import { Shelf } from "./card.js";
import { arranged, forest, passes } from "./choice.js";
import { COLUMNS, fillLine, makeLine } from "./line.js";
import { OrdersBar, many, orderText } from "./orders.js";
import { RowsInSight } from "./sight.js";
import { NO_ANSWER, button, h, keptOf, onSilence, ownKeys, setText } from "./words.js";

/** @typedef {import('./words.js').Model} Model */
/** @typedef {import('./choice.js').Line} Line */
/** What a snapshot or a delta says besides its rows.
 * @typedef {{counts: [status: string, count: number, icon: string, word: string, tone: string][], scope: string, chosen: string[], page: number, caveat?: string}} Frame */

const BEYOND = 8; // rows that are drawn above and below those in sight
const FLASH = [{ backgroundColor: "color-mix(in srgb, var(--nbf-active) 26%, transparent)" }, {}];

/** The table in one element. */
export class DashboardView {
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.view = Math.random().toString(36).slice(2);
    const kept = keptOf(model);
    this.n = this.skew = this.ids = 0;
    /** @type {number|undefined} */
    this.still = undefined;
    /** @type {Frame} */
    this.frame = { counts: [], scope: "", chosen: [], page: 0 };
    /** @type {Map<string, Line>} */
    this.lines = new Map();
    /** @type {Line[]} */
    this.shown = [];
    /** @type {Map<string, boolean>} */
    this.asked = new Map(); // filters that were loaded: whether the store has more
    /** @type {{by: string, down: boolean, text: string, chosen: Set<string>|null, tree: boolean, marked: Set<string>, active: string}} */
    this.state = kept.get("table") ?? { by: "created", down: true, text: "", chosen: null, tree: false, marked: new Set(), active: "" };
    kept.set("table", this.state);
    this.heard = () => {};
    this.typing = 0;
    this.shelf = new Shelf(model, kept);
    this.chips = h("div", { class: "nbf-db-statuses", role: "group", "aria-label": "Filter by status" });
    this.search = /** @type {HTMLInputElement} */ (h("input", { type: "search", class: "nbf-field nbf-db-search", placeholder: "ID, workflow, waits for …", "aria-label": "Filter by ID, workflow or what it waits for",
      oninput: () => { this.state.text = this.search.value; this.choose(); },
      onkeydown: (/** @type {KeyboardEvent} */ e) => { if (e.key === "ArrowDown") { e.preventDefault(); this.move(0); } } }));
    this.search.value = this.state.text;
    this.tree = button("As a tree", () => { this.state.tree = !this.state.tree; this.choose(); }, { class: "nbf-pill" });
    this.scope = button("", () => this.model.send({ type: "widen" }), { class: "nbf-pill", hidden: true });
    this.orders = new OrdersBar({ give: (name) => this.order(name), none: () => { this.mark([...this.state.marked], false); this.move(0); } });
    this.notice = h("div", { class: "nbf-notice", role: "status", hidden: true });
    this.status = h("div", { class: "nbf-sr", role: "status" });
    this.all = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", "aria-label": "Choose all that are shown", onchange: () => this.mark(this.shown.map((line) => line.id), this.all.checked) }));
    this.heads = COLUMNS.map(([key, title]) => h("span", { role: "columnheader", class: `nbf-db-c-${key}` }, button(title, () => this.sort(key), { class: "nbf-db-head-link" })));
    this.body = h("div", { role: "rowgroup", class: "nbf-db-lines" });
    this.grid = h("div", { class: "nbf-db-grid", role: "treegrid", "aria-label": "Runs", onscroll: () => this.place() },
      h("div", { role: "rowgroup", class: "nbf-db-grid-head" }, h("div", { role: "row", class: "nbf-db-tr" }, h("span", { role: "columnheader", class: "nbf-db-c-mark" }, this.all), ...this.heads)), this.body);
    /** @type {RowsInSight<{el: HTMLElement}>} */
    this.rows = new RowsInSight(this.grid, this.body, BEYOND, { key: (i) => this.shown[i].id, make: (i) => ({ el: makeLine(this.shown[i]) }),
      fill: ({ el: row }, i) => fillLine(row, this.shown[i], i, this.now(), this.state) });
    this.empty = h("div", { class: "nbf-db-empty nbf-muted", hidden: true });
    this.foot = h("div", { class: "nbf-db-foot nbf-muted" });
    this.body.addEventListener("click", (e) => this.onClick(e));
    this.body.addEventListener("keydown", (e) => this.onKey(e));
    this.body.addEventListener("focusin", (e) => {
      const id = /** @type {HTMLElement|null} */ (/** @type {Element} */ (e.target).closest("[data-run]"))?.dataset.run;
      if (id === undefined || id === this.state.active) return;
      this.state.active = id;
      this.place();
    });
    const back = (/** @type {Event} */ e) => { if (e.target instanceof Element && e.target.closest(".nbf-shut")) this.move(0); };
    this.shelf.el.addEventListener("click", back);
    this.shelf.el.addEventListener("keydown", (e) => this.onShelfKey(e));
    this.root = h("div", { class: "nbf nbf-dash", role: "group", "aria-label": "Workflow runs" },
      h("div", { class: "nbf-db-tools" }, this.chips, this.scope, this.search, this.tree), this.notice, this.orders.el, this.status, this.grid, this.empty, this.foot, this.shelf.el);
    ownKeys(this.root);
    el.append(this.root);
    this.resized = new ResizeObserver(() => this.place());
    this.resized.observe(this.grid);
    this.onMessage = (/** @type {any} */ message) => this.receive(message);
    this.onKept = () => this.take(model.get("snapshot"));
    this.onLive = () => { if (model.comm_live === false) this.notify(NO_ANSWER); };
    this.onSeen = () => { if (!document.hidden && this.still === undefined) this.hello(); };
    model.on("msg:custom", this.onMessage);
    model.on("change:snapshot", this.onKept);
    model.on("comm_live_update", this.onLive);
    document.addEventListener("visibilitychange", this.onSeen);
    this.onKept();
    this.hello();
    this.clock = window.setInterval(() => { if (!document.hidden && this.root.isConnected) this.tick(); }, 1000);
  }

  now() { return this.still ?? Date.now() + this.skew; }

  // -- the kernel ---------------------------------------------------------------------------

  hello() {
    this.expect();
    this.model.send({ type: "hello", view: this.view });
  }

  /** Say so if nobody answers. */
  expect() {
    this.heard();
    this.heard = onSilence(() => this.model.widget_manager?.kernel?.status === "busy", () => this.notify(NO_ANSWER));
  }

  /** @param {string} text empty: nothing to notify of */
  notify(text) {
    setText(this.notice, text);
    this.notice.hidden = !text;
  }

  /** @param {any} message */
  receive(message) {
    if (message.to !== undefined) return;
    this.heard();
    if (this.notice.textContent === NO_ANSWER) this.notify("");
    if (message.type === "stale") this.hello();
    else if (message.type === "closed") {
      this.still = this.now();
      this.notify(message.reason);
    } else if (message.type === "loaded") {
      this.asked.set(message.key, message.more);
      if (message.error) this.notify(message.error);
      this.drawFoot();
    } else if (message.type === "order") this.notify(orderText(message));
    else if (message.type === "snapshot" || message.n === this.n + 1) this.take(message);
    else if (message.n > this.n) this.hello();
  }

  /** Take in a snapshot or a delta. @param {any} message */
  take(message) {
    const whole = message?.type === "snapshot", { state } = this;
    if (!message?.rows || (whole && message.n < this.n)) return;
    this.n = message.n;
    this.skew = message.now - Date.now();
    this.still = message.still ? message.now : undefined;
    if (whole) this.lines.clear();
    for (const id of message.gone ?? []) {
      this.lines.delete(id);
      state.marked.delete(id);
    }
    for (const line of message.rows) this.lines.set(line.id, line);
    this.frame = message;
    state.chosen ??= new Set(message.chosen);
    this.arrange();
    for (const { id } of whole ? [] : message.rows) if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.rows.drawn.get(id)?.el.animate(FLASH, 1200);
  }

  // -- which rows, in which order -----------------------------------------------------------

  /** Draw everything anew, with the row at the top of what is in sight staying there. */
  arrange() {
    const { state, grid } = this, before = this.shown[Math.floor(grid.scrollTop / this.height())]?.id;
    const statuses = this.frame.counts.map(([status]) => status);
    const lines = arranged([...this.lines.values()].filter((line) => passes(line, state)), state, this.now(), statuses);
    this.shown = state.tree ? forest(lines) : lines;
    const at = grid.scrollTop > 0 ? this.shown.findIndex((line) => line.id === before) : -1;
    this.body.style.height = `calc(${this.shown.length} * var(--nbf-high))`;
    if (at >= 0) grid.scrollTop = at * this.height() + (grid.scrollTop % this.height());
    for (const [i, [key]] of COLUMNS.entries()) {
      if (key === state.by) this.heads[i].setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else this.heads[i].removeAttribute("aria-sort");
    }
    grid.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.tree.setAttribute("aria-pressed", String(state.tree));
    this.drawChips();
    this.drawFoot();
    this.drawMarks();
    this.place();
  }

  /** A person has chosen other rows: show them, and ask for those that are not here. */
  choose() {
    this.arrange();
    setText(this.status, `${many(this.shown.length)} shown`);
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => { if (!this.asked.has(this.key()) && this.missing()) this.load(); }, 300);
  }

  key() { return JSON.stringify([[...(this.state.chosen ?? [])].sort(), this.state.text.trim()]); }

  /** How many runs of the chosen statuses the store has, and how many are here. */
  count() {
    const { chosen } = this.state, of = (/** @type {string} */ status) => !chosen?.size || chosen.has(status);
    const there = this.frame.counts.reduce((sum, [status, count]) => sum + (of(status) ? count : 0), 0);
    let here = 0;
    for (const line of this.lines.values()) here += +of(line.status);
    return { here, there };
  }

  missing() {
    const { here, there } = this.count();
    return here < there;
  }

  load() {
    const { chosen, text } = this.state;
    this.model.send({ type: "load", statuses: [...(chosen ?? [])], text: text.trim(), key: this.key() });
  }

  /** @param {string} by */
  sort(by) {
    const { state } = this;
    state.down = state.by === by ? !state.down : ["created", "updated", "took"].includes(by);
    state.by = by;
    this.grid.scrollTop = 0;
    this.choose();
  }

  // -- drawing ------------------------------------------------------------------------------

  drawChips() {
    const { counts, scope } = this.frame, { chosen } = this.state;
    for (const [status, count, icon, word, tone] of counts) {
      const chip = this.chips.querySelector(`[data-status=${status}]`) ?? h("button", { type: "button", class: `nbf-pill nbf-${tone}`, "data-status": status, onclick: () => {
        if (!chosen?.delete(status)) chosen?.add(status);
        this.choose();
      } }, h("span", { class: "nbf-icon", "aria-hidden": "true" }, icon), h("span"));
      if (!chip.parentNode) this.chips.append(chip);
      setText(/** @type {Element} */ (chip.lastChild), ` ${count.toLocaleString("en")} ${word}`);
      chip.setAttribute("aria-pressed", String(!!chosen?.has(status)));
      chip.toggleAttribute("hidden", !count && !chosen?.has(status));
    }
    this.scope.hidden = !scope;
    setText(this.scope, `${scope} ×`);
  }

  drawFoot() {
    const { here, there } = this.count(), total = this.shown.length, { text } = this.state;
    const more = here < there && this.asked.get(this.key()) !== false;
    this.empty.hidden = !this.frame.counts.length || total > 0;
    this.grid.hidden = !this.lines.size;
    setText(this.empty, !there && !this.state.chosen?.size ? "No runs yet: type %wf run NAME(…) to start one" : "No such runs: choose other statuses or another text");
    setText(this.foot, text.trim() ? `${total.toLocaleString("en")} found among ${here.toLocaleString("en")} of ${many(there)}` : here < there ? `${here.toLocaleString("en")} of ${many(there)} are shown` : many(total));
    if (this.frame.caveat) this.foot.append(` · ${this.frame.caveat}`);
    if (more) this.foot.append(" ", button(`load ${this.frame.page.toLocaleString("en")} more`, () => this.load(), { class: "nbf-link" }));
  }

  height() { return parseFloat(getComputedStyle(this.body).getPropertyValue("--nbf-high")) || 30; }

  /** Put the rows that are in sight into the page, and the one with the tab stop. */
  place() {
    const { shown, state } = this;
    if (!shown.some((line) => line.id === state.active)) state.active = shown[0]?.id ?? "";
    this.rows.place(shown.length, this.height(), shown.findIndex((line) => line.id === state.active), true);
  }

  /** The running clocks. */
  tick() {
    if (this.still !== undefined) return;
    for (const [i, line] of this.shown.entries()) {
      const row = line.live ? this.rows.drawn.get(line.id) : undefined;
      if (row) fillLine(row.el, line, i, this.now(), this.state);
    }
  }

  // -- hands --------------------------------------------------------------------------------

  /** @param {MouseEvent} event */
  onClick(event) {
    const target = /** @type {Element} */ (event.target), id = /** @type {HTMLElement|null} */ (target.closest("[data-run]"))?.dataset.run;
    if (id === undefined) return;
    this.state.active = id;
    if (target.closest(".nbf-db-c-mark")) this.mark([id], !this.state.marked.has(id));
    else if (!getSelection()?.toString()) this.open();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const page = Math.max(Math.floor(this.grid.clientHeight / this.height()) - 2, 1), { active, marked } = this.state;
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) this.move(by);
    else if (event.key === "Enter") this.open();
    else if (event.key === " ") this.mark([active], !marked.has(active));
    else if (event.key === "Escape" && this.shelf.cards.has(active)) this.shelf.shut(active);
    else return;
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  onShelfKey(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    for (const [id, card] of this.shelf.cards) {
      if (!card.root?.contains(/** @type {Node} */ (event.target))) continue;
      this.shelf.shut(id);
      this.state.active = id;
      this.move(0);
      return;
    }
  }

  /** Give another row the focus. @param {number} by */
  move(by) {
    const { shown, state, grid } = this, high = this.height();
    const at = Math.min(Math.max(shown.findIndex((line) => line.id === state.active) + by, 0), shown.length - 1);
    if (!shown[at]) return;
    state.active = shown[at].id;
    const top = at * high, room = grid.clientHeight - this.body.offsetTop - high;
    if (top < grid.scrollTop || top > grid.scrollTop + room) grid.scrollTop = by < 0 || room < 0 ? top : top - room;
    this.place();
    this.rows.drawn.get(state.active)?.el.focus({ preventScroll: true });
  }

  open() {
    this.place();
    this.shelf.open(this.state.active, true);
  }

  // -- many runs at once --------------------------------------------------------------------

  /** @param {string[]} ids @param {boolean} on */
  mark(ids, on) {
    for (const id of ids) this.state.marked[on ? "add" : "delete"](id);
    this.orders.sure = undefined;
    this.drawMarks();
    this.place();
  }

  drawMarks() {
    const { marked } = this.state;
    this.all.checked = marked.size > 0 && this.shown.every((line) => marked.has(line.id));
    this.all.indeterminate = marked.size > 0 && !this.all.checked;
    this.orders.draw(marked.size);
  }

  /** @param {string} name */
  order(name) {
    const runs = [...this.state.marked];
    this.ids += 1;
    this.expect();
    this.model.send({ type: "do", id: `${this.view}-${this.ids}`, do: name, runs });
    this.mark(runs, false);
    this.move(0);
  }

  dispose() {
    this.shelf.dispose();
    this.resized.disconnect();
    window.clearInterval(this.clock);
    this.heard();
    window.clearTimeout(this.typing);
    this.model.off("msg:custom", this.onMessage);
    this.model.off("change:snapshot", this.onKept);
    this.model.off("comm_live_update", this.onLive);
    document.removeEventListener("visibilitychange", this.onSeen);
    this.model.send({ type: "bye", view: this.view });
    this.root.remove();
  }
}
