// @ts-check
/** What can be done to a run as a whole: a menu in the card's head, which asks before what can't be undone. */

import { Sending } from "./ask.js";
import { button, h, setText } from "./words.js";

/** @typedef {import('./words.js').Command} Command */

export class CommandsMenu {
  /** @param {import('./words.js').Desk} desk */
  constructor(desk) {
    const id = `nbf-${desk.newId()}`;
    this.desk = desk;
    this.shown = ""; // the commands that are in the menu
    /** @type {Command|null} */
    this.asked = null;
    this.error = h("div", { class: "nbf-error", role: "alert" });
    this.menu = h("div", { class: "nbf-menu", role: "menu", id, "aria-label": "Commands", hidden: true, onkeydown: (/** @type {KeyboardEvent} */ e) => this.move(e) });
    this.button = button("Commands", () => this.open(Boolean(this.menu.hidden)), { "aria-haspopup": "menu", "aria-expanded": "false", "aria-controls": id,
      onkeydown: (/** @type {KeyboardEvent} */ e) => {
        if (e.key !== "ArrowDown") return;
        e.preventDefault();
        this.open(true);
      } });
    this.confirm = h("div", { class: "nbf-confirm", role: "group", hidden: true, onkeydown: (/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape") this.ask(null); } });
    this.sending = new Sending(desk, "command", ({ state, reason }) => {
      if (state !== "recorded") setText(this.error, `✗ ${reason}`);
      return true;
    }, (busy) => this.button.setAttribute("aria-disabled", String(busy)));
    this.el = h("div", { class: "nbf-commands" }, this.sending.ack, this.sending.again, this.button, this.menu, this.confirm, this.error);
    this.away = (/** @type {Event} */ e) => { if (!e.composedPath().includes(this.el)) this.open(false); };
    document.addEventListener("pointerdown", this.away);
    this.sending.resume();
  }

  /** @param {import('./words.js').Picture} picture */
  draw({ run }) {
    const commands = run.commands ?? [], shown = JSON.stringify(commands);
    this.button.hidden = !commands.length;
    if (shown === this.shown) return;
    this.shown = shown;
    this.commands = commands;
    if (this.asked && !commands.some(([name]) => name === this.asked?.[0])) this.ask(null);
    const focused = this.menu.contains(document.activeElement);
    this.menu.replaceChildren(...commands.map((command) => button(command[1], () => this.take(command), { class: "nbf-entry", role: "menuitem", tabindex: -1 })));
    if (focused) this.items()[0]?.focus();
  }

  items() {
    return /** @type {HTMLElement[]} */ ([...this.menu.children]);
  }

  /** @param {boolean} open */
  open(open) {
    this.menu.hidden = !open || this.sending.kept.sent !== null;
    this.button.setAttribute("aria-expanded", String(!this.menu.hidden));
    if (!this.menu.hidden) this.items()[0]?.focus();
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const items = this.items(), at = items.indexOf(/** @type {HTMLElement} */ (event.target));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined && event.key !== "Escape" && event.key !== "Tab") return;
    if (event.key !== "Tab") event.preventDefault();
    if (to !== undefined) items.at(to % items.length)?.focus();
    else {
      this.open(false);
      this.button.focus();
    }
  }

  /** Choose a command from elsewhere in the card. @param {string} name */
  choose(name) {
    const command = this.commands?.find(([one]) => one === name);
    if (command) this.take(command);
  }

  /** @param {Command} command */
  take(command) {
    if (command[0] === "compare") {
      this.open(false);
      this.desk.compare();
    } else if (command[2]) this.ask(command);
    else this.give(command);
  }

  /** Ask before it is done; null: it is left. @param {Command|null} command */
  ask(command) {
    this.asked = command;
    this.open(false);
    setText(this.error, "");
    this.confirm.hidden = !command;
    this.button.focus();
    if (!command) return;
    const leave = button("Leave it", () => this.ask(null));
    this.confirm.setAttribute("aria-label", command[2]);
    const isRewind = command[0] === "rewind", where = h("p", { role: "status", hidden: !isRewind }, "looking where it goes back to…");
    const sure = button(command[1].replace("…", ""), () => {
      this.ask(null);
      this.give(command);
    }, { class: `nbf-button nbf-${isRewind ? "active" : "bad"}`, hidden: isRewind });
    this.confirm.classList.toggle("nbf-calm", isRewind);
    this.confirm.replaceChildren(h("p", {}, command[2]), where, sure, leave);
    leave.focus();
    if (isRewind) this.desk.ask("rewind").then(({ words }) => {
      setText(where, words);
      sure.hidden = false;
    }, (error) => setText(where, `✗ ${error.message}`));
  }

  /** @param {Command} command */
  give([name]) {
    this.open(false);
    this.button.focus();
    setText(this.error, "");
    this.sending.start({ type: "command", do: name });
  }

  /** @param {import('./words.js').Ack} ack */
  onAck(ack) {
    this.sending.onAck(ack);
  }

  dispose() {
    document.removeEventListener("pointerdown", this.away);
    this.sending.dispose();
  }
}
