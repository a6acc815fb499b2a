// @ts-check
/** A row of the timeline: its line in the chart, and what is behind it. */

import { blockNodes, duration, h, setText, until } from "./words.js";

/** @typedef {import('./words.js').Row} Row */

/** One row: its line in the chart, and what is behind it. */
export class RowView {
  /** @param {Row} row @param {() => void} onToggle */
  constructor(row, onToggle) {
    this.icon = h("span", { "aria-hidden": "true" });
    this.name = h("bdi", {});
    this.track = h("span", { class: "nbf-track", "aria-hidden": "true" });
    this.word = h("span", {});
    this.remark = h("span", { class: "nbf-remark" });
    this.took = h("span", { class: "nbf-took" });
    this.details = h("div", { class: "nbf-details", hidden: true });
    this.button = h("button", { type: "button", class: "nbf-row", tabindex: -1, "aria-expanded": "false", onclick: () => this.toggle() },
      this.icon, h("span", { class: "nbf-name" }, this.name), this.track,
      h("span", { class: "nbf-state" }, this.word, this.remark), this.took);
    this.item = h("li", { class: "nbf-item" }, this.button, this.details);
    this.onToggle = onToggle;
    this.row = row;
  }

  /** @param {Row} row @param {number} t0 @param {number} now */
  update(row, t0, now) {
    this.row = row;
    const [icon, word, tone] = row.look;
    this.icon.className = `nbf-icon nbf-${tone}`;
    setText(this.icon, icon);
    setText(this.name, row.name);
    this.button.title = `${row.what}: ${row.name}`;
    setText(this.word, word);
    this.track.replaceChildren(...row.spans.map(([kind, start, end, spanTone, spanWord]) => {
      const bar = h("i", { class: `nbf-span nbf-${kind} nbf-${spanTone}`, title: `${spanWord}: ${duration((end ?? now) - start)}` });
      bar.style.setProperty("--s", String(start - t0));
      bar.style.setProperty("--e", end === null ? "var(--now)" : String(end - t0));
      return bar;
    }));
    this.tick(now);
    if (!this.details.hidden) this.showDetails();
  }

  /** @param {number} now */
  tick(now) {
    const { row } = this;
    setText(this.took, row.kind === "sent" ? "" : duration((row.end ?? now) - row.start));
    setText(this.remark, [row.remark, row.due === null ? "" : `due ${until(row.due, now)}`].filter(Boolean).join(", "));
  }

  toggle() {
    this.details.hidden = !this.details.hidden;
    this.button.setAttribute("aria-expanded", String(!this.details.hidden));
    if (!this.details.hidden) this.showDetails();
    this.onToggle();
  }

  showDetails() {
    const { facts, blocks, attempts } = this.row;
    const table = attempts.length ? h("div", { class: "nbf-scroll" }, h("table", { class: "nbf-attempts" },
      h("thead", {}, h("tr", {}, ...["Attempt", "Outcome", "Queued", "Ran", "Worker"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, ...attempts.map(([number, look, queued, ran, worker, error]) => h("tr", {},
        h("td", {}, String(number)),
        h("td", {}, h("span", { class: `nbf-icon nbf-${look[2]}` }, look[0]), ` ${look[1]} `, h("bdi", { class: "nbf-muted" }, error)),
        h("td", {}, queued), h("td", {}, ran), h("td", {}, worker)))))) : null;
    this.details.replaceChildren(
      h("dl", { class: "nbf-facts" }, ...facts.map(([label, text]) => h("div", {}, h("dt", {}, label), h("dd", {}, h("bdi", {}, text))))),
      ...(table ? [table] : []), ...blockNodes(blocks));
  }
}
