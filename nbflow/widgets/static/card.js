// @ts-check
/**
 * The card of a run: its head, its questions, and its four views as tabs.
 *
 * Messages from Python: `snapshot` (everything), `delta` (what changed), `ack` (what became of an answer or a
 * command), `reply` (to what a view asked), `stale` (Python has missed something: say hello), `gone` (there is
 * no such run any more). To Python: `hello` and `bye` of this view, `answer`, `command`, `ask`; `open` and
 * `shut` for the card of another run. Messages are counted by `n`; a view that has missed one says hello again.
 *
 * Every value of a user's is text: it is set as textContent and never parsed as HTML.
 */

import { AsksView } from "./ask.js";
import { CommandsMenu } from "./commands.js";
import { ComparePanel } from "./compare.js";
import { GraphView } from "./graph.js";
import { InboxView } from "./inbox.js";
import { drawParting } from "./parting.js";
import { ReplayView } from "./replay.js";
import { TimelineView } from "./timeline.js";
import { NO_ANSWER, SubModel, blockNodes, clockTime, duration, fullTime, h, iconOf, keptOf, onSilence, ownKeys, rowsOf, setText, signButton } from "./words.js";

/** @typedef {import('./words.js').Picture} Picture */
/** @typedef {import('./words.js').Model} Model */
/** @typedef {import('./words.js').View} View */
/** @typedef {{resolve(value: any): void, reject(error: Error): void, heard(): void}} Asked */

const LOOK_FOR = 60_000; // ms that a look may take once the kernel has taken it up
const TABS = /** @type {const} */ ([["timeline", "Timeline"], ["replay", "Replay"], ["graph", "Graph"], ["inbox", "Inbox"]]);

/** The whole card in one element. */
export class CardView {
  /** @param {Model} model @param {HTMLElement} el @param {{shut?: () => void, card?: (id: string) => void}} [within] */
  constructor(model, el, { shut, card } = {}) {
    this.model = model;
    this.view = Math.random().toString(36).slice(2);
    this.kept = keptOf(model);
    this.heard = () => {}; // calls off what is to happen where nobody answers
    /** Whether the kernel is there and has its hands full, where the front end tells. */
    this.busy = () => model.widget_manager?.kernel?.status === "busy";
    this.gaveUp = false; // whether something was asked that nobody answered
    this.ids = 0;
    this.n = 0;
    this.said = this.blocksSaid = "";
    this.skew = 0; // the kernel's clock minus the browser's
    /** @type {number|undefined} */
    this.still = undefined; // what the run's clock shows, if it stands still
    /** @type {Picture|null} */
    this.picture = null;
    /** @type {Map<string, Asked>} */
    this.asked = new Map();
    this.shelf = card ? null : new Shelf(model, this.kept);
    this.card = card ?? (model.frozen ? null : (/** @type {string} */ id) => this.shelf?.open(id, true));
    this.desk = this.makeDesk();
    this.asks = new AsksView(this.desk);
    this.menu = new CommandsMenu(this.desk);
    this.comparing = new ComparePanel(this.desk);
    /** @type {Record<string, View>} */
    this.views = { timeline: new TimelineView(this.desk), replay: new ReplayView(this.desk), graph: new GraphView(this.desk), inbox: new InboxView(this.desk) };
    const opens = this.kept.has("view") ? { view: this.kept.get("view") } : model.get("opens") ?? {};
    this.shown = opens.view ?? "timeline";
    this.badge = h("span", { class: "nbf-badge" });
    this.title = h("bdi", { class: "nbf-title" }, "…");
    this.id = h("code", { class: "nbf-id" });
    this.elapsed = h("span", { class: "nbf-elapsed" });
    this.facts = h("div", { class: "nbf-subtitle" });
    this.problem = h("div", { class: "nbf-problem", hidden: true });
    this.parts = "";
    this.status = h("div", { class: "nbf-sr", role: "status" });
    this.more = h("div", { class: "nbf-details", hidden: true });
    this.moreButton = h("button", { type: "button", class: "nbf-unfold", "aria-expanded": "false", onclick: () => this.toggleMore() }, "Input and output");
    this.notice = h("div", { class: "nbf-notice", role: "status", hidden: true });
    this.panel = h("div", { class: "nbf-panel", role: "tabpanel", id: `nbf-panel-${this.view}` });
    this.tabs = TABS.map(([name, title]) => h("button", { type: "button", role: "tab", class: "nbf-tab", id: `nbf-tab-${name}-${this.view}`, "data-view": name,
      "aria-controls": `nbf-panel-${this.view}`, onclick: () => this.show(name) }, title));
    this.tablist = h("div", { class: "nbf-tabs", role: "tablist", "aria-label": "Views of the run", onkeydown: (/** @type {KeyboardEvent} */ e) => this.moveTab(e) }, ...this.tabs);
    const close = shut ? signButton("×", "Close this card", shut, { class: "nbf-button nbf-sign nbf-shut" }) : null;
    this.root = h("div", { class: "nbf", role: "group", "aria-label": "A run" },
      h("div", { class: "nbf-head" }, this.badge, this.title, this.id, this.elapsed, this.menu.el, close),
      h("div", { class: "nbf-subhead" }, this.facts, this.moreButton),
      this.more, this.problem, this.status, this.notice, this.asks.el, this.comparing.el, this.tablist, this.panel, this.shelf?.el ?? null);
    ownKeys(this.root);
    el.append(this.root);
    this.onMessage = (/** @type {any} */ message) => this.receive(message);
    this.onKept = () => this.take(model.get("snapshot"));
    this.onLive = () => { if (this.picture?.run.live) this.hello(); };
    this.onSeen = () => { if (!document.hidden && this.picture?.run.live) this.hello(); };
    model.on("msg:custom", this.onMessage);
    model.on("change:snapshot", this.onKept);
    model.on("comm_live_update", this.onLive);
    document.addEventListener("visibilitychange", this.onSeen);
    this.show(this.shown, opens.detail);
    this.onKept();
    this.hello();
    this.loop();
  }

