// @ts-check
/**
 * What the parts of the card have in common: its messages, elements, and how times read.
 *
 * @typedef {[icon: string, word: string, tone: string]} Look
 * @typedef {[label: string, text: string, form: string]} Block
 * @typedef {{name: string, id: string, execution: string, generation: number, look: Look, live: boolean,
 *   created: number, started: number|null, ended: number|null, startAt: number|null,
 *   customStatus: string|null, output: string|null, problem: string|null, sentence: string,
 *   blocks: Block[]}} Run
 * @typedef {[kind: string, start: number, end: number|null, tone: string, word: string]} Span
 * @typedef {[number: number, look: Look, queued: string, ran: string, worker: string, error: string]} Attempt
 * @typedef {{key: string, index: number, kind: string, what: string, name: string, look: Look,
 *   start: number, end: number|null, due: number|null, spans: Span[], remark: string,
 *   facts: [string, string][], blocks: Block[], attempts: Attempt[]}} Row
 * @typedef {{label: string, payload: string, tone: string}} Choice
 * @typedef {{control: "buttons", choices: Choice[], hint: string}} ButtonsControl
 * @typedef {{control: "json", initial: string, hint: string, types: string[], required: string[]}} JsonControl
 * @typedef {{key: string, name: string, label: string, since: number, due: number|null, refused: number,
 *   reason: string|null, control: ButtonsControl|JsonControl}} Wait
 * @typedef {{type: string, n: number, now: number, still?: boolean, run: Run, rows: Row[], waits: Wait[]}} Picture
 * @typedef {{type: "ack", id: string, state: "delivered"|"recorded"|"rejected"|"failed", reason: string|null}} Ack
 * @typedef {{get(name: string): any, send(content: any): void, on(event: string, callback: Function): void,
 *   off(event: string, callback: Function): void}} Model
 */

export const NO_ANSWER = "no kernel answers: re-run this cell";
export const SILENT_AFTER = 2000; // ms without an answer after which nobody seems to be there

/** How long something took: the twin of `duration` in nbflow/views/durations.py.
 * @param {number} ms */
export function duration(ms) {
  const whole = Math.max(Math.floor(ms), 0);
  if (whole < 1000) return `${whole} ms`;
  const s = Math.floor(whole / 1000);
  if (s < 10) return `${s}.${Math.floor((whole % 1000) / 100)} s`;
  if (s < 60) return `${s} s`;
  const two = (/** @type {number} */ big, /** @type {string} */ unit, /** @type {number} */ small, /** @type {string} */ less) =>
    small ? `${big} ${unit} ${small} ${less}` : `${big} ${unit}`;
  if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return two(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
}

/** Make an element; the strings among its children become text.
 * @param {string} tag @param {Record<string, any>} [props] @param {...(Node|string|null)} children */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child != null).map((child) => /** @type {Node|string} */ (child)));
  return element;
}

/** Set text only where it changes: what is selected or read aloud stays.
 * @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {number} ms */
export const clockTime = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
/** @param {number} ms */
export const fullTime = (ms) => new Date(ms).toLocaleString();
/** @param {number} due @param {number} now */
export const until = (due, now) => (due > now ? `in ${duration(due - now)}` : "now");

/** @param {Block[]} blocks */
export function blockNodes(blocks) {
  return blocks.map(([label, text, form]) =>
    h("div", { class: "nbf-block" }, h("div", { class: "nbf-label" }, label),
      h("pre", { class: `nbf-pre nbf-${form}`, tabindex: 0, "aria-label": label, dir: "auto" }, text)));
}
