// @ts-check
/** A question to a person: the control that answers it, and how far an answer has come. */

import { NO_ANSWER, SILENT_AFTER, duration, h, setText, until } from "./words.js";

/** @typedef {import('./words.js').Wait} Wait */
/** @typedef {import('./words.js').Ack} Ack */
/** @typedef {import('./words.js').JsonControl} JsonControl */

const QUEUED_AFTER = 400; // ms without an answer after which the kernel counts as busy

/** Say what is wrong with a text for a JSON field, or null.
 * @param {string} text @param {JsonControl} control @returns {string|null} */
export function problemOf(text, control) {
  if (!text.trim()) return control.types.length ? "a value is needed" : null;
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const bare = /^[\p{L}][\p{L}\p{N} _-]*$/u.test(text.trim());
    return bare ? `not JSON: text needs quotes, as in "${text.trim()}"` : `not JSON: ${/** @type {Error} */ (error).message}`;
  }
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const fits = (/** @type {string} */ wanted) => wanted === type || (wanted === "integer" && Number.isInteger(value));
  if (control.types.length && !control.types.some(fits)) return `${control.types.join(" or ")} expected, not ${type}`;
  const missing = type === "object" ? control.required.filter((key) => !Object.hasOwn(value, key)) : [];
  return missing.length ? `${missing.join(", ")} missing` : null;
}

/** What outlives a view of a wait: JupyterLab draws a card anew whenever its static twin is renewed, and
 * neither what a person is typing nor an answer that is on its way may be lost by that.
 * @typedef {{draft?: string, sent: {id: string, payload: string}|null}} Kept */

/** One wait: its control, and how far an answer has come. */
export class WaitView {
  /** @param {Wait} wait @param {(content: any) => void} send @param {() => string} newId @param {Kept} kept */
  constructor(wait, send, newId, kept) {
    this.send = send;
    this.newId = newId;
    this.wait = wait;
    this.kept = kept;
    /** @type {number[]} */
    this.timers = [];
    this.since = h("span", { class: "nbf-muted" });
    this.ack = h("span", { class: "nbf-ack", role: "status" });
    this.again = h("button", { type: "button", class: "nbf-button", hidden: true, onclick: () => this.sendAgain() }, "Try again");
    this.error = h("div", { class: "nbf-error", id: `nbf-error-${newId()}`, role: "alert" });
    /** @type {HTMLElement[]} */
    this.buttons = [];
    this.form = h("form", { class: "nbf-ask", "data-name": wait.name, onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); this.submit(); } },
      h("div", { class: "nbf-question" }, h("span", { class: "nbf-icon nbf-wait", "aria-hidden": "true" }, "◷"),
        h("bdi", { class: "nbf-event" }, wait.label), this.since),
      h("div", { class: "nbf-control" }, ...this.control(wait), this.ack, this.again), this.error);
    if (this.field && kept.draft !== undefined) {
      this.field.value = kept.draft;
      this.check();
    }
    if (kept.sent) {
      this.setBusy(true);
      this.sendAgain();
    }
  }

  /** @param {Wait} wait @returns {HTMLElement[]} */
  control({ control, label: name }) {
    if (control.control === "buttons") {
      this.buttons = control.choices.map(({ label, payload, tone }) => h("button",
        { type: "button", class: `nbf-button nbf-${tone}`, "aria-label": `${label} ${name}`, onclick: () => this.answer(payload) }, label));
      return [...this.buttons, h("span", { class: "nbf-muted" }, control.hint)];
    }
    const lines = control.initial.split("\n").length;
    const field = /** @type {HTMLTextAreaElement} */ (h("textarea", {
      class: "nbf-field", rows: Math.min(lines, 10), spellcheck: "false", autocomplete: "off", placeholder: "JSON",
      "aria-label": `JSON for ${name}`, "aria-describedby": this.error.id, oninput: () => { this.kept.draft = this.field?.value; this.check(); },
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        if (e.key === "Enter" && (e.ctrlKey || e.metaKey || (lines === 1 && !e.shiftKey))) {
          e.preventDefault();
          this.submit();
        }
      } }));
    field.value = control.initial;
    this.field = field;
    this.buttons = [h("button", { type: "submit", class: "nbf-button nbf-active", "aria-label": `Send ${name}` }, "Send")];
    return [field, ...this.buttons, h("span", { class: "nbf-muted nbf-hint" }, control.hint)];
  }

  /** Show what is wrong with the field's text; true if nothing is. */
  check() {
    const { control } = this.wait;
    if (!this.field || control.control !== "json") return true;
    const problem = problemOf(this.field.value, control);
    this.complain(problem);
    return problem === null;
  }

  /** @param {string|null} problem */
  complain(problem) {
    setText(this.error, problem ? `✗ ${problem}` : "");
    if (problem) this.field?.setAttribute("aria-invalid", "true");
    else this.field?.removeAttribute("aria-invalid");
  }

  submit() {
    if (this.field && this.check()) this.answer(this.field.value.trim() || "null");
  }

  /** Send an answer, once: while one is on its way, another is refused. @param {string} payload */
  answer(payload) {
    if (this.kept.sent) return;
    this.kept.sent = { id: this.newId(), payload };
    this.complain(null);
    this.setBusy(true);
    this.sendAgain();
  }

  sendAgain() {
    if (!this.kept.sent) return;
    this.again.hidden = true;
    this.show("sending", "sending…");
    this.clearTimers();
    this.timers = [
      window.setTimeout(() => this.show("queued", "queued: the kernel is busy"), QUEUED_AFTER),
      window.setTimeout(() => { this.show("silent", NO_ANSWER); this.again.hidden = false; }, SILENT_AFTER),
    ];
    this.send({ type: "answer", id: this.kept.sent.id, name: this.wait.name, payload: this.kept.sent.payload });
  }

  /** @param {Ack} ack */
  onAck({ id, state, reason }) {
    if (this.kept.sent?.id !== id) return;
    this.clearTimers();
    this.again.hidden = true;
    if (state === "delivered") this.show("delivered", "delivered, not recorded yet…");
    else if (state === "recorded") this.show("recorded", "✓ recorded");
    else this.release(state === "rejected" ? `rejected: ${reason}` : `not recorded: ${reason}`);
  }

  /** Let the person answer anew, saying why. @param {string} problem */
  release(problem) {
    this.kept.sent = null;
    this.clearTimers();
    this.again.hidden = true;
    this.setBusy(false);
    this.show("", "");
    this.complain(problem);
  }

  /** @param {string} state @param {string} text */
  show(state, text) {
    this.ack.dataset.state = state;
    setText(this.ack, text);
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    for (const button of this.buttons) button.setAttribute("aria-disabled", String(busy));
    if (this.field) this.field.readOnly = busy;
  }

  /** @param {Wait} wait */
  update(wait) {
    const refusedNow = wait.refused > this.wait.refused;
    this.wait = wait;
    if (refusedNow) this.release(`rejected: ${wait.reason}`);
  }

  /** @param {number} now */
  tick(now) {
    const { since, due } = this.wait;
    setText(this.since, `waits ${duration(now - since)}${due === null ? "" : `, times out ${until(due, now)}`}`);
  }

  clearTimers() {
    for (const timer of this.timers) window.clearTimeout(timer);
    this.timers = [];
  }
}
