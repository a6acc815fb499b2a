// @ts-check
/** Going back from the event that is looked at: a fork, with a form for its ID and another value; and the way to a rewind. */

import { Sending } from "./ask.js";
import { Form } from "./forms.js";
import { button, h } from "./words.js";

/** What a fork at an event would be. @typedef {{shared: number, near: number|null, control: import('./forms.js').FormControl}} Offer */

export class ForkPanel {
  /** @param {import('./words.js').Desk} desk @param {{at(): number, go(seq: number): void}} place the event that is looked at */
  constructor(desk, place) {
    this.desk = desk;
    this.place = place;
    this.sending = new Sending(desk, "fork", (ack) => this.onEnd(ack), (busy) => this.setBusy(busy));
    /** @type {Form|null} */
    this.fields = null;
    this.asks = 0; // counts what was asked: only the last one is drawn
    this.button = button("Fork from here…", () => (this.seq === place.at() ? this.shut() : this.open(place.at())), { "aria-expanded": "false" });
    this.rewind = button("Rewind…", () => desk.order("rewind"), { hidden: true });
    this.box = h("div");
    this.submit = h("button", { class: "nbf-button nbf-active", hidden: true }, "Fork");
    this.leave = button("Leave it", () => this.shut(), { hidden: true });
    this.form = h("form", { class: "nbf-fork", novalidate: true, "aria-label": "Fork", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); this.fork(); },
      onkeydown: (/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape" && this.seq) this.shut(); } },
    this.box, h("div", { class: "nbf-control" }, this.submit, this.leave, this.sending.ack, this.sending.again));
    this.el = h("div", {}, h("div", { class: "nbf-control" }, this.button, this.rewind), this.form);
    if (this.kept.offer) this.drawForm(this.kept.offer);
    else if (this.seq) this.open(this.seq);
    this.draw();
    this.sending.resume();
  }

  get kept() { return this.sending.kept; }

  /** The event that the form is for; 0: there is none. @returns {number} */
  get seq() { return this.kept.seq ?? 0; }

  /** @param {import('./words.js').Picture} picture */
  drawRun({ run }) {
    this.el.hidden = !run.can?.includes("fork") || !this.desk.card;
    this.rewind.hidden = !run.commands?.some(([name]) => name === "rewind");
  }

  draw() {
    const { seq } = this, isOpen = Boolean(seq);
    this.button.setAttribute("aria-expanded", String(isOpen && seq === this.place.at()));
    this.button.hidden = !this.place.at();
    this.form.classList.toggle("nbf-open", isOpen);
    this.leave.hidden = !isOpen;
    this.submit.hidden = !isOpen || !this.fields;
  }

  /** @param {number} seq */
  open(seq) {
    if (this.kept.sent) return;
    Object.assign(this.kept, { seq, offer: null, draft: {} });
    this.fields = null;
    this.asks += 1;
    const { asks } = this;
    this.sending.show("", "");
    this.box.replaceChildren(h("p", { class: "nbf-muted", role: "status" }, `looking at event ${seq}…`));
    this.draw();
    this.desk.ask("fork", { seq }).then((offer) => {
      if (asks !== this.asks) return;
      this.kept.offer = offer;
      this.drawForm(offer);
      this.draw();
      /** @type {HTMLElement|null} */ (this.box.querySelector("input"))?.focus();
    }, (error) => {
      if (asks === this.asks) this.box.replaceChildren(h("div", { class: "nbf-error", role: "alert" }, `✗ ${error.message}`));
    });
  }

  shut() {
    if (this.kept.sent) return;
    const focused = this.form.contains(document.activeElement);
    Object.assign(this.kept, { seq: 0, offer: null, draft: {} });
    this.asks += 1;
    this.fields = null;
    this.box.replaceChildren();
    this.draw();
    if (focused) this.button.focus();
  }

  /** @param {Offer} offer */
  drawForm({ near, control }) {
    this.fields = new Form(control, `Fork from event ${this.seq}`, this.kept.draft, () => this.desk.newId());
    const hint = near ? h("p", { class: "nbf-muted" }, "This event brings no value that could be changed; the nearest one that does is ", button(`event ${near}`, () => {
      this.place.go(near);
      this.open(near);
    }, { class: "nbf-link" }), ".") : "";
    this.box.replaceChildren(this.fields.el, hint, this.fields.error);
  }

  fork() {
    const filled = this.sending.kept.sent ? null : this.fields?.read();
    if (filled) this.sending.start({ type: "command", do: "fork", seq: this.seq, with: filled });
  }

  /** @param {import('./words.js').Ack & {run?: string}} ack */
  onEnd({ state, reason, path, brief, run }) {
    this.sending.release();
    if (state === "recorded") {
      this.shut();
      this.button.focus();
      if (run) this.desk.card?.(run);
    } else this.fields?.complain(state === "rejected" ? (brief ?? reason ?? "") : `not forked: ${reason}`, path, brief);
    return false;
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    for (const one of [this.submit, this.leave, this.button]) one.setAttribute("aria-disabled", String(busy));
    this.fields?.setBusy(busy);
  }

  /** @param {import('./words.js').Ack} ack */
  onAck(ack) { this.sending.onAck(ack); }

  dispose() { this.sending.dispose(); }
}
