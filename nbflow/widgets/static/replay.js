// @ts-check
/**
 * The replay: a slider over the history; the source with the lines where the code waits, the events, the
 * variables of each branch.
 */

import { ForkPanel } from "./fork.js";
import { drawParting } from "./parting.js";
import { Recall } from "./recall.js";
import { RowsInSight } from "./sight.js";
import { clockTime, h, setText, signButton } from "./words.js";

const EVENT_HEIGHT = 24; // pixels of a row
const SHOWN_TOGETHER = 4; // branches whose variables are shown together
const EVENT_SIGNS = /** @type {Record<string, string>} */ ({ turn: "·", input: "→", action: "←" });
const PYTHON_PIECES = new RegExp(`(#[^\\n]*)|((?:\\b[rbfu]{1,2})?(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'))|` +
  "\\b(?:async|await|def|return|yield|if|elif|else|for|while|in|is|not|and|or|with|as|try|except|finally|raise|import|from|class|lambda|pass|break|continue|None|True|False|nonlocal|match|case|del)\\b", "g");

/** @typedef {import('./recall.js').Local} Local */
/** @typedef {import('./recall.js').Branch} Branch */
/** @typedef {import('./recall.js').Moment} Moment */
/** A row of the table. @typedef {{el: HTMLElement, count: Element, icon: Element, did: Element, value: Element}} Happened */

/** Python source as lines of text and colouredPython pieces. @param {string} text */
function colouredPython(text) {
  /** @type {(Node|string)[][]} */
  const rows = [[]];
  const put = (/** @type {string} */ piece, /** @type {string} */ kind) => piece.split("\n").forEach((part, i) => {
    if (i) rows.push([]);
    if (part) rows[rows.length - 1].push(kind ? h("span", { class: `nbf-rp-py-${kind}` }, part) : part);
  });
  let at = 0;
  for (const found of text.matchAll(PYTHON_PIECES)) {
    put(text.slice(at, found.index), "");
    put(found[0], found[1] ? "comment" : found[2] ? "text" : "word");
    at = found.index + found[0].length;
  }
  put(text.slice(at), "");
  return rows;
}

/** A small sign in a branch's colour, and what it says to who can't see it.
 * @param {string|number} sign @param {string} says @param {number} hue */
const signOf = (sign, says, hue) => h("span", { class: `nbf-rp-mark nbf-rp-hue-${hue % 6}` }, h("span", { "aria-hidden": "true" }, `${sign}`), h("span", { class: "nbf-sr" }, says));

/** @param {string} text */
const tagOf = (text) => h("span", { class: "nbf-rp-tag" }, text);

/** @param {Branch} branch */
const hasChanges = (branch) => branch.isNew || branch.frames.some((frame) => frame.locals.some((local) => local[3]));

export class ReplayView {
  /** @param {import('./words.js').Desk} desk */
  constructor(desk) {
    this.desk = desk;
    this.id = desk.newId();
    this.total = 0;
    this.seq = desk.kept.get("replay") ?? -1; // -1: at the end, also when there is more
    this.way = -1; // the direction of the last step
    this.recall = this.recalls("");
    /** @type {Set<number>} */
    this.pinned = new Set();
    this.drawn = ""; // which moment is drawn
    /** @type {import('./parting.js').Parting|null|undefined} */
    this.parting = null; // what is drawn of code and history that don't match
    this.brought = -1; // the event that was brought into sight
    this.shown = false;
    const by = (/** @type {string} */ sign, /** @type {string} */ name, /** @type {number} */ count) => signButton(sign, name, () => this.step(count));
    this.slider = /** @type {HTMLInputElement} */ (h("input", { type: "range", min: 0, class: "nbf-rp-slider", "aria-label": "Event of the history", oninput: () => this.go(+this.slider.value) }));
    this.player = signButton("▸ Play", "Play", () => this.play(!this.timer));
    this.speed = /** @type {HTMLSelectElement} */ (h("select", { class: "nbf-field nbf-rp-speed", "aria-label": "Speed" },
      ...[1, 2, 5, 10, 25].map((speed) => h("option", { value: speed, selected: speed === 2 }, `${speed}/s`))));
    this.place = h("span", { class: "nbf-rp-place" });
    this.why = h("p", { class: "nbf-rp-why" });
    this.note = h("div", { hidden: true });
    this.fork = new ForkPanel(desk, { at: () => this.at, go: (seq) => this.go(seq) });
    this.code = h("div", { class: "nbf-rp-code", role: "region", tabindex: 0, "aria-label": "Source" });
    this.sheet = h("div", { class: "nbf-rp-sheet", role: "presentation" });
    this.events = h("div", { class: "nbf-rp-events", role: "listbox", tabindex: 0, "aria-label": "Events", onscroll: () => this.drawRows(), onclick: (/** @type {any} */ e) => {
      const row = e.target.closest("[data-seq]");
      if (row) this.go(+row.dataset.seq);
    } }, this.sheet);
    /** @type {RowsInSight<Happened>} */
    this.rows = new RowsInSight(this.events, this.sheet, 4, { key: String, make: (i) => this.makeRow(i + 1), fill: (row, i) => this.drawRow(row, i + 1) });
    this.chips = h("div", { class: "nbf-rp-chips", role: "group", "aria-label": "Branches" });
    this.branches = h("div", { class: "nbf-rp-branches" });
    this.el = h("section", { class: "nbf-replay", "aria-label": "Replay", onkeydown: (/** @type {any} */ e) => this.key(e) },
      h("div", { class: "nbf-rp-deck" }, by("|◂", "To the beginning", -Infinity), by("◂◂", "Ten events back", -10), by("◂", "One event back", -1), this.player,
        by("▸", "One event on", 1), by("▸▸", "Ten events on", 10), by("▸|", "To the end", Infinity), this.speed, this.place),
      this.slider, this.why, this.fork.el, this.note, h("div", { class: "nbf-rp-split" }, this.code, this.events), this.chips, this.branches);
  }

