// @ts-check
/**
 * The card of a run: draws what Python has computed, and sends a person's answers back.
 *
 * Messages from Python: `snapshot` (everything), `delta` (what changed), `ack` (what became
 * of an answer), `stale` (Python has missed something: say hello). To Python: `hello` and `bye` of this view, and `answer`. Messages are counted
 * by `n`; a view that has missed one says hello again.
 *
 * Every value of a user's is text: it is set as textContent and never parsed as HTML.
 */

import { WaitView } from "./ask.js";
import { RowView } from "./row.js";
import { NO_ANSWER, SILENT_AFTER, blockNodes, clockTime, duration, fullTime, h, setText } from "./words.js";

/** @typedef {import('./words.js').Run} Run */
/** @typedef {import('./words.js').Row} Row */
/** @typedef {import('./words.js').Wait} Wait */
/** @typedef {import('./words.js').Ack} Ack */
/** @typedef {import('./words.js').Picture} Picture */
/** @typedef {import('./words.js').Model} Model */

const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((s) => s * 1e3),
  ...[1, 2, 5, 10, 15, 30].map((s) => s * 6e4),
  ...[1, 2, 3, 6, 12].map((s) => s * 36e5),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((s) => s * 864e5),
];

/** @typedef {import('./ask.js').Kept} Kept */
/** @type {WeakMap<object, Map<string, Kept>>} */
const KEPT = new WeakMap();

/** What outlives the views of one wait of a card. @param {object} model @param {string} key */
function keptOf(model, key) {
  const all = KEPT.get(model) ?? new Map();
  KEPT.set(model, all);
  if (!all.has(key)) all.set(key, { sent: null });
  return all.get(key);
}

