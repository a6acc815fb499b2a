// @ts-check
/**
 * Which runs a dashboard shows, in which order, and whose children stand where: the twins of `passes`, `arranged` and
 * `forest` in nbflow/views/instances/choice.py. A test holds them together.
 *
 * @typedef {{id: string, name: string, status: string, look: import('./words.js').Look, live: boolean, created: number, updated: number,
 *   start?: number, waits: [label: string, due: number|null, personal: number][]|null, note?: string, parent?: string,
 *   generation?: number, depth?: number, hay?: string}} Line
 * @typedef {{by: string, down: boolean, text: string, chosen: Set<string>|null}} Choice
 */

const NATURAL = new Intl.Collator("en", { numeric: true });
const what = (/** @type {Line} */ line) => [...(line.waits ?? []).map(([label]) => label), line.note ?? ""].join(" ");

/** How long a run has been there, or was. @param {Line} line @param {number} now */
export const tookOf = (line, now) => Math.max((line.live ? now : line.updated) - Math.max(line.created, line.start ?? 0), 0);

/** @param {Line} line @param {Choice} choice */
export function passes(line, { chosen, text }) {
  if (chosen?.size && !chosen.has(line.status)) return false;
  line.hay ??= `${line.id} ${line.name} ${what(line)}`.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => line.hay?.includes(word));
}

/** @param {Line[]} lines @param {Choice} choice @param {number} now @param {string[]} statuses all of them, in their order */
export function arranged(lines, { by, down }, now, statuses) {
  const sign = down ? -1 : 1;
  /** @type {Record<string, (line: Line) => any>} */
  const keys = { status: (line) => statuses.indexOf(line.status), waits: what, took: (line) => tookOf(line, now) };
  const keyOf = keys[by] ?? ((line) => line[/** @type {keyof Line} */ (by)]);
  const order = (/** @type {any} */ a, /** @type {any} */ b) => (typeof a === "string" ? NATURAL.compare(a, b) : a - b);
  return lines.map((line) => ({ line, key: keyOf(line) }))
    .sort((a, b) => sign * (order(a.key, b.key) || a.line.created - b.line.created || NATURAL.compare(a.line.id, b.line.id)))
    .map(({ line }) => line);
}

/** Put children below their parents; IDs can be used again, so that families may go round. @param {Line[]} lines */
export function forest(lines) {
  const here = new Set(lines.map((line) => line.id));
  /** @type {Map<string|undefined, Line[]>} */
  const below = new Map();
  for (const line of lines) {
    const parent = here.has(line.parent ?? "") ? line.parent : undefined, siblings = below.get(parent);
    if (siblings) siblings.push(line);
    else below.set(parent, [line]);
  }
  /** @type {Map<string, Line>} */
  const found = new Map();
  for (const root of [...(below.get(undefined) ?? []), ...lines]) {
    /** @type {[Line, number][]} */
    const stack = [[root, 0]];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const [line, depth] = next;
      if (found.has(line.id)) continue;
      found.set(line.id, line);
      line.depth = depth;
      for (const child of (below.get(line.id) ?? []).reverse()) stack.push([child, depth + 1]);
    }
  }
  return [...found.values()];
}