  /** @param {import('./words.js').Picture} picture */
  draw(picture) {
    const { run, length } = picture;
    this.fork.drawRun(picture);
    if (run.execution !== this.recall.execution) {
      if (this.recall.execution) this.seq = -1;
      this.recall = this.recalls(run.execution);
      this.pinned.clear();
      this.drawn = "";
    } else if (length === this.total) return;
    this.total = length;
    this.refresh();
  }

  /** Ask anew for what could not be had. */
  again() {
    this.recall.again();
    if (this.shown) this.refresh();
  }

  /** @param {{seq?: number}} [detail] */
  show(detail) {
    this.shown = true;
    this.drawn = "";
    this.recall.again();
    this.seq = detail?.seq ?? this.seq;
    this.refresh();
  }

  /** @param {string} execution */
  recalls(execution) {
    return new Recall(this.desk, execution, (what) => {
      if (what !== "moment") this.drawn = "";
      if (what === "listing") this.drawCode();
      this.refresh();
    });
  }

  hide() {
    this.shown = false;
    this.play(false);
  }

  dispose() {
    this.hide();
    this.fork.dispose();
  }

  /** @param {import('./words.js').Ack} ack */
  onAck(ack) { this.fork.onAck(ack); }

  // -- going ----------------------------------------------------------------------------------

  get at() { return this.seq < 0 ? this.total : Math.min(this.seq, this.total); }

  /** @param {number} by */
  step(by) { this.go(this.at + by); }

  /** @param {number} seq */
  go(seq) {
    const to = Math.max(0, Math.min(seq, this.total));
    if (to !== this.at) this.way = to - this.at;
    this.seq = to === this.total ? -1 : to;
    this.desk.kept.set("replay", this.seq);
    if (this.seq < 0) this.play(false);
    this.refresh();
  }

