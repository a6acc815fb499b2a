// @ts-check
/** A run as a line of the dashboard: its cells, and what stands in them. */

import { tookOf } from "./choice.js";
import { clockTime, duration, fullTime, h, iconOf, setText, until } from "./words.js";

/** @typedef {import('./choice.js').Line} Line */

/** @type {[key: string, title: string][]} */
export const COLUMNS = [["status", "Status"], ["id", "ID"], ["name", "Workflow"], ["waits", "Waits for, or result"], ["created", "Created"], ["updated", "Updated"], ["took", "Took"]];
const WIDEST = 26; // characters of an ID

/** @param {Line} line */
export function makeLine({ id }) {
  return h("div", { role: "row", class: "nbf-db-tr", "data-run": id },
    h("span", { role: "gridcell", class: "nbf-db-c-mark" }, h("input", { type: "checkbox", tabindex: -1, "aria-label": `Choose ${id}` })),
    ...COLUMNS.map(([key]) => h("span", { role: "gridcell", class: `nbf-db-c-${key}` })));
}

/** Bring a line up to date. @param {HTMLElement} el @param {Line} line @param {number} i its place @param {number} now
 * @param {{tree: boolean, marked: Set<string>, active: string}} state */
export function fillLine(el, line, i, now, { tree, marked, active }) {
  const depth = tree ? (line.depth ?? 0) : 0, [mark, status, id, name, waits, created, updated, took] = /** @type {HTMLElement[]} */ ([...el.children]);
  const box = /** @type {HTMLInputElement} */ (mark.firstChild), [, word] = line.look;
  el.style.setProperty("--i", String(i));
  el.style.setProperty("--depth", String(Math.min(depth, 8)));
  el.setAttribute("aria-rowindex", String(i + 2));
  el.setAttribute("aria-level", String(1 + depth));
  el.setAttribute("aria-selected", String(marked.has(line.id)));
  el.tabIndex = line.id === active ? 0 : -1;
  box.checked = marked.has(line.id);
  if (status.dataset.word !== word) {
    status.dataset.word = word;
    status.replaceChildren(iconOf(line.look), ` ${word}`);
  }
  const say = (/** @type {HTMLElement} */ cell, /** @type {string} */ text, title = text) => { setText(cell, text); if (cell.title !== title) cell.title = title; };
  const { parent = "" } = line, short = depth && line.id.startsWith(`${parent}:`) ? `…${line.id.slice(parent.length)}` : line.id;
  say(id, short.length > WIDEST ? `${short.slice(0, WIDEST / 2 - 1)}…${short.slice(-WIDEST / 2)}` : short, parent ? `${line.id}, child of ${parent}` : line.id);
  say(name, line.name, line.generation ? `${line.name}, generation ${line.generation + 1}` : line.name);
  for (const [cell, at] of /** @type {[HTMLElement, number][]} */ ([[created, line.created], [updated, line.updated]])) {
    const today = new Date(at).toDateString() === new Date(now).toDateString();
    say(cell, today ? clockTime(at) : new Date(at).toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" }), fullTime(at));
  }
  say(took, duration(tookOf(line, now)));
  const parts = line.waits?.map(([label, due, personal]) => [due === null ? label : `${label}${personal ? ", times out" : ""} ${until(due, now)}`, personal ? "nbf-db-mine" : ""]) ?? [["…", ""]];
  if (line.note) parts.push([line.note, "nbf-muted"]);
  const text = parts.map(([part]) => part).join(" · ");
  if (waits.title === text) return;
  waits.title = text;
  waits.replaceChildren(...parts.flatMap(([part, kind], at) => [at ? " · " : "", h("bdi", { class: kind }, part)]));
}
