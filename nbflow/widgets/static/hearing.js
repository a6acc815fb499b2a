// @ts-check
/**
 * Has a widget hear its kernel also where the page was slow.
 *
 * From the making of a model on, anywidget gives its module two seconds to load. A page that is too busy for that (JupyterLab
 * has just been opened, say, or a machine has other work) is told "Failed to initialize model": the widget is drawn
 * all the same, a moment later, but whatever the kernel sends it is dropped for as long as the page is open. What
 * drops it stands in front of the model's own handler, which is put in its place then.
 */

const HANDLER = "_handle_comm_msg"; // of every model of ipywidgets; anywidget's waits for its module first
const NOTHING = { content: { data: { method: "nothing" } } };

/** A model itself, where there is a way to it. @param {any} model as `render` gets it @returns {Promise<any>} */
async function innerOf(model) {
  try {
    return await model.widget_manager.get_model(model.get("twin"));
  } catch {
    return null;
  }
}

/** Have a model take what comes from the kernel, whatever became of its loading. Where the front end has no such way
 * in, or the page has no kernel, nothing is done.
 * @param {any} model as `render` gets it */
export async function hear(model) {
  const inner = await innerOf(model);
  if (!inner?.comm || typeof inner[HANDLER] !== "function") return;
  try {
    await inner[HANDLER](NOTHING);
  } catch {
    let anywidgets = inner;
    while (!Object.hasOwn(anywidgets, HANDLER)) anywidgets = Object.getPrototypeOf(anywidgets);
    const own = Object.getPrototypeOf(anywidgets)[HANDLER];
    if (own) inner.comm.on_msg((/** @type {any} */ message) => own.call(inner, message));
  }
}
