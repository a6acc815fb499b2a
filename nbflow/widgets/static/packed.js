// @ts-check
/** The card's module, compressed: every card on a page brings this text along, and the first one unpacks it for all. */

import { hear } from "./hearing.js";

const KEY = "@KEY@";
const PACKED = "@PACKED@";

async function unpack() {
  const bytes = Uint8Array.from(atob(PACKED), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const url = URL.createObjectURL(new Blob([await new Response(stream).text()], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** What anywidget calls for each view. Unpacking waits until then: until the module is there, nothing from the kernel gets through. */
export default {
  /** @param {any} context */
  async render(context) {
    const loaded = /** @type {any} */ (globalThis).nbflow ??= new Map();
    if (!loaded.has(KEY)) loaded.set(KEY, unpack());
    const [{ default: widget }] = await Promise.all([loaded.get(KEY), hear(context.model)]);
    return widget.render(context);
  },
};
