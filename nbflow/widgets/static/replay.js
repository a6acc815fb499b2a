// @ts-check
/**
 * The replay: a slider over the history; the source with the lines where the code waits, the events, the
 * variables of each branch. Everything shown is asked for: `listing` once, `events` by pages, `moment` by
 * steps (an event and the actions behind it look alike), `value` when somebody wants all of one.
 */

import { clockTime, h, setText } from "./words.js";

const EVENTS_A_PAGE = 200; // rows of one page of events
const EVENT_HEIGHT = 24; // pixels of a row
const MOST_MOMENTS = 300; // moments
const LOOK_AHEAD = 12; // steps that are asked for before they are wanted
const SHOWN_TOGETHER = 4; // branches whose variables are shown together
const EVENT_SIGNS = /** @type {Record<string, string>} */ ({ turn: "·", input: "→", action: "←" });
const PYTHON_PIECES = new RegExp(`(#[^\\n]*)|((?:\\b[rbfu]{1,2})?(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'))|` +
  "\\b(?:async|await|def|return|yield|if|elif|else|for|while|in|is|not|and|or|with|as|try|except|finally|raise|import|from|class|lambda|pass|break|continue|None|True|False|nonlocal|match|case|del)\\b", "g");

/** @typedef {[name: string, text: string, isCut: boolean, change: string, was: string|null]} Local */
/** @typedef {{function: string, file: string, line: number, source: string, isOwn: boolean, locals: Local[]}} Frame */
/** @typedef {{number: number, name: string, waits: string, isNew: boolean, frames: Frame[]}} Branch */
/** @typedef {{first: number, last: number, state: string, words: string, branches: Branch[], ended: string[], more: number,
 *   calls: [number, number, boolean, string][], execution?: string,
 *   problem: {words: string, seq: number|null, expected: string|null, actual: string|null, line: number|null}|null}} Moment */
/** @typedef {[seq: number, at: number, sort: string, kind: string, about: string, value: string, did: string, turn: number,
 *   step: number, cause: number|null, isBad: boolean]} Event */

/** @type {Moment} */
const BEFORE_ALL = { first: 0, last: 0, state: "before", words: "", branches: [], ended: [], more: 0, calls: [], problem: null };

