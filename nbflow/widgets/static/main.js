// @ts-check
/** What a front end calls: it draws the card of a run, or the dashboard of all of them. */

import { CardView } from "./card.js";
import { DashboardView } from "./dashboard.js";
import { dress, hideTwin } from "./dress.js";

/** @param {{model: import('./words.js').Model, el: HTMLElement}} context */
function render({ model, el }) {
  dress(el);
  const twin = model.get("twin"), showTwin = twin ? hideTwin(twin) : () => {};
  const view = model.get("kind") === "dashboard" ? new DashboardView(model, el) : new CardView(model, el);
  return () => { view.dispose(); showTwin(); };
}

export { CardView };
export default { render };
