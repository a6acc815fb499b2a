// @ts-check
/** Forms: a control that Python made from a type, as inputs that give the JSON text for it. */

import { button, h, setText } from "./words.js";

/**
 * The controls of nbflow/views/inbox/controls.py, which tells what each part means; what is as by default is not there.
 *
 * @typedef {{label: string, payload: string, tone?: string}} Choice
 * @typedef {{key: string, label: string, control: Control}} Field
 * @typedef {{control: "buttons", choices: Choice[], hint?: string, more?: Field[]}} ButtonsControl
 * @typedef {{control: "json"|"number"|"text"|"moment"|"choice", initial?: string|null, hint?: string, told?: string,
 *   types?: string[], required?: string[], choices?: Choice[], many?: boolean,
 *   whole?: boolean, quoted?: boolean, least?: number, most?: number, open_least?: boolean, open_most?: boolean, step?: number,
 *   lines?: boolean, shortest?: number, patterns?: string[], example?: string,
 *   kind?: "date"|"time"|"datetime-local", zoned?: boolean}} LeafControl one input
 * @typedef {{control: "fixed", payload: string, hint?: string}} FixedControl
 * @typedef {{control: "list", item: Control, items?: Control[], fewest?: number, most?: number, unique?: boolean, hint?: string}} ListControl
 * @typedef {{control: "optional", inner: Control, off: string, on?: boolean, hint?: string}} OptionalControl
 * @typedef {{control: "form", fields: Field[], title?: string, hint?: string}} FormControl
 * @typedef {LeafControl|FixedControl|ListControl|OptionalControl|FormControl} Control
 */

/** Something in a form: `read` gives JSON text, or undefined to leave it out. @typedef {{el: HTMLElement, read(): string|undefined}} Part */
/** An input, and what is said of it. @typedef {{field: any, raw(): string, complain(text: string): void}} Leaf */

/** @param {string} problem @returns {never} */
function wrong(problem) {
  throw new Error(problem);
}

/** From what stands in an input to JSON text, by control; Python has the last word.
 * @type {Record<LeafControl["control"], (control: LeafControl, raw: string) => string>} */
const TEXTS = {
  json({ types = [], required = [] }, raw) {
    const text = raw.trim();
    if (!text) return types.length ? wrong("a value is needed") : "null";
    let value;
    try {
      value = JSON.parse(text);
    } catch (error) {
      wrong(`not JSON: ${/^\p{L}[\p{L}\p{N} _-]*$/u.test(text) ? `text needs quotes, as in "${text}"` : /** @type {Error} */ (error).message}`);
    }
    const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
    if (types.length && !types.includes(type) && !(types.includes("integer") && Number.isInteger(value))) wrong(`${types.join(" or ")} expected, not ${type}`);
    const missing = type === "object" ? required.filter((key) => !Object.hasOwn(value, key)) : [];
    return missing.length ? wrong(`${missing.join(", ")} missing`) : text;
  },
  number({ whole, quoted, least = -Infinity, most = Infinity, open_least, open_most, step = 0, told }, raw) {
    const text = raw.trim(), value = Number(text), steps = value / step;
    if (!(whole ? /^-?\d+$/ : /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i).test(text) || !Number.isFinite(value) || value < least || value > most
      || (open_least && value <= least) || (open_most && value >= most) || (step && Math.abs(steps - Math.round(steps)) > 1e-9)) wrong(`${told} is needed`);
    const plain = whole ? String(BigInt(text)) : /^-?(0|[1-9]\d*)(\.\d+)?(e.*)?$/i.test(text) ? text : String(value);
    return quoted ? `"${plain}"` : plain;
  },
  text({ patterns = [], told }, raw) {
    for (const pattern of patterns) {
      let expression;
      try {
        expression = new RegExp(pattern, "u");
      } catch {
        continue;
      }
      if (!expression.test(raw)) wrong(`${told} is needed`);
    }
    return JSON.stringify(raw);
  },
  moment({ kind, zoned, told }, raw) {
    if (!raw || (kind !== "time" && !/^\d{4}-/.test(raw))) wrong(`${told} is needed`);
    const full = kind !== "date" && /(^|T)\d\d:\d\d$/.test(raw) ? `${raw}:00` : raw;
    return JSON.stringify(zoned ? new Date(full).toISOString().replace(".000Z", "Z") : full);
  },
  choice: (_, raw) => raw || wrong("choose one"),
};