/** Python source as lines of text and colouredPython pieces. @param {string} text */
function colouredPython(text) {
  /** @type {(Node|string)[][]} */
  const rows = [[]];
  const put = (/** @type {string} */ piece, /** @type {string} */ kind) => piece.split("\n").forEach((part, i) => {
    if (i) rows.push([]);
    if (part) rows[rows.length - 1].push(kind ? h("span", { class: `nbf-py-${kind}` }, part) : part);
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
const signOf = (sign, says, hue) => h("span", { class: `nbf-mark nbf-hue-${hue % 6}` }, h("span", { "aria-hidden": "true" }, `${sign}`), h("span", { class: "nbf-sr" }, says));

/** @param {string} text */
const tagOf = (text) => h("span", { class: "nbf-tag" }, text);

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
    this.forget("");
    const button = (/** @type {string} */ sign, /** @type {string} */ name, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", class: "nbf-button", "aria-label": name, title: name, onclick }, sign);
    const by = (/** @type {string} */ sign, /** @type {string} */ name, /** @type {number} */ count) => button(sign, name, () => this.step(count));
    this.slider = /** @type {HTMLInputElement} */ (h("input", { type: "range", min: 0, class: "nbf-slider", "aria-label": "Event of the history", oninput: () => this.go(+this.slider.value) }));
    this.player = button("▸ Play", "Play", () => this.play(!this.timer));
    this.speed = /** @type {HTMLSelectElement} */ (h("select", { class: "nbf-field nbf-speed", "aria-label": "Speed" },
      ...[1, 2, 5, 10, 25].map((speed) => h("option", { value: speed, selected: speed === 2 }, `${speed}/s`))));
    this.place = h("span", { class: "nbf-place" });
    this.why = h("p", { class: "nbf-why" });
    this.note = h("div", { hidden: true });
    this.code = h("div", { class: "nbf-code", role: "region", tabindex: 0, "aria-label": "Source" });
    this.sheet = h("div", { class: "nbf-sheet", role: "presentation" });
    this.events = h("div", { class: "nbf-events", role: "listbox", tabindex: 0, "aria-label": "Events", onscroll: () => this.drawRows(), onclick: (/** @type {any} */ e) => {
      const row = e.target.closest("[data-seq]");
      if (row) this.go(+row.dataset.seq);
    } }, this.sheet);
    this.chips = h("div", { class: "nbf-chips", role: "group", "aria-label": "Branches" });
    this.branches = h("div", { class: "nbf-branches" });
    this.el = h("section", { class: "nbf-replay", "aria-label": "Replay", onkeydown: (/** @type {any} */ e) => this.key(e) },
      h("div", { class: "nbf-deck" }, by("|◂", "To the beginning", -Infinity), by("◂◂", "Ten events back", -10), by("◂", "One event back", -1), this.player,
        by("▸", "One event on", 1), by("▸▸", "Ten events on", 10), by("▸|", "To the end", Infinity), this.speed, this.place),
      this.slider, this.why, this.note, h("div", { class: "nbf-split" }, this.code, this.events), this.chips, this.branches);
  }

  /** Begin with another execution. @param {string} execution */
  forget(execution) {
    this.execution = execution;
    /** @type {Map<number, Event[]>} */
    this.pages = new Map();
    /** @type {Record<string, [number, number, string]>} */
    this.turns = {};
    /** @type {Map<number, Moment>} */
    this.moments = new Map();
    /** @type {Set<string>} */
    this.asking = new Set();
    /** @type {Set<number>} */
    this.pinned = new Set();
    this.trouble = "";
    /** @type {any} */
    this.listing = undefined;
    this.drawn = ""; // which moment is drawn
  }

  /** @param {import('./words.js').Picture} picture */
  draw({ run, length }) {
    if (run.execution !== this.execution) {
      if (this.execution) this.seq = -1;
      this.forget(run.execution);
    } else if (length === this.total) return;
    this.total = length;
    this.refresh();
  }

  /** @param {{seq?: number}} [detail] */
  show(detail) {
    this.shown = true;
    this.trouble = this.drawn = "";
    if (this.listing === null) this.listing = undefined;
    this.seq = detail?.seq ?? this.seq;
    this.refresh();
  }

  hide() {
    this.shown = false;
    this.play(false);
  }

  dispose() { this.hide(); }

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
        if (this.trouble || this.moment()) this.step(1);
      }, 1000 / +this.speed.value);
    };
    if (on) next();
    this.player.replaceChildren(on ? "‖ Pause" : "▸ Play");
    this.player.ariaLabel = on ? "Pause" : "Play";
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target), down = target === this.slider ? -1 : 1;
    if (event.ctrlKey || event.altKey || event.metaKey || target === this.speed || target === this.code || target.tagName === "PRE") return;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: down, ArrowUp: -down, PageDown: 10 * down, PageUp: -10 * down, Home: -Infinity, End: Infinity }[event.key];
    if (by) this.step(by);
    else if (event.key === " " && target.tagName !== "BUTTON") this.play(!this.timer);
    else return;
    if (by && target !== this.slider) this.desk.say(this.said());
    event.preventDefault();
  }

  // -- asking ---------------------------------------------------------------------------------

  /** Ask what is not being asked already. @param {string} what @param {object} args @param {(ok: any) => void} take @param {string} [key] */
  ask(what, args, take, key = what) {
    const { asking, execution } = this;
    if (asking.has(key) || this.trouble) return;
    asking.add(key);
    this.desk.ask(what, args).then((ok) => {
      if (execution === (ok.execution ?? execution)) take(ok);
    }, (error) => {
      if (asking !== this.asking) return;
      if (what === "listing") this.listing = null;
      else this.trouble = error.message;
    }).then(() => {
      asking.delete(key);
      if (asking === this.asking) this.refresh();
    });
  }

  /** @param {number} seq */
  row(seq) { return this.pages.get(Math.floor((seq - 1) / EVENTS_A_PAGE))?.[(seq - 1) % EVENTS_A_PAGE]; }

  /** What is known of a position: kept under the first of its step. @param {number} seq */
  moment(seq = this.at) { return seq ? this.moments.get(this.row(seq)?.[8] || seq) : BEFORE_ALL; }

  /** @param {number} page */
  needPage(page) {
    const start = page * EVENTS_A_PAGE, known = this.pages.get(page)?.length ?? 0;
    if (start + known < Math.min(start + EVENTS_A_PAGE, this.total)) this.ask("events", { start, count: EVENTS_A_PAGE }, (ok) => {
      this.pages.set(page, ok.events);
      Object.assign(this.turns, ok.turns);
      this.drawn = "";
    }, `events ${page}`);
  }

  /** Ask for the moment that is looked at, one at a time, and then for those that come next. */
  needMoments() {
    const { at, way, total, moments } = this, wide = (this.moment()?.branches.length ?? 0) > 20;
    for (let seq = at, ahead = wide ? 2 : LOOK_AHEAD; ahead >= 0 && seq >= 0 && seq <= total; ahead -= 1) {
      const known = this.moment(seq), first = this.row(seq)?.[8] || seq;
      if (!known) return this.ask("moment", { seq: first }, (ok) => {
        moments.set(first, ok).set(ok.first, ok);
        for (const old of moments.keys()) if (moments.size > MOST_MOMENTS) moments.delete(old);
      });
      seq = way > 0 ? Math.max(known.last, seq) + 1 : Math.min(known.first, seq) - 1;
    }
  }

  // -- drawing --------------------------------------------------------------------------------

  refresh() {
    const { at, total, slider, events } = this, row = this.row(at), y = (at - 1) * EVENT_HEIGHT;
    if (!this.shown || !this.execution) return;
    slider.max = `${total}`;
    slider.value = `${at}`;
    slider.setAttribute("aria-valuetext", this.said());
    setText(this.place, `event ${at} of ${total}${row ? ` · ${clockTime(row[1])}` : ""}`);
    setText(this.why, at ? this.turns[row?.[7] ?? 0]?.[2] ?? "" : "Before the first event");
    this.sheet.style.height = `${total * EVENT_HEIGHT}px`;
    if (this.brought !== at && (y < events.scrollTop + EVENT_HEIGHT || y > events.scrollTop + events.clientHeight - 2 * EVENT_HEIGHT)) events.scrollTop = y - events.clientHeight / 2;
    this.brought = at;
    this.needPage(Math.floor((Math.max(at, 1) - 1) / EVENTS_A_PAGE));
    this.drawRows();
    if (this.listing === undefined) this.ask("listing", {}, (ok) => this.drawCode(ok));
    this.needMoments();
    this.drawMoment(this.moment());
  }

  said() {
    const row = this.row(this.at);
    return `event ${this.at} of ${this.total}${row ? `: ${row[3]}, ${row[4]}` : ""}`;
  }

  drawRows() {
    const { events, at, total } = this, rows = [];
    const top = Math.max(Math.floor(events.scrollTop / EVENT_HEIGHT) - 4, 0), end = Math.min(top + Math.ceil(events.clientHeight / EVENT_HEIGHT) + 8, total);
    for (let seq = top + 1; seq <= end; seq += 1) {
      const event = this.row(seq), isBad = event?.[10];
      if (!event) this.needPage(Math.floor((seq - 1) / EVENTS_A_PAGE));
      const row = h("div", { class: `nbf-happened nbf-${event?.[2]}${isBad ? " nbf-bad" : ""}`, role: "option", id: `${this.id}-${seq}`, "data-seq": seq, "aria-selected": `${seq === at}`,
        "aria-posinset": seq, "aria-setsize": total, title: event && `${clockTime(event[1])} ${event[6]}` },
      h("span", { class: "nbf-count" }, `${seq}`), h("span", { class: "nbf-icon", "aria-hidden": "true" }, isBad ? "✗" : EVENT_SIGNS[event?.[2] ?? ""] ?? ""),
      h("span", { class: "nbf-what" }, event?.[6] ?? "…", " ", h("span", { class: "nbf-muted" }, event?.[5] ?? "")));
      row.style.top = `${(seq - 1) * EVENT_HEIGHT}px`;
      rows.push(row);
    }
    this.sheet.replaceChildren(...rows);
    events.setAttribute("aria-activedescendant", at > top && at <= end ? `${this.id}-${at}` : "");
  }

  /** @param {any} listing */
  drawCode(listing) {
    this.listing = listing;
    this.drawn = "";
    this.code.ariaLabel = `Source of ${listing.name}, ${listing.label}`;
    this.lines = colouredPython(listing.lines.join("\n")).map((pieces, i) =>
      h("div", {}, h("span", { class: "nbf-count", "aria-hidden": "true" }, `${listing.first + i}`), h("span", { class: "nbf-marks" }), h("code", {}, ...pieces)));
    this.code.replaceChildren(h("div", { class: "nbf-place" }, listing.label), ...this.lines);
  }

  /** @param {Moment|undefined} moment */
  drawMoment(moment) {
    const { note, trouble } = this, problem = moment?.problem, key = `${moment?.first} ${this.at} ${[...this.pinned]}`;
    const held = problem?.expected ? `\nhistory holds: ${problem.expected}\nthe code did: ${problem.actual}` : "";
    setText(note, problem ? problem.words + held : trouble || (moment?.words ? `At event ${moment.last} ${moment.words}` : ""));
    note.hidden = !note.textContent;
    note.className = `nbf-problem nbf-${problem || trouble ? "wait" : { completed: "good", failed: "bad" }[moment?.state ?? ""] ?? "quiet"}`;
    this.branches.classList.toggle("nbf-old", !moment);
    if (!moment || key === this.drawn) return;
    this.drawn = key;
    this.drawMarks(moment);
    this.drawBranches(moment);
  }

  /** Mark the lines at which branches wait, and the one that took the action that is looked at. @param {Moment} moment */
  drawMarks({ branches, calls, problem }) {
    const { code, lines } = this, first = this.listing?.first;
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
        signs.children[1].replaceWith(h("span", { class: "nbf-mark nbf-more", "data-more": others }, `+${others}`));
      }
    };
    const call = calls.find((one) => one[0] === this.at && one[2]);
    put(call?.[1], "nbf-did", signOf("←", "took this action", 2));
    for (const { number, frames } of branches) put(frames.findLast((frame) => frame.isOwn)?.line, "nbf-waits", signOf(number, `branch ${number} waits here`, number));
    put(problem?.line, "nbf-parts", signOf("▲", "parts from its history here", 3));
    const top = lines?.find((line) => line.className), y = top ? top.offsetTop - code.offsetTop : code.scrollTop;
    if (y < code.scrollTop || y > code.scrollTop + code.clientHeight - 40) code.scrollTop = y - code.clientHeight / 3;
  }

  /** Those that a person has chosen, or else those that have changed, and the first. @param {Moment} moment */
  drawBranches({ branches, state, ended, more }) {
    const { pinned, chips } = this, many = branches.length > SHOWN_TOGETHER;
    const choice = new Set(pinned.size ? branches.filter((branch) => pinned.has(branch.number)) : [...new Set([...branches.filter(hasChanges), ...branches])].slice(0, SHOWN_TOGETHER));
    const focused = chips.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.number : "";
    chips.replaceChildren(...(many ? branches : []).map((branch) => h("button", { type: "button", class: "nbf-chip", "data-number": branch.number, "aria-pressed": `${choice.has(branch)}`, title: `waits for ${branch.waits}`,
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
    return h("section", { class: "nbf-branch", "aria-label": `Branch ${number}, ${name}` },
      h("div", { class: "nbf-branch-head" }, signOf(number, `${number}`, number), h("strong", {}, name), isNew ? tagOf("new") : null, h("span", { class: "nbf-muted" }, is || (waits && `waits for ${waits}`))),
      ...frames.map((frame, depth) => h("div", {},
        depth || !frame.isOwn ? h("div", { class: "nbf-where" }, `${frame.function}, ${frame.isOwn ? "" : `${frame.file}, `}line ${frame.line}: `, h("code", {}, frame.source)) : null,
        h("dl", { class: "nbf-locals" }, ...frame.locals.map((local) => this.drawLocal(number, depth, local))))));
  }

  /** @param {number} branch @param {number} frame @param {Local} local */
  drawLocal(branch, frame, [name, text, isCut, change, was]) {
    const old = was !== null && was !== text;
    const value = h("dd", {}, old ? h("del", {}, was) : null, old && text ? " → " : null, h("code", {}, text));
    const more = h("button", { type: "button", class: "nbf-link", "aria-expanded": "false", "aria-label": `All of ${name}`, onclick: () => {
      const open = more.ariaExpanded !== "true";
      more.ariaExpanded = `${open}`;
      if (!open) return value.lastChild?.remove();
      const pre = h("pre", { class: "nbf-pre", tabindex: 0, "aria-label": name, dir: "auto" }, "…");
      value.append(pre);
      this.desk.ask("value", { seq: this.at, branch, frame, name }).then((ok) => setText(pre, ok.text), (error) => setText(pre, error.message));
    } }, "all");
    if (isCut) value.append(" ", more);
    return h("div", { class: change && "nbf-changed" }, h("dt", {}, name, change ? tagOf(change) : null), value);
  }
}
