// @ts-check
/** Long lists: rows of one height, of which only those in sight are in the page, and the one that a person is at. */

/** @template {{el: HTMLElement}} T what is drawn of a row */
export class RowsInSight {
  /** @param {HTMLElement} scroller @param {HTMLElement} body what holds the rows, and nothing else
   * @param {number} beyond how many are drawn above and below those in sight
   * @param {{key(i: number): string, make(i: number): T, fill(row: T, i: number): void}} rows */
  constructor(scroller, body, beyond, rows) {
    this.scroller = scroller;
    this.body = body;
    this.beyond = beyond;
    this.rows = rows;
    /** @type {Map<string, T>} */
    this.drawn = new Map();
  }

  /** Put the rows in sight into the page, in their order; the one with the focus keeps it.
   * @param {number} count of all rows @param {number} height of one @param {number} at the row that is there in sight or not; -1: none
   * @param {boolean} [all] bring up to date also those that are there */
  place(count, height, at, all) {
    const { beyond, body, drawn, rows } = this, { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(Math.floor(scrollTop / height) - beyond, 0), last = Math.min(Math.ceil((scrollTop + clientHeight) / height) + beyond, count);
    const places = Array.from({ length: Math.max(last - first, 0) }, (_, i) => first + i);
    if (at >= 0 && at < first) places.unshift(at);
    else if (at >= last) places.push(at);
    const keys = places.map((i) => rows.key(i)), wanted = new Set(keys);
    for (const [key, { el }] of drawn) {
      if (wanted.has(key)) continue;
      el.remove();
      drawn.delete(key);
    }
    let next = body.firstElementChild;
    for (const [j, key] of keys.entries()) {
      const old = drawn.get(key), row = old ?? rows.make(places[j]), { el } = row;
      drawn.set(key, row);
      if (all || !old) rows.fill(row, places[j]);
      if (el !== next && !el.contains(document.activeElement)) body.insertBefore(el, next);
      else {
        while (next && next !== el) {
          const after = next.nextElementSibling;
          body.append(next);
          next = after;
        }
        next = el.nextElementSibling;
      }
    }
  }
}
