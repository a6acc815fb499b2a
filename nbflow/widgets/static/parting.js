// @ts-check
/** Where code and history part: both sides row by row, the first mismatch in red. What is said is Python's. */

import { h, iconOf } from "./words.js";

/** @typedef {[icon: string, word: string, tone: string, event: string, history: string, code: string, remark: string, isFirst: boolean]} PartingRow */
/** @typedef {{sides: string[], place: string, cause: string, rows: PartingRow[], above: string, below: string, ways: [string, string][]}} Parting */

/** @param {Parting} parting @param {boolean} open whether the rows are shown at once */
export function drawParting({ sides, place, cause, rows, above, below, ways }, open) {
  const muted = (/** @type {string} */ text) => text ? h("div", { class: "nbf-muted" }, text) : null;
  const details = h("details", {}, h("summary", {}, "Both sides"), muted(above),
    h("div", { class: "nbf-pt-rows nbf-scroll", tabindex: 0, role: "region", "aria-label": "History and code" }, h("table", {}, h("thead", {}, h("tr", {}, ...["Compared", "Event", "History", "Code", "What differs"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, ...rows.map(([icon, word, tone, event, history, code, remark, isFirst]) => h("tr", { class: isFirst ? "nbf-pt-first" : "" },
        h("td", {}, iconOf([icon, word, tone]), ` ${word}`), ...[event, history, code, remark].map((text) => h("td", {}, text))))))),
    muted(below), h("ul", {}, ...ways.map(([command, means]) => h("li", {}, command ? h("code", {}, command) : null, ` ${means}`))));
  details.toggleAttribute("open", open);
  return h("div", { class: "nbf-parting" }, h("strong", {}, "✗ the code no longer matches its history"), ...sides.map((side) => h("div", {}, side)),
    place ? h("div", {}, h("code", {}, place)) : null, h("div", {}, cause), details);
}
