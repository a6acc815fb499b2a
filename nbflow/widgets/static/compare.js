// @ts-check
/** Two runs side by side: both on one time axis, and what each did where they part. Python compares; here it is drawn. */

import { TimeAxis } from "./axis.js";
import { duration, fullTime, h, iconOf, setText, signButton } from "./words.js";

/** @typedef {[seq: number, at: number, value: string, did: string[], isBad: boolean]} Deed */
/** @typedef {{id: string, look: import('./words.js').Look, live: boolean, outcome: string, origin: string, begun: number, took: number}} Side */
/** @typedef {[name: string, spans: [kind: string, from: number, to: number, tone: string][]]} Bars */
/** @typedef {{sides: Side[], summary: string, shared: number, alike: number, more: number, axis: import('./axis.js').AxisRule, bars: Bars[][],
 *   rows: [verdict: string, kind: string, about: string, left: Deed|null, right: Deed|null][]}} Comparison */

const VERDICTS = /** @type {Record<string, import('./words.js').Look>} */ ({ same: ["=", "the same", "quiet"], differs: ["≠", "differs", "wait"], left: ["◂", "only left", "active"], right: ["▸", "only right", "active"] });
const MOST_TRACKS = 12; // lines of bars of one run
const TRACK_HEIGHT = 6; // pixels
const LOOK_AGAIN_AFTER = 1000; // ms: how often a run that goes on is compared anew

export class ComparePanel {
  /** @param {import('./words.js').Desk} desk */
  constructor(desk) {
    const id = `nbf-${desk.newId()}`;
    this.desk = desk;
    this.kept = desk.kept.get("compare") ?? { isOpen: false, name: "", other: "" };
    desk.kept.set("compare", this.kept);
    this.length = -1; // of the run's history when it was last compared
    this.asks = 0;
    this.timer = 0;
    this.names = h("datalist", { id: `${id}n` });
    this.name = /** @type {HTMLInputElement} */ (h("input", { id, class: "nbf-field", list: `${id}n`, autocomplete: "off", spellcheck: "false", oninput: () => { this.kept.name = this.name.value; } }));
    this.name.value = this.kept.name;
    this.error = h("div", { class: "nbf-cp-wrong", role: "alert" });
    this.said = h("p", { role: "status" });
    this.body = h("div");
    this.el = h("section", { class: "nbf-compare", "aria-label": "Comparison", hidden: !this.kept.isOpen, onkeydown: (/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape") this.shut(); } },
      h("form", { class: "nbf-cp-ask", novalidate: true, onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); this.compare(this.name.value.trim()); } },
        h("label", { for: id }, "Compare with"), this.name, this.names, h("button", { class: "nbf-button" }, "Compare"), signButton("×", "Close the comparison", () => this.shut())),
      this.error, this.said, this.body);
    if (this.kept.isOpen && this.kept.other) this.look();
  }

  /** @param {string} [other] the run to compare with at once */
  open(other) {
    this.kept.isOpen = true;
    this.el.hidden = false;
    this.name.focus();
    if (other) {
      this.name.value = other;
      this.compare(other);
    }
    this.desk.ask("compare").then(({ peers }) => {
      this.names.replaceChildren(...peers.map((/** @type {string} */ peer) => h("option", { value: peer })));
      if (this.name.value || !peers.length) return;
      this.kept.name = this.name.value = peers[0];
      this.name.select();
    }, (error) => this.complain(error.message));
  }

  shut() {
    this.kept.isOpen = false;
    this.kept.other = "";
    this.asks += 1;
    this.el.hidden = true;
    setText(this.said, "");
    this.body.replaceChildren();
    this.desk.focusMenu();
  }

  /** @param {string} text */
  complain(text) {
    setText(this.error, text && `✗ ${text}`);
    this.name.setAttribute("aria-invalid", String(Boolean(text)));
  }

  /** @param {string} other */
  compare(other) {
    this.kept.name = this.kept.other = other;
    if (other) this.look();
    else this.complain("an ID is needed");
  }

  look() {
    this.asks += 1;
    const { asks } = this;
    this.desk.ask("compare", { with: this.kept.other }).then((found) => {
      if (asks !== this.asks) return;
      this.complain("");
      this.drawFound(found);
    }, (error) => {
      if (asks !== this.asks) return;
      this.kept.other = "";
      setText(this.said, "");
      this.body.replaceChildren();
      this.complain(error.message);
    });
  }