  /** @param {boolean} on */
  play(on) {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    if (on && this.seq < 0) this.go(0);
    const next = () => {
      this.timer = window.setTimeout(() => {
        next();
        if (this.recall.trouble || this.recall.moment(this.at)) this.step(1);
      }, 1000 / +this.speed.value);
    };
    if (on) next();
    this.player.replaceChildren(on ? "‖ Pause" : "▸ Play");
    this.player.ariaLabel = on ? "Pause" : "Play";
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target), down = target === this.slider ? -1 : 1;
    if (event.ctrlKey || event.altKey || event.metaKey || target === this.speed || target === this.code || target.tagName === "PRE" || this.fork.el.contains(target)) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: down, ArrowUp: -down, PageDown: 10 * down, PageUp: -10 * down, Home: -Infinity, End: Infinity }[event.key];
    if (by) this.step(by);
    else if (event.key === " " && target.tagName !== "BUTTON") this.play(!this.timer);
    else return;
    if (by && target !== this.slider) this.desk.say(this.said());
    event.preventDefault();
  }

  // -- drawing --------------------------------------------------------------------------------

  refresh() {
    const { at, total, slider, events, recall } = this, row = recall.row(at), y = (at - 1) * EVENT_HEIGHT;
    if (!this.shown || !recall.execution) return;
    slider.max = `${total}`;
    slider.value = `${at}`;
    slider.setAttribute("aria-valuetext", this.said());
    setText(this.place, `event ${at} of ${total}${row ? ` · ${clockTime(row[1])}` : ""}`);
    this.fork.draw();
    setText(this.why, at ? recall.turns[row?.[7] ?? 0]?.[2] ?? "" : "Before the first event");
    this.sheet.style.height = `${total * EVENT_HEIGHT}px`;
    if (this.brought !== at && (y < events.scrollTop + EVENT_HEIGHT || y > events.scrollTop + events.clientHeight - 2 * EVENT_HEIGHT)) events.scrollTop = y - events.clientHeight / 2;
    this.brought = at;
    recall.needEvent(Math.max(at, 1), total);
    this.drawRows();
    recall.needListing();
    recall.needMoments(at, this.way, total);
    this.drawMoment(recall.moment(at));
  }

  said() {
    const row = this.recall.row(this.at);
    return `event ${this.at} of ${this.total}${row ? `: ${row[3]}, ${row[4]}` : ""}`;
  }

  drawRows() {
    const { events, at, total } = this;
    this.rows.place(total, EVENT_HEIGHT, -1, true);
    events.setAttribute("aria-activedescendant", this.rows.drawn.has(String(at - 1)) ? `${this.id}-${at}` : "");
  }

  /** @param {number} seq @returns {Happened} */
  makeRow(seq) {
    const count = h("span", { class: "nbf-rp-count" }, `${seq}`), icon = h("span", { "aria-hidden": "true" }), did = h("span"), value = h("span", { class: "nbf-muted" });
    const el = h("div", { role: "option", id: `${this.id}-${seq}`, "data-seq": seq, "aria-posinset": seq }, count, icon, h("span", { class: "nbf-rp-what" }, did, " ", value));
    el.style.top = `${(seq - 1) * EVENT_HEIGHT}px`;
    return { el, count, icon, did, value };
  }

  /** @param {Happened} row @param {number} seq */
  drawRow({ el, icon, did, value }, seq) {
    const event = this.recall.row(seq), isBad = event?.[10];
    if (!event) this.recall.needEvent(seq, this.total);
    el.className = `nbf-rp-happened nbf-rp-${event?.[2] ?? "unknown"}${isBad ? " nbf-bad" : ""}`;
    el.title = event ? `${clockTime(event[1])} ${event[6]}` : "";
    el.setAttribute("aria-selected", String(seq === this.at));
    el.setAttribute("aria-setsize", String(this.total));
    icon.className = "nbf-icon";
    setText(icon, isBad ? "✗" : EVENT_SIGNS[event?.[2] ?? ""] ?? "");
    setText(did, event?.[6] ?? "…");
    setText(value, event?.[5] ?? "");
  }

  drawCode() {
    const { listing } = this.recall;
    if (!listing) return;
    this.code.ariaLabel = `Source of ${listing.name}, ${listing.label}`;
    this.lines = colouredPython(listing.lines.join("\n")).map((pieces, i) =>
      h("div", {}, h("span", { class: "nbf-rp-count", "aria-hidden": "true" }, `${listing.first + i}`), h("span", { class: "nbf-rp-marks" }), h("code", {}, ...pieces)));
    this.code.replaceChildren(h("div", { class: "nbf-rp-file" }, listing.label), ...this.lines);
  }

  /** @param {Moment|undefined} moment */
  drawMoment(moment) {
    const { note } = this, { trouble } = this.recall, problem = moment?.problem, key = `${moment?.first} ${this.at} ${[...this.pinned]}`;
    const held = problem?.expected ? `\nhistory holds: ${problem.expected}\nthe code did: ${problem.actual}` : "";
    const parting = problem?.parting;
    if (parting !== this.parting) note.replaceChildren(parting ? drawParting(parting, true) : "");
    this.parting = parting;
    if (!parting) setText(note, problem ? problem.words + held : trouble || (moment?.words ? `At event ${moment.last} ${moment.words}` : ""));
    note.hidden = !note.textContent;
    note.className = `nbf-problem nbf-${parting ? "bad" : problem || trouble ? "wait" : { completed: "good", failed: "bad" }[moment?.state ?? ""] ?? "quiet"}`;
    this.branches.classList.toggle("nbf-rp-old", !moment);
    if (!moment || key === this.drawn) return;
    this.drawn = key;
    this.drawMarks(moment);
    this.drawBranches(moment);
  }

  /** Mark the lines at which branches wait, and the one that took the action that is looked at. @param {Moment} moment */
  drawMarks({ branches, calls, problem }) {
    const { code, lines } = this, first = this.recall.listing?.first ?? NaN;
    for (const line of lines ?? []) if (line.className) {
      line.className = "";
      line.children[1].replaceChildren();
    }
    const put = (/** @type {number|undefined|null} */ number, /** @type {string} */ kind, /** @type {Node} */ sign) => {
      const line = lines?.[(number ?? NaN) - first], signs = line?.children[1], count = signs?.childElementCount ?? 0;
      if (!line || !signs) return;
      line.classList.add(kind);
      if (count < 2) signs.append(sign);
      else {
        const others = +(signs.children[1].getAttribute("data-more") ?? 1) + 1;
        signs.children[1].replaceWith(h("span", { class: "nbf-rp-mark nbf-rp-more", "data-more": others }, `+${others}`));
      }
    };
    const call = calls.find((one) => one[0] === this.at && one[2]);
    put(call?.[1], "nbf-rp-did", signOf("←", "took this action", 2));
    for (const { number, frames } of branches) put(frames.findLast((frame) => frame.isOwn)?.line, "nbf-rp-waits", signOf(number, `branch ${number} waits here`, number));
    put(problem?.line, "nbf-rp-parts", signOf("▲", "parts from its history here", 3));
    const top = lines?.find((line) => line.className), y = top ? top.offsetTop - code.offsetTop : code.scrollTop;
    if (y < code.scrollTop || y > code.scrollTop + code.clientHeight - 40) code.scrollTop = y - code.clientHeight / 3;
  }

  /** Those that a person has chosen, or else those that have changed, and the first. @param {Moment} moment */
  drawBranches({ branches, state, ended, more }) {
    const { pinned, chips } = this, many = branches.length > SHOWN_TOGETHER;
    const choice = new Set(pinned.size ? branches.filter((branch) => pinned.has(branch.number)) : [...new Set([...branches.filter(hasChanges), ...branches])].slice(0, SHOWN_TOGETHER));
    const focused = chips.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.number : "";
    chips.replaceChildren(...(many ? branches : []).map((branch) => h("button", { type: "button", class: "nbf-pill nbf-rp-chip", "data-number": branch.number, "aria-pressed": `${choice.has(branch)}`, title: `waits for ${branch.waits}`,
      onclick: () => {
        if (!pinned.delete(branch.number)) pinned.add(branch.number);
        this.refresh();
      } }, signOf(branch.number, `${branch.number}`, branch.number), ` ${branch.name}`, hasChanges(branch) ? tagOf("changed") : null)), more ? `and ${more} more` : "");
    if (focused) /** @type {HTMLElement|null} */ (chips.querySelector(`[data-number="${focused}"]`))?.focus();
    const is = { before: "", running: "", failed: "", terminated: "as it was when it was terminated" }[state] ?? "as it was before its last step";
    this.branches.replaceChildren(...branches.filter((branch) => choice.has(branch)).map((branch) => this.drawBranch(branch, is)), ...ended.map((name) => h("div", { class: "nbf-muted" }, `branch ${name} has ended`)));
  }

  /** @param {Branch} branch @param {string} is */
  drawBranch({ number, name, waits, isNew, frames }, is) {
    return h("section", { class: "nbf-rp-branch", "aria-label": `Branch ${number}, ${name}` },
      h("div", { class: "nbf-rp-branch-head" }, signOf(number, `${number}`, number), h("strong", {}, name), isNew ? tagOf("new") : null, h("span", { class: "nbf-muted" }, is || (waits && `waits for ${waits}`))),
      ...frames.map((frame, depth) => h("div", {},
        depth || !frame.isOwn ? h("div", { class: "nbf-rp-where" }, `${frame.function}, ${frame.isOwn ? "" : `${frame.file}, `}line ${frame.line}: `, h("code", {}, frame.source)) : null,
        h("dl", { class: "nbf-rp-locals" }, ...frame.locals.map((local) => this.drawLocal(number, depth, local))))));
  }

  /** @param {number} branch @param {number} frame @param {Local} local */
  drawLocal(branch, frame, [name, text, isCut, change, was]) {
    const old = was !== null && was !== text;
    const value = h("dd", {}, old ? h("del", {}, was) : null, old && text ? " → " : null, h("code", {}, text));
    const more = h("button", { type: "button", class: "nbf-unfold", "aria-expanded": "false", "aria-label": `All of ${name}`, onclick: () => {
      const open = more.ariaExpanded !== "true";
      more.ariaExpanded = `${open}`;
      if (!open) return value.lastChild?.remove();
      const pre = h("pre", { class: "nbf-pre", tabindex: 0, "aria-label": name, dir: "auto" }, "…");
      value.append(pre);
      this.desk.ask("value", { seq: this.at, branch, frame, name }).then((ok) => setText(pre, ok.text), (error) => setText(pre, error.message));
    } }, "all");
    if (isCut) value.append(" ", more);
    return h("div", { class: change && "nbf-rp-changed" }, h("dt", {}, name, change ? tagOf(change) : null), value);
  }
}
