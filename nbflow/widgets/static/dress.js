// @ts-check
/** The style sheet, which travels within the module and is put on a page once. */

const STYLES = "@STYLES@";

/** Have an element's page know the card's styles. @param {HTMLElement} el */
export function dress(el) {
  const root = el.getRootNode(), place = root instanceof ShadowRoot ? root : document.head;
  const known = [...place.querySelectorAll("style[data-nbflow]")].some((style) => style.textContent === STYLES);
  if (!known) addStyle(place, STYLES);
}

/** Have the page leave out the picture that stands beside a widget while the widget is there; gives how to undo it.
 * It may come later than the widget, so that a rule of style hides it. @param {string} token */
export function hideTwin(token) {
  const twin = `[data-nbflow-twin="${token}"]`;
  const style = addStyle(document.head, `${twin}, .jp-OutputArea-child:has(${twin}) { display: none !important; }`);
  return () => style.remove();
}

/** @param {Node} place @param {string} text */
function addStyle(place, text) {
  const style = document.createElement("style");
  style.dataset.nbflow = "";
  style.textContent = text;
  place.appendChild(style);
  return style;
}
