// @ts-check
/**
 * What is known of an execution that is replayed. Python is asked for it: `listing` once, `events` by pages, `moment` by
 * steps (an event and the actions behind it look alike).
 */

/** @typedef {import('./words.js').Desk} Desk */
/** @typedef {[name: string, text: string, isCut: boolean, change: string, was: string|null]} Local */
/** @typedef {{function: string, file: string, line: number, source: string, isOwn: boolean, locals: Local[]}} Frame */
/** @typedef {{number: number, name: string, waits: string, isNew: boolean, frames: Frame[]}} Branch */
/** @typedef {{first: number, last: number, state: string, words: string, branches: Branch[], ended: string[], more: number,
 *   calls: [number, number, boolean, string][], execution?: string,
 *   problem: {words: string, seq: number|null, expected: string|null, actual: string|null, line: number|null, parting?: import('./parting.js').Parting|null}|null}} Moment */
/** @typedef {[seq: number, at: number, sort: string, kind: string, about: string, value: string, did: string, turn: number,
 *   step: number, cause: number|null, isBad: boolean]} Event */

/** @type {Moment} */
const BEFORE_ALL = { first: 0, last: 0, state: "before", words: "", branches: [], ended: [], more: 0, calls: [], problem: null };
/** @typedef {{name: string, label: string, first: number, lines: string[]}} Listing */

const EVENTS_A_PAGE = 200; // rows of one page of events
const MOST_MOMENTS = 300; // that are kept
const ASK_AGAIN_AFTER = 500; // ms
const LOOK_AHEAD = 12; // steps that are asked for before they are wanted

export class Recall {
  /** @param {Desk} desk @param {string} execution @param {(what: string) => void} onNews */
  constructor(desk, execution, onNews) {
    this.desk = desk;
    this.execution = execution;
    this.onNews = onNews;
    /** @type {Map<number, Event[]>} */
    this.pages = new Map();
    /** @type {Record<string, [first: number, last: number, why: string]>} */
    this.turns = {};
    /** @type {Map<number, Moment>} */
    this.moments = new Map();
    /** @type {Listing|null|undefined} */
    this.listing = undefined; // null: there is none
    /** @type {Set<string>} */
    this.asking = new Set();
    /** What was asked in vain a moment ago: Python does not know yet what the card was told of. @type {Set<string>} */
    this.vain = new Set();
    this.trouble = "";
  }

  /** Try once more what could not be had. */
  again() {
    this.trouble = "";
    this.vain.clear();
    if (this.listing === null) this.listing = undefined;
  }

  /** @param {number} seq */
  row(seq) { return this.pages.get(Math.floor((seq - 1) / EVENTS_A_PAGE))?.[(seq - 1) % EVENTS_A_PAGE]; }

  /** The first event of a step: what is known of the step is kept under it. @param {number} seq */
  first(seq) { return this.row(seq)?.[8] || seq; }

  /** @param {number} seq */
  moment(seq) { return seq ? this.moments.get(this.first(seq)) : BEFORE_ALL; }

  /** Ask what is not being asked already. @param {string} what @param {object} args
   * @param {(ok: any) => any} take gives false if that was nothing new @param {string} [key] */
  ask(what, args, take, key = what) {
    const { asking, execution, vain } = this, asked = key + JSON.stringify(args);
    if (asking.has(key) || this.trouble || vain.has(asked)) return;
    asking.add(key);
    this.desk.ask(what, args).then((ok) => {
      if (execution === (ok.execution ?? execution) && take(ok) !== false) return;
      vain.add(asked);
      window.setTimeout(() => { if (vain.delete(asked)) this.onNews(what); }, ASK_AGAIN_AFTER);
    }, (error) => {
      if (what === "listing") this.listing = null;
      else this.trouble = error.message;
    }).then(() => {
      asking.delete(key);
      this.onNews(what);
    });
  }

  needListing() {
    if (this.listing === undefined) this.ask("listing", {}, (ok) => { this.listing = ok; });
  }

  /** @param {number} seq @param {number} total */
  needEvent(seq, total) {
    const page = Math.floor((seq - 1) / EVENTS_A_PAGE), start = page * EVENTS_A_PAGE, known = this.pages.get(page)?.length ?? 0;
    if (start + known < Math.min(start + EVENTS_A_PAGE, total)) this.ask("events", { start, count: EVENTS_A_PAGE }, (ok) => {
      this.pages.set(page, ok.events);
      Object.assign(this.turns, ok.turns);
      return ok.events.length > known;
    }, `events ${page}`);
  }

  /** Ask for the moment that is looked at, one at a time, and then for those that come next.
   * @param {number} at @param {number} way the direction in which it is gone through @param {number} total */
  needMoments(at, way, total) {
    const { moments } = this, wide = (this.moment(at)?.branches.length ?? 0) > 20;
    for (let seq = at, ahead = wide ? 2 : LOOK_AHEAD; ahead >= 0 && seq >= 0 && seq <= total; ahead -= 1) {
      const known = this.moment(seq), first = this.first(seq);
      if (!known) return this.ask("moment", { seq: first }, (ok) => {
        moments.set(first, ok).set(ok.first, ok);
        for (const old of moments.keys()) if (moments.size > MOST_MOMENTS) moments.delete(old);
      });
      seq = way > 0 ? Math.max(known.last, seq) + 1 : Math.min(known.first, seq) - 1;
    }
  }
}