  /** @returns {import('./words.js').Desk} */
  makeDesk() {
    return {
      send: (content) => this.model.send(content),
      ask: (what, args) => this.ask(what, args),
      now: () => this.now(),
      newId: () => this.newId(),
      open: (view, detail) => this.show(view, detail, true),
      card: this.card,
      kept: this.kept,
      busy: this.busy,
      order: (name) => this.menu.choose(name),
      compare: (other) => this.comparing.open(other),
      focusMenu: () => this.menu.button.focus(),
      say: (text) => setText(this.status, text),
    };
  }

  newId() {
    this.ids += 1;
    return `${this.view}-${this.ids}`;
  }

  now() {
    return this.still ?? Date.now() + this.skew;
  }

  // -- the kernel ---------------------------------------------------------------------------

  hello() {
    if (this.model.frozen) return;
    this.heard();
    this.heard = onSilence(this.busy, () => { if (this.picture?.run.live ?? true) this.notify(NO_ANSWER); });
    this.model.send({ type: "hello", view: this.view });
  }

  /** @param {string} text empty: nothing to notify of */
  notify(text) {
    setText(this.notice, text);
    this.notice.hidden = !text;
  }

  /** Ask Python for what a view wants to know. @param {string} what @param {object} [args] @returns {Promise<any>} */
  ask(what, args = {}) {
    return new Promise((resolve, reject) => {
      const id = this.newId();
      const heard = onSilence(this.busy, () => { this.gaveUp = true; this.onReply({ id, error: NO_ANSWER }); });
      this.asked.set(id, { resolve, reject, heard });
      this.model.send({ ...args, type: "ask", id, what });
    });
  }

  /** @param {{id: string, ok?: any, error?: string, taken?: boolean}} reply */
  onReply({ id, ok, error, taken }) {
    const asked = this.asked.get(id);
    if (!asked) return;
    asked.heard();
    if (taken) {
      const timer = window.setTimeout(() => this.onReply({ id, error: "the kernel has not answered for a minute" }), LOOK_FOR);
      asked.heard = () => window.clearTimeout(timer);
      return;
    }
    this.asked.delete(id);
    if (error === undefined) asked.resolve(ok);
    else asked.reject(new Error(error));
  }

  /** @param {any} message */
  receive(message) {
    if (message.to !== undefined) return;
    this.heard();
    if (message.type !== "gone") this.notify("");
    if (this.gaveUp) { // somebody is there after all
      this.gaveUp = false;
      for (const view of Object.values(this.views)) view.again?.();
    }
    if (message.type === "stale") this.hello();
    else if (message.type === "reply") this.onReply(message);
    else if (message.type === "gone") this.notify(`There is nothing more to follow: ${message.reason}`);
    else if (message.type === "ack") {
      this.asks.onAck(message);
      this.menu.onAck(message);
      for (const view of Object.values(this.views)) view.onAck?.(message);
    } else if (message.type === "snapshot" || message.n === this.n + 1) this.take(message);
    else if (message.n > this.n) this.hello();
  }

