// @ts-check
/** What is done to many runs at once: a bar with the commands, which asks before what can't be undone. */

import { button, h } from "./words.js";

/** @type {[name: string, title: string, done: string, warning: string][]} */
const ORDERS = [["suspend", "Suspend", "suspended", ""], ["resume", "Resume", "resumed", ""], ["terminate", "Terminate", "terminated", "Terminate"], ["purge", "Purge", "purged", "Erase"]];

export const many = (/** @type {number} */ n) => `${n.toLocaleString("en")} run${n === 1 ? "" : "s"}`;

/** How far an order has got. @param {{do: string, done: number, of: number, failed: number, reason: string|null}} order */
export function orderText({ do: name, done, of, failed, reason }) {
  const word = ORDERS.find(([one]) => one === name)?.[2];
  return `${word} ${done.toLocaleString("en")} of ${many(of)}${failed ? ` · ${failed.toLocaleString("en")} not: ${reason}` : ""}`;
}

/** The bar; it is there while runs are chosen. */
export class OrdersBar {
  /** @param {{give(name: string): void, none(): void}} hands what to do: give an order to those that are chosen, choose none */
  constructor(hands) {
    this.hands = hands;
    this.el = h("div", { class: "nbf-db-bar", role: "group", "aria-label": "Chosen runs", hidden: true });
    /** @type {string|undefined} */
    this.sure = undefined; // what it asks about
    this.key = "";
  }

  /** @param {number} count how many are chosen */
  draw(count) {
    const key = `${count} ${this.sure}`;
    this.el.hidden = !count;
    if (this.key === key) return;
    this.key = key;
    const sure = ORDERS.find(([name]) => name === this.sure);
    if (sure) {
      this.el.replaceChildren(h("span", {}, `${sure[3]} ${many(count)}, and those below? This can't be undone.`), button(sure[1], () => this.hands.give(sure[0]), { class: "nbf-button nbf-bad" }), button("Cancel", () => this.ask(undefined, count)));
      /** @type {HTMLElement|null} */ (this.el.lastElementChild)?.focus();
    } else {
      this.el.replaceChildren(h("span", {}, `${many(count)} chosen`), ...ORDERS.map(([name, title, , warning]) => button(warning ? `${title}…` : title, () => (warning ? this.ask(name, count) : this.hands.give(name)))),
        button("Choose none", () => this.hands.none()));
    }
  }

  /** @param {string|undefined} name @param {number} count */
  ask(name, count) {
    const before = ORDERS.findIndex(([one]) => one === this.sure);
    this.sure = name;
    this.draw(count);
    if (!name) /** @type {HTMLElement} */ (this.el.children[before + 1]).focus();
  }
}
