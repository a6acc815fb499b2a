// @ts-check
/** A model without a kernel: what a card may ask was asked before, and stands in the page. */

import { CardView } from "./card.js";

/** @typedef {{snapshot: any, opens: any, replies: Record<string, any>}} Frozen */

/** Where the reply to a question stands. @type {Record<string, (args: any) => string>} */
const PLACES = {
  details: ({ key }) => key,
  moment: ({ seq }) => seq,
};

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
    const replies = this.data.replies[content.what];
    if (content.what === "events") {
      const { start, count } = content;
      return { ok: { ...replies, start, events: replies.events.slice(start, start + count) } };
    }
    const ok = content.what in PLACES ? replies?.[PLACES[content.what](content)] : replies;
    return ok === undefined ? { error: "this page does not hold that: open the run in its notebook" } : ok.error ? ok : { ok };
  }

  /** @param {string} event @param {Function} callback */
  on(event, callback) { if (event === "msg:custom") this.listeners.add(callback); }

  /** @param {string} _event @param {Function} callback */
  off(_event, callback) { this.listeners.delete(callback); }
}

/** Draw the page's run. @param {HTMLElement} el @param {string} packed gzipped JSON as base64 */
export async function thaw(el, packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = await new Response(stream).json();
  el.replaceChildren();
  new CardView(new FrozenModel(data), el);
}
