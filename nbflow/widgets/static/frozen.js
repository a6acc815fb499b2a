// @ts-check
/** A model without a kernel: what a card may ask was asked before, and stands in the page. */

import { CardView } from "./card.js";
import { h } from "./words.js";

/** @typedef {{snapshot: any, opens: any, replies: Record<string, any>}} Frozen */

const NOT_HELD = "this page does not hold that: open the run in its notebook";

class FrozenModel {
  /** @param {Frozen} data */
  constructor(data) {
    this.data = data;
    this.frozen = true;
    /** @type {Set<Function>} */
    this.listeners = new Set();
  }

  /** @param {"snapshot"|"opens"} name */
  get(name) { return this.data[name]; }

  /** @param {any} content */
  send(content) {
    if (content.type !== "ask") return;
    queueMicrotask(() => {
      for (const listener of this.listeners) listener({ type: "reply", id: content.id, ...this.reply(content) });
    });
  }

  /** @param {any} content */
  reply(content) {
    const ok = this.find(content);
    return ok === undefined ? { error: NOT_HELD } : ok.error ? ok : { ok };
  }

  /** @param {any} content */
  find({ what, key, seq, start, count }) {
    const replies = this.data.replies[what];
    if (what === "details") return replies[key];
    if (what === "events") return { ...replies, start, events: replies.events.slice(start, start + count) };
    if (what !== "moment") return replies;
    let first = seq;
    while (!(first in replies) && first > 0) first -= 1; // a moment stands under the first position of its step
    return replies[first].last < seq ? undefined : replies[first];
  }

  /** @param {string} event @param {Function} callback */
  on(event, callback) { if (event === "msg:custom") this.listeners.add(callback); }

  /** @param {string} _event @param {Function} callback */
  off(_event, callback) { this.listeners.delete(callback); }
}

/** Draw the page's run; where that is not possible, its picture stays. @param {HTMLElement} el @param {string} packed gzipped JSON as base64 */
export async function thaw(el, packed) {
  const picture = [...el.childNodes];
  try {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const data = await new Response(stream).json();
    el.replaceChildren();
    new CardView(new FrozenModel(data), el);
  } catch (error) {
    const why = "DecompressionStream" in window ? `the page is damaged (${error})` : "this browser is too old";
    el.replaceChildren(h("p", { role: "status" }, `Only a picture is shown here, without the steps of the run: ${why}.`), ...picture);
  }
}
