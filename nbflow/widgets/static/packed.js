// @ts-check
/** The card's module, compressed: every card on a page brings this text along, and the first one unpacks it for all. */

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

/** What anywidget calls for the widget's definition. */
export default async () => {
  const loaded = /** @type {any} */ (globalThis).nbflow ??= new Map();
  if (!loaded.has(KEY)) loaded.set(KEY, unpack());
  return (await loaded.get(KEY)).default;
};