/** The whole card in one element. */
class CardView {
  /** @param {Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.model = model;
    this.view = Math.random().toString(36).slice(2);
    this.ids = 0;
    this.n = 0;
    this.skew = 0; // the kernel's clock minus the browser's
    /** @type {number|undefined} */
    this.still = undefined; // what the run's clock shows, if it stands still
    /** @type {Run|null} */
    this.run = null;
    /** @type {Map<string, RowView>} */
    this.rows = new Map();
    /** @type {Map<string, WaitView>} */
    this.waits = new Map();
    this.step = 0;
    this.longest = 8; // characters of the longest name
    this.build(el);
    this.onMessage = (/** @type {any} */ message) => this.receive(message);
    this.onKept = () => this.draw(model.get("snapshot"));
    model.on("msg:custom", this.onMessage);
    model.on("change:snapshot", this.onKept);
    this.onKept();
    this.hello();
    this.loop();
  }

  /** @param {HTMLElement} el */
  build(el) {
    this.badge = h("span", { class: "nbf-badge" });
    this.title = h("bdi", { class: "nbf-title" });
    this.id = h("code", { class: "nbf-id" });
    this.elapsed = h("span", { class: "nbf-elapsed" });
    this.facts = h("div", { class: "nbf-subtitle" });
    this.problem = h("div", { class: "nbf-problem", hidden: true });
    this.status = h("div", { class: "nbf-sr", role: "status" });
    this.more = h("div", { class: "nbf-details nbf-run-details", hidden: true });
    this.moreButton = h("button", { type: "button", class: "nbf-link", "aria-expanded": "false", onclick: () => this.toggleMore() }, "Input and output");
    this.notice = h("div", { class: "nbf-notice", role: "status", hidden: true });
    this.inbox = h("section", { class: "nbf-inbox", "aria-label": "Waiting for an answer", hidden: true });
    this.axis = h("div", { class: "nbf-ticks", "aria-hidden": "true" });
    this.list = h("ol", { class: "nbf-rows", "aria-label": "Timeline", onkeydown: (/** @type {KeyboardEvent} */ e) => this.move(e) });
    this.empty = h("div", { class: "nbf-muted nbf-empty" }, "nothing has happened yet");
    this.chart = h("div", { class: "nbf-chart" }, h("div", { class: "nbf-axis" }, this.axis), this.list);
    this.root = h("div", { class: "nbf", "data-lm-suppress-shortcuts": "true", role: "group" },
      h("div", { class: "nbf-head" }, this.badge, this.title, this.id, this.elapsed),
      h("div", { class: "nbf-subhead" }, this.facts, this.moreButton),
      this.more, this.problem, this.status, this.notice, this.inbox, this.chart, this.empty);
    el.append(this.root);
  }

  newId() {
    this.ids += 1;
    return `${this.view}-${this.ids}`;
  }

  now() {
    return this.still ?? Date.now() + this.skew;
  }

  hello() {
    window.clearTimeout(this.silence);
    this.silence = window.setTimeout(() => {
      setText(/** @type {Element} */ (this.notice), NO_ANSWER);
      if (this.notice) this.notice.hidden = !this.run?.live;
    }, SILENT_AFTER);
    this.model.send({ type: "hello", view: this.view });
  }

  /** @param {Picture|Ack|{type: "stale"}} message */
  receive(message) {
    window.clearTimeout(this.silence);
    if (this.notice) this.notice.hidden = true;
    if (message.type === "stale") return this.hello();
    if (message.type === "ack") {
      for (const wait of this.waits.values()) wait.onAck(/** @type {Ack} */ (message));
      return;
    }
    const picture = /** @type {Picture} */ (message);
    if (picture.type === "snapshot" || picture.n === this.n + 1) this.draw(picture);
    else if (picture.n > this.n) this.hello();
  }

  /** @param {Picture|undefined} picture */
  draw(picture) {
    if (!picture?.run || picture.n < this.n || (picture.n === this.n && this.run)) return;
    const whole = picture.type === "snapshot";
    this.n = picture.n;
    this.skew = picture.now - Date.now();
    this.still = picture.still ? picture.now : undefined;
    const begun = picture.run.started ?? picture.run.created;
    this.t0 = picture.rows.reduce((first, row) => Math.min(first, row.start), whole ? begun : Math.min(begun, this.t0 ?? begun));
    this.run = picture.run;
    const following = this.chart && this.chart.scrollTop + this.chart.clientHeight > this.chart.scrollHeight - 8;
    this.drawHead(picture.run, picture.waits);
    this.drawWaits(picture.waits);
    this.drawRows(picture.rows, whole);
    this.tick();
    if (following && this.chart) this.chart.scrollTop = this.chart.scrollHeight;
  }

  /** @param {Run} run @param {Wait[]} waits */
  drawHead(run, waits) {
    const [icon, word, tone] = run.look;
    this.root?.setAttribute("aria-label", `Run ${run.id} of ${run.name}`);
    this.badge?.replaceChildren(h("span", { class: `nbf-icon nbf-${tone}`, "aria-hidden": "true" }, icon), ` ${word}`);
    if (this.badge) this.badge.className = `nbf-badge nbf-${tone}`;
    setText(/** @type {Element} */ (this.title), run.name);
    setText(/** @type {Element} */ (this.id), run.id);
    const facts = [
      h("time", { title: fullTime(run.started ?? run.created) }, `started ${clockTime(run.started ?? run.created)}`),
      run.generation ? h("span", {}, `generation ${run.generation + 1}`) : null,
      run.customStatus === null ? null : h("span", {}, "status ", h("code", {}, run.customStatus)),
      run.output === null ? null : h("span", {}, "output ", h("code", {}, run.output)),
    ];
    this.facts?.replaceChildren(...facts.filter((fact) => fact !== null));
    if (this.problem) {
      this.problem.hidden = run.problem === null;
      this.problem.className = `nbf-problem nbf-${tone}`;
      setText(this.problem, run.problem ?? "");
    }
    const names = waits.map((wait) => wait.label).join(", ");
    setText(/** @type {Element} */ (this.status), `${run.id}: ${word}${names ? `, waits for ${names}` : ""}`);
    if (this.more && !this.more.hidden) this.more.replaceChildren(...blockNodes(run.blocks));
  }

  /** @param {Wait[]} waits */
  drawWaits(waits) {
    const keys = new Set(waits.map((wait) => wait.key));
    for (const [key, view] of this.waits) {
      if (keys.has(key)) continue;
      const focused = view.form.contains(document.activeElement);
      view.clearTimers();
      view.form.remove();
      this.waits.delete(key);
      if (focused) this.focusRow(this.rows.get(key));
    }
    for (const wait of waits) {
      const view = this.waits.get(wait.key) ?? new WaitView(wait, (content) => this.model.send(content), () => this.newId(), keptOf(this.model, wait.key));
      if (!this.waits.has(wait.key)) {
        this.waits.set(wait.key, view);
        this.inbox?.append(view.form);
        if (wait.reason) view.complain(`rejected: ${wait.reason}`);
      }
      view.update(wait);
    }
    if (this.inbox) this.inbox.hidden = !waits.length;
  }

  /** @param {Row[]} rows @param {boolean} whole */
  drawRows(rows, whole) {
    const t0 = this.t0 ?? 0;
    if (whole) {
      const keys = new Set(rows.map((row) => row.key));
      for (const [key, view] of this.rows) if (!keys.has(key)) { view.item.remove(); this.rows.delete(key); }
    }
    for (const row of rows) {
      let view = this.rows.get(row.key);
      if (!view) {
        view = new RowView(row, () => this.roveTo(/** @type {RowView} */ (this.rows.get(row.key))));
        this.rows.set(row.key, view);
        this.list?.append(view.item);
      }
      view.update(row, t0, this.now());
    }
    this.longest = rows.reduce((longest, row) => Math.max(longest, row.name.length), this.longest);
    this.root?.style.setProperty("--nbf-name-width", `${Math.min(this.longest, 26) + 1}ch`);
    this.root?.classList.toggle("nbf-many", this.rows.size > 100);
    if (this.empty) this.empty.hidden = this.rows.size > 0;
    if (this.chart) this.chart.hidden = !this.rows.size;
    if (!this.current?.item.isConnected) this.roveTo(this.rows.values().next().value);
  }

  /** The running clock: a few variables make every open span grow. */
  tick() {
    if (!this.run) return;
    const t0 = this.t0 ?? 0, { run } = this;
    const now = run.live ? this.now() : (run.ended ?? this.now());
    let end = Math.max(now, t0 + (run.live ? 500 : 1));
    for (const view of this.rows.values()) {
      if (view.row.end === null) view.tick(now);
      else if (view.row.end > end) end = view.row.end;
    }
    for (const view of this.waits.values()) view.tick(now);
    setText(/** @type {Element} */ (this.elapsed), `${run.live ? "for" : "in"} ${duration(now - (run.started ?? run.created))}`);
    const length = end - t0;
    this.root?.style.setProperty("--now", String(now - t0));
    this.root?.style.setProperty("--k", `${100 / length}%`);
    this.drawAxis(length);
    this.length = length;
  }

  /** @param {number} length */
  drawAxis(length) {
    const most = Math.max(2, Math.min(8, Math.floor((this.axis?.clientWidth || 480) / 72)));
    const step = STEPS.find((s) => length / s < most) ?? length;
    const count = Math.floor(length / step) + 1;
    if (step === this.step && count === this.axis?.childElementCount) return;
    this.step = step;
    this.root?.style.setProperty("--step", String(step));
    this.axis?.replaceChildren(...Array.from({ length: count }, (_, i) => {
      const mark = h("span", {}, i * step > 0.95 * length ? "" : i ? duration(i * step).replace(".0 s", " s") : "0");
      mark.style.setProperty("--s", String(i * step));
      return mark;
    }));
  }

  loop() {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches || (this.length ?? 0) > 60_000;
    this.timer = window.setTimeout(() => {
      if (this.run?.live && !document.hidden && this.root?.isConnected) this.tick();
      this.loop();
    }, calm ? 1000 : 100);
  }

  toggleMore() {
    if (!this.more || !this.moreButton) return;
    this.more.hidden = !this.more.hidden;
    this.moreButton.setAttribute("aria-expanded", String(!this.more.hidden));
    this.more.replaceChildren(...blockNodes(this.run?.blocks ?? []));
  }

  /** Arrow keys, Home and End go from row to row. @param {KeyboardEvent} event */
  move(event) {
    const views = [...this.rows.values()];
    const at = views.findIndex((view) => view.button === event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: views.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.focusRow(views[Math.max(0, Math.min(to, views.length - 1))]);
  }

  /** @param {RowView|undefined} view */
  roveTo(view) {
    this.current?.button.setAttribute("tabindex", "-1");
    this.current = view;
    view?.button.setAttribute("tabindex", "0");
  }

  /** @param {RowView|undefined} view */
  focusRow(view) {
    this.roveTo(view);
    view?.button.focus();
  }

  dispose() {
    window.clearTimeout(this.timer);
    window.clearTimeout(this.silence);
    for (const wait of this.waits.values()) wait.clearTimers();
    this.model.off("msg:custom", this.onMessage);
    this.model.off("change:snapshot", this.onKept);
    this.model.send({ type: "bye", view: this.view });
    this.root?.remove();
  }
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  const view = new CardView(model, el);
  return () => view.dispose();
}

export default { render };
