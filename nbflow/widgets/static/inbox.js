// @ts-check
/** The inbox: raise an event that nobody waits for yet, and what became of those that came. */

import { Sending } from "./ask.js";
import { Form } from "./forms.js";
import { button, clockTime, fullTime, h, iconOf } from "./words.js";

/** @typedef {import('./words.js').Desk} Desk */

const MOST_LOGGED = 200;

export class InboxView {
  /** @param {Desk} desk */
  constructor(desk) {
    const id = `nbf-${desk.newId()}`;
    this.sending = new Sending(desk, "raise", (ack) => this.onEnd(ack), (busy) => this.setBusy(busy));
    this.desk = desk;
    this.id = id;
    const { draft } = this.sending.kept;
    this.names = h("datalist", { id: `${id}n` });
    this.name = /** @type {HTMLInputElement} */ (h("input", { id, class: "nbf-field", list: `${id}n`, autocomplete: "off", oninput: () => { draft.name = this.name.value; } }));
    this.name.value = draft.name ?? "";
    this.place = h("div", { class: "nbf-form-line" });
    this.button = h("button", { class: "nbf-button nbf-active" }, "Raise");
    this.form = h("form", { class: "nbf-raise", novalidate: true, "aria-labelledby": `${id}t`, onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); this.raise(); } },
      h("h4", { id: `${id}t` }, "Raise an event that nobody waits for yet"),
      h("div", { class: "nbf-form-line" }, h("label", { for: id, class: "nbf-form-caption" }, "name"), this.name, this.names), this.place,
      h("div", { class: "nbf-control" }, this.button, this.sending.ack, this.sending.again));
    this.log = h("ol", { class: "nbf-log", "aria-labelledby": `${id}h` });
    this.none = h("p", { class: "nbf-muted" }, "no event has come yet");
    this.el = h("section", { class: "nbf-mail", "aria-label": "Inbox" }, this.form, h("h4", { id: `${id}h` }, "Events"), this.none, this.log);
    this.payload = this.emptied();
    this.sending.resume();
  }

  /** An empty field for the payload, or what was typed into it before. */
  emptied() {
    const { draft } = this.sending.kept, payload = new Form({ control: "json", hint: "any JSON; empty sends null" }, "the event", draft, () => this.desk.newId());
    this.place.replaceChildren(h("span", { class: "nbf-form-caption", "aria-hidden": "true" }, "payload"), payload.el, payload.error);
    return payload;
  }

  raise() {
    const name = this.name.value.trim(), payload = this.payload.read();
    if (!name) {
      this.payload.complain("an event needs a name");
      this.name.focus();
    } else if (payload !== null) this.sending.start({ type: "answer", name, payload });
  }

  /** @param {import('./words.js').Ack} ack */
  onEnd({ state, reason }) {
    if (state !== "recorded") {
      this.sending.release();
      this.payload.complain(`${state === "rejected" ? "rejected" : "not recorded"}: ${reason}`);
      return false;
    }
    this.sending.kept.draft = {};
    this.name.value = "";
    this.payload = this.emptied();
    return true;
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.button.setAttribute("aria-disabled", String(busy));
    this.name.readOnly = busy;
    this.payload.setBusy(busy);
  }

  /** @param {import('./words.js').Ack} ack */
  onAck(ack) {
    this.sending.onAck(ack);
  }

  /** @param {import('./words.js').Picture} picture */
  draw({ run, rows, changed }) {
    this.form.hidden = !run.live || run.can?.includes("raise") === false;
    const events = [...rows.values()].filter(({ kind }) => kind === "wait" || kind === "arrival");
    if (changed && !changed.some((key) => events.some((row) => row.key === key))) return;
    this.names.replaceChildren(...[...new Set(events.map((row) => row.name))].slice(0, 50).map((name) => h("option", { value: name })));
    events.sort((one, other) => (other.end ?? Infinity) - (one.end ?? Infinity) || other.index - one.index);
    this.none.hidden = events.length > 0;
    this.log.replaceChildren(...events.slice(0, MOST_LOGGED).map((row) => this.entry(row)));
    if (events.length > MOST_LOGGED) this.log.append(h("li", { class: "nbf-muted" }, `${events.length - MOST_LOGGED} more in the timeline`));
  }

  /** @param {import('./words.js').Row} row */
  entry({ key, look, name, start, end, short, remark, refused = [] }) {
    const at = end ?? start;
    return h("li", {}, iconOf(look),
      button(name, () => this.desk.open("timeline", { row: key }), { class: "nbf-link", title: "Show it in the timeline", dir: "auto" }),
      h("span", {}, look[1]), h("time", { class: "nbf-muted", title: fullTime(at) }, clockTime(at)),
      short ? h("code", { dir: "auto" }, short) : null, remark ? h("span", { class: "nbf-muted" }, remark) : null,
      ...refused.map((reason) => h("div", { class: "nbf-wrong" }, `✗ rejected: ${reason}`)));
  }

  dispose() {
    this.sending.dispose();
  }
}