  /** Take in a snapshot or a delta. @param {any} message */
  take(message) {
    if (!message?.run) return;
    const before = this.picture, whole = message.type === "snapshot";
    const anew = whole && message.run.execution !== before?.run.execution;
    if (before && !anew && message.n <= this.n) return;
    this.n = message.n;
    this.skew = message.now - Date.now();
    this.still = message.still ? message.now : undefined;
    const rows = whole ? new Map() : /** @type {Picture} */ (before).rows;
    for (const row of rowsOf(message)) rows.set(row.key, row);
    this.picture = { ...message, rows, packed: "", changed: whole ? null : message.rows.map((/** @type {{key: string}} */ row) => row.key) };
    this.draw();
  }

  // -- drawing ------------------------------------------------------------------------------

  draw() {
    const { picture } = this;
    if (!picture) return;
    this.keepFocus(() => {
      this.drawHead(picture);
      this.asks.draw(picture);
      this.menu.draw(picture);
      this.comparing.draw(picture);
      this.views[this.shown].draw(picture);
    });
    setText(this.tabs[TABS.length - 1], picture.waits.length ? `Inbox (${picture.waits.length})` : "Inbox");
    this.tick();
  }

  /** @param {Picture} picture */
  drawHead({ run, waits }) {
    const [, word, tone] = run.look;
    this.root.setAttribute("aria-label", `Run ${run.id} of ${run.name}`);
    this.badge.replaceChildren(iconOf(run.look), ` ${word}`);
    this.badge.className = `nbf-badge nbf-${tone}`;
    setText(this.title, run.name);
    setText(this.id, run.id);
    const names = waits.map((wait) => wait.label).join(", ");
    setText(this.status, `${run.id}: ${word}${names ? `, waits for ${names}` : ""}`);
    this.problem.hidden = run.problem === null;
    this.problem.className = `nbf-problem nbf-${run.parting ? "bad" : tone}`;
    const parts = JSON.stringify(run.parting);
    if (parts !== this.parts) this.problem.replaceChildren(run.parting ? drawParting(run.parting, false) : "");
    this.parts = parts;
    if (!run.parting) setText(this.problem, run.problem ?? "");
    if (!this.more.hidden) this.drawMore(run);
    const said = JSON.stringify([run.created, run.started, run.generation, run.parent, run.origin, run.customStatus, run.output]);
    if (said === this.said) return; // what somebody has selected, or has the focus, stays
    this.said = said;
    const { card } = this, { parent } = run;
    const linkTo = (/** @type {string} */ id) => (card ? h("button", { type: "button", class: "nbf-link", onclick: () => card(id) }, h("code", {}, id)) : h("code", {}, id));
    const facts = [
      h("time", { title: fullTime(run.started ?? run.created) }, `started ${clockTime(run.started ?? run.created)}`),
      run.generation ? h("span", {}, `generation ${run.generation + 1}`) : null,
      parent ? h("span", {}, "child of ", linkTo(parent)) : null,
      ...this.originFacts(run, linkTo),
      run.customStatus === null ? null : h("span", {}, "status ", h("code", {}, run.customStatus)),
      run.output === null ? null : h("span", {}, "output ", h("code", {}, run.output)),
      run.caveat ? h("span", {}, run.caveat) : null,
    ];
    this.facts.replaceChildren(...facts.filter((fact) => fact !== null));
  }

  /** Where the run comes from, if it did not begin at the beginning. @param {import('./words.js').Run} run @param {(id: string) => Node} linkTo */
  originFacts({ origin, can }, linkTo) {
    if (!origin) return [];
    const [reason, id, seq] = origin;
    if (reason === "rewind") return [h("span", {}, `taken back to event ${seq}`)];
    return [h("span", {}, "forked from ", linkTo(id), ` at event ${seq}`),
      can?.includes("compare") ? h("button", { type: "button", class: "nbf-link", onclick: () => this.comparing.open(id) }, "compare") : null];
  }

  /** @param {import('./words.js').Run} run */
  drawMore({ blocks }) {
    const blocksSaid = JSON.stringify(blocks);
    if (blocksSaid === this.blocksSaid) return;
    this.blocksSaid = blocksSaid;
    this.more.replaceChildren(...blockNodes(blocks));
  }

  /** Do what may take away what has the focus: then its tab gets it, since nobody finds back from nowhere. @param {() => void} act */
  keepFocus(act) {
    const had = this.root.contains(document.activeElement);
    act();
    const at = document.activeElement;
    if (had && !(this.root.contains(at) && at?.checkVisibility())) this.tabs.find((tab) => tab.dataset.view === this.shown)?.focus({ preventScroll: true });
  }

