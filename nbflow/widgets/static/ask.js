// @ts-check
/** A question to a person: the control that answers it, and how far an answer has come. */

import { Form } from "./forms.js";
import { NO_ANSWER, button, duration, h, onSilence, setText, until } from "./words.js";

/** @typedef {import('./words.js').Wait} Wait */
/** @typedef {import('./words.js').Ack} Ack */
/** @typedef {import('./words.js').Desk} Desk */

/** @param {number} since @param {number|null} due @param {number} now */
const waitText = (since, due, now) => `waits ${duration(now - since)}${due === null ? "" : `, times out ${until(due, now)}`}`;
const QUEUED_AFTER = 400; // ms without an answer after which the kernel counts as busy

/** Something on its way to the kernel, sent once: while it is, another is refused. What is on its way and what
 * is being typed outlive the view: JupyterLab draws a card anew whenever its static twin is renewed. */
export class Sending {
  /** @param {Desk} desk @param {string} key under which it is kept @param {(ack: Ack) => boolean} onEnd takes what became of it;
   * gives true if another may be sent @param {(busy: boolean) => void} setBusy */
  constructor(desk, key, onEnd, setBusy) {
    this.desk = desk;
    this.onEnd = onEnd;
    this.setBusy = setBusy;
    this.kept = desk.kept.get(key) ?? { sent: null, draft: {} };
    desk.kept.set(key, this.kept);
    /** @type {(() => void)[]} */
    this.waiting = [];
    this.ack = h("span", { class: "nbf-ack", role: "status" });
    this.again = button("Try again", () => this.post(), { hidden: true });
  }

  /** Go on with what was sent before this view was there. */
  resume() {
    if (this.kept.sent) this.post();
  }

  /** @param {object} content */
  start(content) {
    if (this.kept.sent) return;
    this.kept.sent = { ...content, id: this.desk.newId() };
    this.post();
  }

  post() {
    this.setBusy(true);
    this.show("sending", "sending…");
    const timer = window.setTimeout(() => this.show("queued", "queued: the kernel is busy", true), QUEUED_AFTER);
    const callOff = onSilence(this.desk.busy, () => {
      this.show("silent", NO_ANSWER);
      this.again.hidden = false;
    });
    this.waiting = [() => window.clearTimeout(timer), callOff];
    this.desk.send(this.kept.sent);
  }

  /** @param {Ack} ack */
  onAck(ack) {
    if (this.kept.sent?.id !== ack.id) return;
    if (ack.state === "delivered") {
      this.show("delivered", "delivered, not recorded yet…");
      return;
    }
    this.show(ack.state, ack.state === "recorded" ? `✓ ${ack.reason ?? "recorded"}` : "");
    if (this.onEnd(ack)) this.release();
  }

  /** Let another be sent. */
  release() {
    this.kept.sent = null;
    this.setBusy(false);
  }

  /** @param {string} state @param {string} text @param {boolean} [goesOn] whether what was planned for later still holds */
  show(state, text, goesOn) {
    if (!goesOn) this.dispose();
    this.again.hidden = true;
    this.ack.dataset.state = state;
    setText(this.ack, text);
  }

  dispose() {
    for (const callOff of this.waiting) callOff();
  }
}