  /** Look again at a run that goes on. @param {import('./words.js').Picture} picture */
  draw({ length }) {
    const isNews = length !== this.length && this.length >= 0;
    this.length = length;
    if (!isNews || !this.kept.other || this.timer) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      if (this.kept.other) this.look();
    }, LOOK_AGAIN_AFTER);
  }

  /** @param {Comparison} found */
  drawFound({ sides, summary, shared, alike, rows, more, axis, bars }) {
    setText(this.said, summary);
    const time = new TimeAxis({ ...axis, served: null }, axis.last, 0.04);
    this.body.replaceChildren(
      h("div", { class: "nbf-cp-tracks" }, ...sides.map((side, i) => drawTracks(side, bars[i], time)), drawMarks(time)),
      rows.length || !alike ? "" : h("p", { class: "nbf-muted" }, `${alike} in common, and nothing else`),
      h("div", { class: "nbf-cp-table", role: "table", tabindex: 0, "aria-label": "Where they part" },
        h("div", { class: "nbf-cp-row nbf-cp-head", role: "row" }, h("span", { role: "columnheader" }, "what came"), ...sides.map((side) => this.drawSide(side))),
        shared ? h("div", { class: "nbf-cp-row nbf-cp-shared", role: "row" }, h("span", { role: "cell", "aria-colspan": 3 }, `${shared} event${shared === 1 ? "" : "s"} in common`)) : null,
        ...rows.map((row) => drawRow(row, sides))),
      more ? h("p", { class: "nbf-muted" }, `and ${more} more`) : "");
  }

  /** @param {Side} side */
  drawSide({ id, look, live, outcome, origin, took }) {
    return h("span", { role: "columnheader" }, h("strong", {}, id), " ", iconOf(look), ` ${look[1]} ${live ? "for" : "in"} ${duration(took)}`,
      outcome ? h("div", {}, h("code", { dir: "auto" }, outcome)) : null, origin ? h("div", { class: "nbf-muted" }, origin) : null);
  }

  dispose() { window.clearTimeout(this.timer); }
}

/** @param {[string, string, string, Deed|null, Deed|null]} row @param {Side[]} sides */
function drawRow([verdict, kind, about, left, right], sides) {
  const look = VERDICTS[verdict];
  return h("div", { class: `nbf-cp-row nbf-cp-${verdict}`, role: "row" },
    h("span", { role: "rowheader" }, h("span", { class: "nbf-cp-verdict" }, iconOf(look), ` ${look[1]}`), h("div", {}, h("bdi", {}, about), " ", h("span", { class: "nbf-muted" }, kind))),
    ...[left, right].map((deed, i) => drawDeed(deed, sides[i])));
}

/** @param {Deed|null} deed @param {Side} side */
function drawDeed(deed, { begun }) {
  if (!deed) return h("span", { role: "cell", class: "nbf-muted" }, "—");
  const [seq, at, value, did, isBad] = deed;
  return h("span", { role: "cell" }, h("time", { class: "nbf-muted", title: fullTime(at) }, `#${seq} after ${duration(at - begun)}`), " ",
    ...(isBad ? [iconOf(["✗", "", "bad"]), " "] : []), value ? h("code", { dir: "auto" }, value) : null, ...did.map((one) => h("div", {}, one)));
}

/** The bars of a run, as close to each other as they go. @param {Side} side @param {Bars[]} rows @param {TimeAxis} time */
function drawTracks({ id, took }, rows, time) {
  /** @type {number[]} */
  const ends = [];
  const bars = rows.flatMap(([name, spans]) => {
    const first = spans[0]?.[1] ?? 0, last = spans.at(-1)?.[2] ?? 0, free = ends.findIndex((end) => end < first);
    const line = free >= 0 ? free : Math.min(ends.length, MOST_TRACKS - 1);
    ends[line] = Math.max(ends[line] ?? 0, last);
    return spans.map(([kind, from, to, tone]) => {
      const place = time.place(from), bar = h("i", { class: `nbf-cp-bar nbf-cp-${kind} nbf-${tone}`, title: `${name}: ${kind} ${duration(to - from)}` });
      bar.style.cssText = `left: ${100 * place}%; width: ${100 * (time.place(to) - place)}%; top: ${line * TRACK_HEIGHT}px`;
      return bar;
    });
  });
  const lane = h("div", { class: "nbf-cp-lane", role: "img", "aria-label": `${id}: ${rows.length} step${rows.length === 1 ? "" : "s"} in ${duration(took)}` }, ...bars);
  lane.style.height = `${Math.max(ends.length, 1) * TRACK_HEIGHT + 2}px`;
  return h("div", { class: "nbf-cp-track" }, h("bdi", { class: "nbf-cp-name" }, id), lane);
}

/** @param {TimeAxis} time */
function drawMarks(time) {
  const put = (/** @type {HTMLElement} */ mark, /** @type {number} */ place) => {
    mark.style.left = `${100 * place}%`;
    return mark;
  };
  let taken = -1; // where the last label ends, about
  const breaks = time.breaks.flatMap(({ first, last, label }) => {
    const place = (first + last) / 2, isFree = place - taken > 0.12 && place < 0.95;
    if (isFree) taken = place;
    return isFree ? put(h("span", { class: "nbf-cp-break" }, label), place) : [];
  });
  const marks = time.marks(5).filter(([place, label]) => !label.startsWith("+") && time.breaks.every(({ first }) => Math.abs(first - place) > 0.06));
  return h("div", { class: "nbf-cp-track", "aria-hidden": "true" }, h("span", { class: "nbf-cp-name" }),
    h("div", { class: "nbf-cp-marks" }, ...marks.map(([place, label]) => put(h("span", {}, label), place)), ...breaks));
}
