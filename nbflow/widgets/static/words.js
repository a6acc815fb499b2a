// @ts-check
/**
 * What the parts of the card have in common: its messages, elements, and how times read.
 *
 * @typedef {[icon: string, word: string, tone: string]} Look
 * @typedef {[label: string, text: string, form: string]} Block
 * @typedef {{name: string, id: string, execution: string, generation: number, look: Look, live: boolean,
 *   created: number, started: number|null, ended: number|null, startAt: number|null,
 *   customStatus: string|null, output: string|null, caveat?: string|null, problem: string|null, sentence: string,
 *   parting: import('./parting.js').Parting|null,
 *   parent: string|null, origin: [reason: "fork"|"rewind", run: string, seq: number]|null, can: string[], commands: Command[], blocks: Block[]}} Run
 * @typedef {[name: string, title: string, asks: string]} Command `asks`: what is said before it is done; empty: nothing
 * @typedef {[kind: string, offset: number, length: number|null, tone: string, outcome: string]} Span offset from the row's start
 * @typedef {[number: number, look: Look, queued: string, ran: string, worker: string, error: string]} Attempt
 * @typedef {{facts: [string, string][], blocks: Block[], attempts: Attempt[]}} Details
 * @typedef {{key: string, index: number, turn: number, kind: string, name: string, short: string, look: Look,
 *   start: number, end: number|null, due: number|null, spans: Span[], remark: string, seqs: [number, number]|null,
 *   instance?: string, refused?: string[], details?: Details}} Row
 * @typedef {{reason: string|null, path?: string, brief?: string}} Refusal the place in a payload that is wrong, and what is said there
 * @typedef {Refusal & {key: string, name: string, label: string, since: number, due: number|null, refused: number,
 *   control: import('./forms.js').ButtonsControl|import('./forms.js').Control}} Wait
 * @typedef {{n: number, now: number, still?: boolean, run: Run, rows: Map<string, Row>, changed: string[]|null,
 *   waits: Wait[], axis: import('./axis.js').AxisRule, total: number, length: number}} Picture `changed`: keys of rows; null: everything
 * @typedef {Refusal & {type: "ack", id: string, state: "delivered"|"recorded"|"rejected"|"failed", do?: string}} Ack
 * @typedef {{get(name: string): any, send(content: any): void, on(event: string, callback: Function): void,
 *   off(event: string, callback: Function): void, widget_manager?: any, comm_live?: boolean, frozen?: boolean}} Model
 * @typedef {{send(content: object): void, ask(what: string, args?: object): Promise<any>, now(): number, newId(): string,
 *   open(view: string, detail?: any): void, card: ((id: string) => void)|null, kept: Map<string, any>, busy(): boolean, say(text: string): void,
 *   order(name: string): void, compare(other?: string): void, focusMenu(): void}} Desk
 * @typedef {{el: HTMLElement, draw(picture: Picture): void, tick?(now: number): void, show?(detail?: any): void,
 *   hide?(): void, again?(): void, onAck?(ack: Ack): void, dispose?(): void}} View
 */

/** The rows of a snapshot or a delta: many of them are one text. @param {{rows: Row[], packed?: string}} message @returns {Row[]} */
export const rowsOf = ({ rows, packed }) => (packed ? JSON.parse(packed) : rows);

export const NO_ANSWER = "no kernel answers: re-run this cell";
const SILENT_AFTER = 2000; // ms without an answer after which nobody seems to be there

/** Call back once nobody has answered for a while, and nobody is busy either; gives how to call that off.
 * @param {() => boolean} busy @param {() => void} then */
export function onSilence(busy, then) {
  let timer = 0;
  const look = () => { if (timer && !busy()) then(); else timer = window.setTimeout(look, SILENT_AFTER); };
  look();
  return () => window.clearTimeout(timer);
}

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

/** Have the keys that are pressed in an element be its own. JupyterLab's shortcuts look for the mark from the element with
 * the focus upwards, but most of them match that element itself, so that it has to bear it. @param {HTMLElement} root */
export function ownKeys(root) {
  const mark = (/** @type {any} */ element) => { element.dataset.lmSuppressShortcuts = "true"; };
  mark(root);
  root.addEventListener("focusin", (event) => mark(event.target));
}

/** @param {string} text @param {(event: Event) => void} onclick @param {Record<string, any>} [props] */
export const button = (text, onclick, props = {}) => h("button", { type: "button", class: "nbf-button", onclick, ...props }, text);
/** A button with a sign on it: what it does is told on hovering, and to who can't see it.
 * @param {string} sign @param {string} title @param {(event: Event) => void} onclick @param {Record<string, any>} [props] */
export const signButton = (sign, title, onclick, props = {}) => button(sign, onclick, { class: "nbf-button nbf-sign", "aria-label": title, title, ...props });

/** The icon of a status; its word stands beside it. @param {string[]} look */
export const iconOf = ([icon, , tone]) => h("span", { class: `nbf-icon nbf-${tone}`, "aria-hidden": "true" }, icon);

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

/** @type {WeakMap<object, Map<string, any>>} */
const KEPT = new WeakMap();

/** What outlives the views of a model: JupyterLab draws a card anew whenever its static twin is renewed, and
 * neither what a person is typing nor an answer that is on its way may be lost by that. @param {object} model */
export function keptOf(model) {
  const kept = KEPT.get(model) ?? new Map();
  KEPT.set(model, kept);
  return kept;
}

/** The model of a card within another: its messages go over the same wire, marked with the run's ID. */
export class SubModel {
  /** @param {Model} model @param {string} id */
  constructor(model, id) {
    this.model = model;
    this.id = id;
    /** @type {Map<string, Set<Function>>} */
    this.listeners = new Map();
    this.relay = (/** @type {any} */ message, /** @type {any} */ buffers) => {
      if (message.to !== id) return;
      const { to: _to, ...content } = message;
      for (const listener of [...(this.listeners.get("msg:custom") ?? [])]) listener(content, buffers);
    };
    model.on("msg:custom", this.relay);
  }

  get widget_manager() { return this.model.widget_manager; }

  get() { return undefined; }

  /** @param {object} content */
  send(content) { this.model.send({ ...content, to: this.id }); }

  /** @param {string} event @param {Function} callback */
  on(event, callback) { this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(callback)); }

  /** @param {string} event @param {Function} callback */
  off(event, callback) { this.listeners.get(event)?.delete(callback); }

  dispose() { this.model.off("msg:custom", this.relay); }
}