  /** The running clock. */
  tick() {
    if (!this.picture) return;
    const { run } = this.picture, now = run.live ? this.now() : (run.ended ?? this.now());
    this.asks.tick(now);
    this.views[this.shown].tick?.(now);
    setText(this.elapsed, `${run.live ? "for" : "in"} ${duration(now - (run.started ?? run.created))}`);
  }

  loop() {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.timer = window.setTimeout(() => {
      if (this.picture?.run.live && !document.hidden && this.root.isConnected) this.tick();
      this.loop();
    }, calm ? 1000 : 100);
  }

  toggleMore() {
    this.more.hidden = !this.more.hidden;
    this.moreButton.setAttribute("aria-expanded", String(!this.more.hidden));
    if (this.picture) this.drawMore(this.picture.run);
  }

  // -- tabs ---------------------------------------------------------------------------------

  /** @param {string} name @param {any} [detail] @param {boolean} [jump] whether to bring the tab into view */
  show(name, detail, jump) {
    if (this.views[this.shown] && name !== this.shown) this.views[this.shown].hide?.();
    this.shown = name in this.views ? name : "timeline";
    this.kept.set("view", this.shown);
    const view = this.views[this.shown];
    for (const tab of this.tabs) {
      const chosen = tab.dataset.view === this.shown;
      tab.setAttribute("aria-selected", String(chosen));
      tab.setAttribute("tabindex", chosen ? "0" : "-1");
      if (chosen) this.panel.setAttribute("aria-labelledby", tab.id);
    }
    this.keepFocus(() => {
      if (view.el.parentNode !== this.panel) this.panel.replaceChildren(view.el);
      view.show?.(detail);
      if (this.picture) view.draw({ ...this.picture, changed: null });
    });
    this.tick();
    if (jump) this.tabs.find((tab) => tab.dataset.view === this.shown)?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  moveTab(event) {
    const { tabs } = this, at = tabs.findIndex((tab) => tab === event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs[(to + tabs.length) % tabs.length];
    this.show(/** @type {string} */ (tab.dataset.view));
    tab.focus();
  }

  dispose() {
    this.shelf?.dispose();
    window.clearTimeout(this.timer);
    this.heard();
    for (const asked of this.asked.values()) asked.heard();
    for (const view of Object.values(this.views)) view.dispose?.();
    this.asks.dispose();
    this.menu.dispose();
    this.comparing.dispose();
    this.model.off("msg:custom", this.onMessage);
    this.model.off("change:snapshot", this.onKept);
    this.model.off("comm_live_update", this.onLive);
    document.removeEventListener("visibilitychange", this.onSeen);
    this.model.send({ type: "bye", view: this.view });
    this.root.remove();
  }
}

/** The cards of other runs that were opened within a card or a dashboard. */
export class Shelf {
  /** @param {Model} model @param {Map<string, any>} kept */
  constructor(model, kept) {
    this.model = model;
    /** @type {Map<string, SubModel>} */
    this.models = kept.get("cards") ?? new Map();
    kept.set("cards", this.models);
    /** @type {Map<string, CardView>} */
    this.cards = new Map();
    this.el = h("div", { class: "nbf-within" });
    for (const id of this.models.keys()) this.open(id);
  }

  /** @param {string} id @param {boolean} [jump] whether to bring it into view */
  open(id, jump) {
    if (!this.cards.has(id)) {
      const sub = this.models.get(id) ?? new SubModel(this.model, id);
      this.models.set(id, sub);
      this.model.send({ type: "open", to: id });
      const place = h("div", { class: "nbf-other" });
      this.el.append(place);
      this.cards.set(id, new CardView(sub, place, { shut: () => this.shut(id), card: (other) => this.open(other, true) }));
    }
    const card = this.cards.get(id);
    if (jump && card) {
      card.root.scrollIntoView({ block: "nearest" });
      card.tabs.find((tab) => tab.dataset.view === card.shown)?.focus({ preventScroll: true });
    }
  }

  /** @param {string} id */
  shut(id) {
    const card = this.cards.get(id);
    const place = card?.root.parentElement;
    card?.dispose();
    place?.remove();
    this.models.get(id)?.dispose();
    this.cards.delete(id);
    this.models.delete(id);
    this.model.send({ type: "shut", to: id });
  }

  dispose() {
    for (const card of this.cards.values()) card.dispose();
  }
}