/** One wait: its control, and how far an answer has come. */
export class WaitView {
  /** @param {Wait} wait @param {Desk} desk @param {string} key */
  constructor(wait, desk, key) {
    this.wait = wait;
    this.sending = new Sending(desk, key, (ack) => this.onEnd(ack), (busy) => this.setBusy(busy));
    const { control, label: name } = wait, { draft } = this.sending.kept;
    const asks = control.control === "buttons", more = asks ? (control.more ?? []) : [];
    this.since = h("span", { class: "nbf-muted" });
    this.asked = new Form(control.control === "buttons" ? { control: "form", fields: more } : control, asks ? `With ${name}` : name, draft, () => desk.newId());
    this.asked.el.hidden = asks && !draft.more;
    this.buttons = asks ? control.choices.map(({ label, payload, tone = "quiet" }) => button(label, () => this.answer(payload),
      { class: `nbf-button nbf-${tone}`, "aria-label": `${label} ${name}` }))
      : [h("button", { class: "nbf-button nbf-active", "aria-label": `Send ${name}` }, "Send")];
    const adds = more.length ? button(`with ${more.map((field) => field.label).join(", ")}`, () => {
      draft.more = this.asked.el.hidden;
      this.asked.el.hidden = !draft.more;
      adds?.setAttribute("aria-expanded", String(draft.more));
    }, { class: "nbf-unfold", "aria-expanded": String(!this.asked.el.hidden) }) : null;
    this.form = /** @type {HTMLFormElement} */ (h("form", { class: "nbf-ask", "data-name": wait.name, novalidate: true, onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); this.answer(); } },
      h("div", { class: "nbf-question" }, h("span", { class: "nbf-icon nbf-wait", "aria-hidden": "true" }, "◷"), h("bdi", { class: "nbf-event" }, name), this.since),
      asks && control.hint ? h("div", { class: "nbf-muted nbf-hint" }, control.hint) : null, this.asked.el,
      h("div", { class: "nbf-control" }, ...this.buttons, adds, this.sending.ack, this.sending.again), this.asked.error));
    if (wait.reason) this.refused(wait);
    this.sending.resume();
  }

  /** Send an answer: what the form holds, or the payload of a button with what is filled in beside it. @param {string} [payload] */
  answer(payload) {
    if (this.sending.kept.sent || (payload === undefined && this.wait.control.control === "buttons")) return;
    const text = payload && this.asked.el.hidden ? "{}" : this.asked.read();
    if (text === null) return;
    const whole = payload && text !== "{}" ? `${payload.slice(0, -1)},${text.slice(1)}` : (payload ?? text);
    this.sending.start({ type: "answer", name: this.wait.name, payload: whole });
  }

  /** @param {Ack} ack */
  onEnd(ack) {
    if (ack.state === "recorded") return false;
    this.sending.release();
    if (ack.state === "rejected") this.refused(ack);
    else this.asked.complain(`not recorded: ${ack.reason}`);
    return false;
  }

  /** @param {import('./words.js').Refusal} refusal */
  refused({ reason, path, brief }) {
    const said = brief ?? reason;
    this.asked.complain(`rejected: ${path && path.length > 1 ? `${path.slice(2)}: ` : ""}${said}`, path, `rejected: ${said}`);
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    for (const one of this.buttons) one.setAttribute("aria-disabled", String(busy));
    this.asked.setBusy(busy);
  }

  /** @param {Wait} wait */
  update(wait) {
    const refusedNow = wait.refused > this.wait.refused;
    this.wait = wait;
    if (!refusedNow) return;
    this.sending.show("", "");
    this.sending.release();
    this.refused(wait);
  }

  /** @param {number} now */
  tick(now) {
    const { since, due } = this.wait;
    setText(this.since, waitText(since, due, now));
  }
}

/** What a run waits for, above its views. */
export class AsksView {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {Map<string, WaitView>} */
    this.waits = new Map();
    this.done = h("div", { class: "nbf-done", tabindex: -1, hidden: true });
    this.told = h("div", { class: "nbf-told", hidden: true }); // where nobody here can answer
    this.el = h("section", { class: "nbf-inbox", "aria-label": "Waiting for an answer", hidden: true }, this.done, this.told);
  }

  /** @param {import('./words.js').Picture} picture */
  draw({ run, rows, waits: all }) {
    const mute = run.can?.includes("raise") === false, waits = mute ? [] : all;
    this.tell(mute ? all : []);
    const open = new Map(waits.map((wait) => [`wait ${run.execution} ${wait.key}`, wait]));
    for (const [key, view] of this.waits) {
      if (!open.has(key)) this.end(key, view, rows.get(view.wait.key));
    }
    for (const [key, wait] of open) {
      let view = this.waits.get(key);
      if (!view) {
        view = new WaitView(wait, this.desk, key);
        this.waits.set(key, view);
        this.el.append(view.form);
      }
      view.update(wait);
    }
    if (this.waits.size && !this.done.contains(document.activeElement)) this.done.hidden = true;
    this.el.hidden = !this.waits.size && this.done.hidden && this.told.hidden;
  }

  /** Say what is waited for, where it can't be answered. @param {Wait[]} waits */
  tell(waits) {
    this.told.hidden = !waits.length;
    this.told.replaceChildren(...waits.map(({ label, since, due }) => h("div", { class: "nbf-question" }, h("span", { class: "nbf-icon nbf-wait", "aria-hidden": "true" }, "◷"),
      h("bdi", { class: "nbf-event" }, label), h("span", { class: "nbf-muted" }, waitText(since, due, this.desk.now())))), h("div", { class: "nbf-muted" }, "open the run in its notebook to answer"));
  }

  /** A wait is over: whoever was there is told how, and stands before the next one. @param {string} key @param {WaitView} view @param {import('./words.js').Row|undefined} row */
  end(key, view, row) {
    const focused = view.form.contains(document.activeElement);
    view.sending.dispose();
    view.form.remove();
    this.waits.delete(key);
    this.desk.kept.delete(key);
    if (!focused && !view.sending.kept.sent) return;
    this.done.replaceChildren(h("span", { class: `nbf-icon nbf-${row?.look[2] ?? "good"}`, "aria-hidden": "true" }, row?.look[0] ?? "✓"), " ", h("bdi", { class: "nbf-event" }, view.wait.label), ` ${row?.look[1] ?? "is over"}`);
    this.done.hidden = false;
    this.el.hidden = false;
    if (focused) this.done.focus();
  }

  /** @param {Ack} ack */
  onAck(ack) {
    for (const wait of this.waits.values()) wait.sending.onAck(ack);
  }

  /** @param {number} now */
  tick(now) {
    for (const wait of this.waits.values()) wait.tick(now);
  }

  dispose() {
    for (const wait of this.waits.values()) wait.sending.dispose();
  }
}
