// @ts-check
/** The time axis, as Python's `nbflow/views/timeline/axis.py` has it: a test holds the two together. */

import { duration } from "./words.js";

/** @typedef {{start: number, last: number, end: number|null, breaks: [number, number][], patience: number|null, served: number|null}} AxisRule */
/** @typedef {[from: number, to: number]} Part what of the axis is seen, as places */

const AXIS_STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((s) => s * 1e3),
  ...[1, 2, 5, 10, 15, 30].map((s) => s * 6e4),
  ...[1, 2, 3, 6, 12].map((s) => s * 36e5),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((s) => s * 864e5),
];

/** A duration, rounded to the unit that it shows last. @param {number} ms */
export function about(ms) {
  const s = ms / 1000, unit = s >= 86370 ? 3600 : s >= 3599.5 ? 60 : 1;
  return s >= 10 ? duration(Math.floor((s + unit / 2) / unit) * unit * 1000) : duration(ms);
}

/** The value on the line through the points (of, to), which both rise.
 * @param {number} value @param {number[]} of @param {number[]} to */
function between(value, of, to) {
  if (value <= of[0]) return to[0];
  let left = 0, right = of.length - 1;
  if (value >= of[right]) return to[right];
  while (right - left > 1) {
    const middle = (left + right) >> 1;
    if (of[middle] <= value) left = middle; else right = middle;
  }
  return to[left] + ((value - of[left]) / (of[right] - of[left])) * (to[right] - to[left]);
}

/** A time axis at one time: where a moment lies, from 0 to 1, and back. */
export class TimeAxis {
  /** @param {AxisRule} rule @param {number} now @param {number} width of a break, as a share of the axis @param {boolean} [toScale] without breaks */
  constructor(rule, now, width, toScale) {
    const end = rule.end ?? Math.max(rule.last, now);
    let breaks = toScale ? [] : rule.breaks;
    if (!toScale && rule.end === null && rule.patience !== null && end - rule.last >= rule.patience) breaks = [...breaks, [rule.last, end]];
    this.start = rule.start;
    this.end = Math.max(end, rule.start + 1);
    this.toScale = this.end - this.start - breaks.reduce((sum, [from, to]) => sum + to - from, 0);
    if (this.toScale <= 0) {
      breaks = [];
      this.toScale = this.end - this.start;
    }
    const share = breaks.length ? Math.min(width, 0.4 / breaks.length) : 0;
    this.perMs = (1 - share * breaks.length) / this.toScale;
    this.times = [this.start];
    this.places = [0];
    this.breaks = breaks.map(([from, to]) => {
      const first = /** @type {number} */ (this.places.at(-1)) + (from - /** @type {number} */ (this.times.at(-1))) * this.perMs;
      this.times.push(from, to);
      this.places.push(first, first + share);
      return { first, last: first + share, start: from, end: to, label: `◇ ${about(to - from)}` };
    });
    this.times.push(this.end);
    this.places.push(1);
  }

  /** @param {number} time */
  place(time) {
    return between(time, this.times, this.places);
  }

  /** @param {number} place */
  time(place) {
    return between(place, this.places, this.times);
  }

  /** Round marks, at most that many of them in the part that is seen: places and texts.
   * @param {number} most @param {Part} [seen] @returns {[place: number, label: string][]} */
  marks(most, [from, to] = [0, 1]) {
    const edges = [0, ...this.breaks.map(({ last }) => last)];
    const parts = edges.map((place, i) => ({ place, until: this.breaks[i]?.first ?? 1, i }))
      .filter((part) => part.until >= from && part.place <= to);
    const shown = parts.reduce((sum, part) => sum + Math.max(Math.min(part.until, to) - Math.max(part.place, from), 0), 0) / this.perMs;
    const step = AXIS_STEPS.find((one) => shown / one < most) ?? this.toScale;
    return parts.flatMap(({ place, until, i }) => {
      /** @type {[number, string][]} */
      const marks = [];
      const length = (until - place) / this.perMs + 1e-6;
      let at = Math.max(i ? step : 0, Math.ceil((from - place) / this.perMs / step - 1e-9) * step);
      for (; at <= length && place + at * this.perMs <= to + 1e-9; at += step) {
        const text = at ? duration(at).replace(".0 s", " s") : "0";
        marks.push([place + at * this.perMs, i ? `+${text}` : text]);
      }
      return marks;
    });
  }
}

/** Make the part that is seen smaller or larger by a factor; what is at that place stays there.
 * @param {Part} seen @param {number} at @param {number} factor @param {number} least @returns {Part} */
export function zoomedPart([from, to], at, factor, least) {
  const width = Math.min(Math.max((to - from) * factor, least), 1);
  return movedPart([at - ((at - from) / (to - from)) * width, at + ((to - at) / (to - from)) * width], 0);
}

/** Move the part that is seen, as far as the axis goes. @param {Part} seen @param {number} by @returns {Part} */
export function movedPart([from, to], by) {
  const width = Math.min(to - from, 1), first = Math.min(Math.max(from + by, 0), 1 - width);
  return [first, first + width];
}