/** A moment in UTC as an input in local time has it. @param {string} initial */
function localMoment(initial) {
  const at = new Date(`${initial}Z`);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** The inputs for one control. */
export class Form {
  /** @param {Control} control @param {string} name @param {Record<string, any>} draft what was typed before, by path
   * @param {() => string} newId */
  constructor(control, name, draft, newId) {
    this.draft = draft;
    this.newId = newId;
    /** @type {Map<string, Leaf>} */
    this.leaves = new Map();
    this.error = h("div", { class: "nbf-error", id: `nbf-${newId()}`, role: "alert" });
    /** @type {any} */
    this.first = null; // the first input that something is wrong with
    this.whole = this.part(control, "$", name, true);
    this.el = this.whole.el;
  }

  /** The JSON text; null if something is wrong, which is shown and focused. */
  read() {
    this.first = null;
    const text = this.whole.read();
    this.first?.focus();
    return this.first ? null : (text ?? "null");
  }

  /** Say what is wrong with all, or beside the input for a place in it.
   * @param {string} text @param {string} [path] @param {string} [brief] what is said there */
  complain(text, path = "$", brief = text) {
    for (let at = path; at.length > 1; at = at.replace(/(\.[^.[]*|\[\d+\]|.)$/, "")) {
      const leaf = this.leaves.get(at);
      if (!leaf) continue;
      leaf.complain(brief);
      leaf.field.focus();
      return;
    }
    setText(this.error, text && `✗ ${text}`);
    this.leaves.get("$")?.field.setAttribute("aria-invalid", String(text !== ""));
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    this.el.classList.toggle("nbf-busy", busy);
    for (const { field, complain } of this.leaves.values()) {
      field.readOnly = busy;
      if (busy) complain("");
    }
    if (busy) this.complain("");
  }

  /** @param {Control} control @param {string} path @param {string} label @param {boolean} [bare] without a visible label @returns {Part} */
  part(control, path, label, bare) {
    switch (control.control) {
      case "form": return this.group(control, path, label);
      case "list": return this.list(control, path, label);
      case "optional": return this.optional(control, path, label);
      case "fixed": return { el: h("div", { class: "nbf-form-line nbf-muted" }, `${label}: `, h("code", {}, control.payload)), read: () => control.payload };
      default: return this.leaf(control, path, label, bare);
    }
  }

  /** @param {LeafControl} control @param {string} path @param {string} label @param {boolean} [bare] @returns {Part} */
  leaf(control, path, label, bare) {
    const id = `nbf-${this.newId()}`, kind = control.control, isJson = kind === "json";
    const error = path === "$" ? this.error : h("span", { class: "nbf-wrong", id: `${id}e` });
    const zone = control.zoned ? h("span", { class: "nbf-muted" }) : null;
    const name = bare ? { "aria-label": isJson ? `JSON for ${label}` : label } : { "aria-labelledby": `${id}l` };
    const initial = this.draft[path] ?? (control.zoned && control.initial ? localMoment(control.initial) : control.initial ?? "");
    const field = this.field(control, { id, class: "nbf-field", "aria-describedby": `${id}h ${error.id}`, ...name }, initial);
    const raw = () => (field.matches("input, select, textarea") ? field.value : field.querySelector(":checked")?.value ?? "");
    const look = () => {
      let text, problem = "";
      try {
        text = TEXTS[kind](control, raw());
      } catch (failure) {
        problem = /** @type {Error} */ (failure).message;
      }
      if (zone) setText(zone, `${Intl.DateTimeFormat().resolvedOptions().timeZone}${text ? `: ${text.slice(1, -1)}` : ""}`);
      return { text, problem };
    };
    const complain = (/** @type {string} */ problem) => {
      setText(error, problem && `✗ ${problem}`);
      if (problem) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    };
    field.addEventListener("input", () => {
      this.draft[path] = raw();
      const { problem } = look();
      if (isJson || error.textContent) complain(problem);
    });
    field.addEventListener("change", () => complain(look().problem));
    this.leaves.set(path, { field, raw, complain });
    const { problem } = look();
    if (isJson && path in this.draft) complain(problem);
    const caption = bare ? null : h(kind === "choice" && !control.many ? "span" : "label", { for: id, id: `${id}l`, class: "nbf-form-caption" }, h("bdi", {}, label));
    const hint = h("span", { class: "nbf-muted nbf-hint", id: `${id}h` }, control.hint ?? "");
    return { el: h("div", { class: "nbf-form-line" }, caption, field, zone, hint, error.id === `${id}e` ? error : null), read: () => {
      const { text, problem } = look();
      complain(problem);
      if (problem) this.first ??= field;
      return text;
    } };
  }

  /** @param {LeafControl} control @param {Record<string, any>} props @param {string} initial @returns {any} */
  field(control, props, initial) {
    const { kind, choices, whole, quoted } = control, isJson = control.control === "json";
    if (choices && !control.many) {
      const radios = choices.map(({ label, payload }) => h("label", {},
        h("input", { type: "radio", name: props.id, value: payload, checked: payload === initial }), h("bdi", {}, label)));
      const group = h("span", { ...props, class: "nbf-form-radios", role: "radiogroup" }, ...radios);
      group.focus = () => /** @type {HTMLElement} */ (group.querySelector(":checked") ?? group.querySelector("input")).focus();
      return group;
    }
    const lines = control.lines ? 3 : isJson ? initial.split("\n").length : 0;
    /** @type {any} */
    const field = choices ? h("select", props, h("option", { value: "" }, "choose…"), ...choices.map(({ label, payload }) => h("option", { value: payload }, label)))
      : lines ? h("textarea", { ...props, rows: Math.min(lines, 10), spellcheck: "false", placeholder: isJson ? "JSON" : null, onkeydown: (/** @type {KeyboardEvent} */ e) => {
        if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey || (lines === 1 && !e.shiftKey))) return;
        e.preventDefault();
        field.form?.requestSubmit();
      } })
      : h("input", { ...props, autocomplete: "off", placeholder: control.example, type: kind ?? (control.control === "number" && !quoted ? "number" : "text"),
        inputmode: quoted ? "decimal" : null, min: control.least, max: kind && kind !== "time" ? "9999-12-31T23:59:59".slice(0, kind === "date" ? 10 : 19) : control.most,
        step: kind ? (kind === "date" ? null : 1) : (control.step ?? (whole ? 1 : "any")) });
    field.value = initial;
    return field;
  }

  // -- groups -------------------------------------------------------------------------------

  /** @param {string} label @param {string|undefined} hint @param {...HTMLElement} children */
  box(label, hint, ...children) {
    return h("fieldset", { class: "nbf-form-box" }, h("legend", {}, h("bdi", {}, label)), hint ? h("div", { class: "nbf-muted nbf-hint" }, hint) : null, ...children);
  }

  /** @param {FormControl} control @param {string} path @param {string} label @returns {Part} */
  group({ fields, hint }, path, label) {
    /** @type {[string, Part][]} */
    const parts = fields.map(({ key, label: name, control }) => [JSON.stringify(key), this.part(control, `${path}.${key}`, name)]);
    return { el: this.box(label, hint, ...parts.map(([, part]) => part.el)), read: () => {
      const texts = parts.map(([key, part]) => [key, part.read()]).filter(([, text]) => text !== undefined);
      return `{${texts.map((pair) => pair.join(":")).join(",")}}`;
    } };
  }

  /** @param {ListControl} control @param {string} path @param {string} label @returns {Part} */
  list({ item, items = [], fewest = 0, most = 200, unique, hint }, path, label) {
    const place = h("div", {}), error = h("span", { class: "nbf-wrong", role: "alert" }), count = `${path}#`;
    const at = (/** @type {number} */ i) => `${path}[${i}]`, leafAt = (/** @type {number} */ i) => this.leaves.get(at(i));
    /** @type {Part[]} */
    let parts = [];
    const draw = (/** @type {number} */ length) => {
      parts.forEach((_, i) => this.leaves.delete(at(i)));
      this.draft[count] = length;
      parts = Array.from({ length }, (_, i) => this.part(items[i] ?? item, at(i), `${label} ${i + 1}`, true));
      place.replaceChildren(...parts.map((part, i) => h("div", { class: "nbf-form-one" }, part.el,
        button("×", () => remove(i), { "aria-label": `Remove ${label} ${i + 1}` }))));
      add.hidden = length >= most;
    };
    const remove = (/** @type {number} */ gone) => {
      const left = parts.map((_, i) => leafAt(i)?.raw()).filter((_, i) => i !== gone);
      parts.forEach((_, i) => { this.draft[at(i)] = left[i]; });
      draw(left.length);
      (leafAt(Math.min(gone, left.length - 1))?.field ?? add).focus();
    };
    const add = button(`Add ${label}`, () => {
      draw(parts.length + 1);
      leafAt(parts.length - 1)?.field.focus();
    });
    draw(this.draft[count] ?? items.length);
    return { el: this.box(label, hint, place, add, error), read: () => {
      const texts = parts.map((part) => part.read());
      const problem = texts.length < fewest ? `at least ${fewest}` : unique && new Set(texts).size < texts.length ? "each may be there once" : "";
      setText(error, problem && `✗ ${problem}`);
      if (problem) this.first ??= add;
      return `[${texts.join(",")}]`;
    } };
  }

  /** @param {OptionalControl} control @param {string} path @param {string} label @returns {Part} */
  optional({ inner, off, on, hint }, path, label) {
    const part = this.part(inner, path, label, true), said = h("span", { class: "nbf-muted" }, hint ?? "");
    const show = () => {
      part.el.hidden = !box.checked;
      said.hidden = box.checked;
    };
    const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", checked: this.draft[`${path}?`] ?? on, onchange: () => {
      this.draft[`${path}?`] = box.checked;
      show();
    } }));
    show();
    return { el: h("div", { class: "nbf-form-optional" }, h("label", { class: "nbf-form-caption" }, box, h("bdi", {}, label)), said, part.el),
      read: () => (box.checked ? part.read() : off || undefined) };
  }
}
