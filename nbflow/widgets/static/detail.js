// @ts-check
/** What is behind a row: it came along with the row, or Python is asked for it. */

import { blockNodes, button, h, iconOf, signButton } from "./words.js";

/** @typedef {import('./words.js').Desk} Desk */
/** @typedef {import('./words.js').Row} Row */
/** @typedef {import('./words.js').Picture} Picture */
/** @typedef {import('./words.js').Details} Details */

const ATTEMPT_TITLES = ["No.", "Outcome", "Queued", "Ran", "Worker"];

export class RowPane {
  /** @param {Desk} desk @param {() => void} onClose */
  constructor(desk, onClose) {
    this.desk = desk;
    this.onClose = onClose;
    this.el = h("section", { class: "nbf-tl-pane", hidden: true });
    /** @type {Row|undefined} */
    this.row = undefined;
    this.execution = "";
    this.said = ""; // what is drawn
  }

  /** @param {Row|undefined} row @param {Picture} picture */
  async show(row, picture) {
    this.el.hidden = !row;
    const anew = this.row?.key !== row?.key || this.execution !== picture.run.execution;
    this.row = row;
    this.execution = picture.run.execution;
    if (!row) return;
    let details = row.details;
    if (details || anew) this.fill(row, picture, details, "…");
    if (details) return;
    let problem = "";
    try {
      details = await this.desk.ask("details", { key: row.key });
    } catch (error) {
      problem = /** @type {Error} */ (error).message;
    }
    if (this.row === row) this.fill(row, picture, details, problem);
  }

  /** @param {Row} row @param {Picture} picture @param {Details|undefined} details @param {string} problem */
  fill(row, { run }, details, problem) {
    const said = JSON.stringify([row.key, row.look, row.seqs, details, problem]);
    if (this.said === said) return;
    this.said = said;
    const { facts = [], blocks = [], attempts = [] } = details ?? {}, { instance, seqs, look, name } = row;
    /** @type {HTMLElement[]} */
    const links = [];
    const link = (/** @type {string} */ text, /** @type {() => void} */ onclick) => links.push(button(text, onclick, { class: "nbf-link" }));
    if (seqs && run.can.includes("replay")) {
      const [first, last] = seqs;
      link(`Replay at event ${first}`, () => this.desk.open("replay", { seq: first }));
      if (last !== first) link(`at event ${last}`, () => this.desk.open("replay", { seq: last }));
    }
    const { card } = this.desk;
    if (instance && card) link("Open card", () => card(instance));
    const line = (/** @type {string} */ tag, /** @type {any[]} */ cells) => h("tr", {}, ...cells.map((cell) => h(tag, {}, ...[cell].flat())));
    const table = h("div", { class: "nbf-scroll", tabindex: 0, role: "region", "aria-label": "Attempts" }, h("table", { class: "nbf-table" }, h("thead", {}, line("th", ATTEMPT_TITLES)),
      h("tbody", {}, ...attempts.map(([number, state, queued, ran, worker, error]) =>
        line("td", [String(number), [iconOf(state), ` ${state[1]} `, h("bdi", { class: "nbf-muted" }, error)], queued, ran, worker])))));
    this.el.setAttribute("aria-label", `Details of ${name}`);
    this.el.replaceChildren(
      h("div", { class: "nbf-tl-head" }, iconOf(look), h("bdi", { class: "nbf-tl-title" }, name), h("span", { class: "nbf-muted" }, look[1]),
        signButton("×", "Close details", this.onClose)),
      h("div", { class: "nbf-tl-links" }, ...links), h("div", { class: "nbf-muted", role: "status" }, details ? "" : problem),
      h("dl", { class: "nbf-facts" }, ...facts.map(([label, text]) => h("div", {}, h("dt", {}, label), h("dd", {}, h("bdi", {}, text))))),
      ...(attempts.length ? [table] : []), ...blockNodes(blocks));
  }
}
