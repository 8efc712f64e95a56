// Forms made from the parameters' schema: range, unit and sentence as they were declared once.

import { segmented } from "./controls.js";
import { el } from "./dom.js";
import { boxField, choiceField, mixedField, numberField, switchField, textField, vectorField } from "./fields.js";

/**
 * @typedef {import("./types.js").Field} Field
 * @typedef {import("./fields.js").Control} Control
 * @typedef {import("./fields.js").Range} Range
 *
 * @typedef {Object} FormOptions
 * @property {Object<string, any>} values
 * @property {(name: string, value: any) => void} onChange  while a slider moves as well
 * @property {string[]} [include]  only these, in this order
 * @property {string[]} [exclude]
 * @property {Object<string, Range>} [ranges]  of sliders
 * @property {{title: string, names: string[]}[]} [groups]  headings; what is in none comes last, folded
 * @property {Object<string, string>} [labels]
 */

/**
 * A form for one section.
 * @param {HTMLElement} host
 * @param {Field[]} fields
 * @param {FormOptions} options
 * @returns {{update: (values: Object<string, any>, saved?: Object<string, any>) => void,
 *   setErrors: (errors: Object<string, string>) => void, disable: (on: boolean) => void,
 *   setRange: (name: string, range: Range) => void}}
 * update: what differs from `saved` (without it: from the defaults) is marked
 */
export function makeForm(host, fields, options) {
  const { values, onChange, include, exclude = [], groups, labels = {} } = options;
  const chosen = include
    ? include.map((name) => fields.find((field) => field.name === name)).filter((field) => field !== undefined)
    : fields;
  const shown = chosen.filter((field) => !exclude.includes(field.name));
  /** @type {Map<string, {row: HTMLElement, note: HTMLElement, control: Control, field: Field}>} */
  const rows = new Map();
  const build = (/** @type {Field} */ field) => {
    const control = controlFor(field, options.ranges?.[field.name], (value) => onChange(field.name, value));
    control.set(values[field.name] ?? field.default);
    const note = el("div.field-error", { role: "alert" });
    const name = labels[field.name] ?? field.name;
    const title = [
      field.sentence,
      field.rule && `Allowed: ${field.rule}.`,
      `Default: ${shownValue(field.default)}.`,
    ]
      .filter(Boolean)
      .join("\n");
    const row = el(
      "div.field",
      { title, data: { name: field.name, wide: String(isWide(field)) } },
      el(
        "label.field-name",
        { for: `${field.name}-control` },
        el("span", {}, name.replaceAll("_", " ")),
        field.unit ? el("small", {}, field.unit) : null,
      ),
      control.element,
      note,
    );
    const focusable = control.element.querySelector("input, select, button") ?? control.element;
    if (focusable && !focusable.id) focusable.id = `${field.name}-control`;
    focusable?.setAttribute("aria-description", field.sentence);
    rows.set(field.name, { row, note, control, field });
    return row;
  };
  host.classList.add("form");
  host.replaceChildren(...arranged(shown, groups, build));
  return {
    update(next, saved) {
      for (const [name, { control, row, field }] of rows) {
        if (!(name in next)) continue;
        control.set(next[name]);
        const before = saved && name in saved ? saved[name] : field.default;
        row.classList.toggle("changed", JSON.stringify(next[name]) !== JSON.stringify(before));
      }
    },
    setErrors(errors) {
      for (const [name, { note, row }] of rows) {
        note.textContent = errors[name] ?? "";
        row.classList.toggle("wrong", name in errors);
      }
    },
    setRange(name, range) {
      rows.get(name)?.control.setRange?.(range);
    },
    disable(on) {
      host.inert = on;
      host.classList.toggle("disabled", on);
    },
  };
}

/**
 * @param {Field[]} fields
 * @param {FormOptions["groups"]} groups
 * @param {(field: Field) => HTMLElement} build
 */
function arranged(fields, groups, build) {
  if (!groups) return fields.map(build);
  const named = new Set(groups.flatMap((group) => group.names));
  const rest = fields.filter((field) => !named.has(field.name));
  /** @type {HTMLElement[]} */
  const parts = groups.map(({ title, names }) =>
    el(
      "fieldset",
      {},
      el("legend", {}, title),
      ...names
        .map((name) => fields.find((field) => field.name === name))
        .filter((field) => field !== undefined)
        .map(build),
    ),
  );
  if (rest.length) parts.push(el("details.more", {}, el("summary", {}, "More"), ...rest.map(build)));
  return parts;
}

/** @param {Field} field */
function isWide(field) {
  return ["mixed", "box"].includes(kindOf(field));
}

/** What kind of control fits. @param {Field} field */
export function kindOf(field) {
  const parts = field.type.split(" | ");
  const words = wordsOf(field);
  if (parts.every((part) => isWord(part) || part === "boolean" || /^-?\d+$/.test(part)) && parts.length > 1)
    return "choice";
  const types = parts.filter((part) => part !== "null");
  if (types.length === 1) {
    if (types[0] === "boolean") return "switch";
    if ((types[0] === "number" || types[0] === "integer") && field.default !== null) return "number";
    if (types[0] === "array" && Array.isArray(field.default) && field.default.every((v) => typeof v === "number"))
      return "vector";
    if (types[0] === "string") return "text";
  }
  return words.length && field.name === "beam" ? "box" : "mixed";
}

/** @param {string} part */
function isWord(part) {
  return /^["'].*["']$/.test(part);
}

/** @param {Field} field */
function wordsOf(field) {
  return field.type
    .split(" | ")
    .filter(isWord)
    .map((part) => part.slice(1, -1));
}

/** All values of a choice. @param {Field} field @returns {(string|boolean|number)[]} */
function choicesOf(field) {
  const parts = field.type
    .split(" | ")
    .map((part) => (isWord(part) ? part.slice(1, -1) : part === "boolean" ? [true, false] : Number(part)));
  return parts.flat();
}

/**
 * @param {Field} field
 * @param {Range|undefined} range
 * @param {(value: any) => void} onChange
 * @returns {Control}
 */
function controlFor(field, range, onChange) {
  const kind = kindOf(field);
  if (kind === "switch") return switchField(onChange);
  if (kind === "number") return numberField(field, range, onChange);
  if (kind === "vector") return vectorField(field, onChange);
  if (kind === "text") return textField(onChange);
  if (kind === "box") return boxField(wordsOf(field), onChange);
  if (kind === "mixed") return mixedField(wordsOf(field), field.type.includes("boolean"), onChange);
  const choices = choicesOf(field);
  const short = choices.join("").length <= 15 && choices.length <= 4;
  if (!short) return choiceField(choices, onChange);
  const group = segmented(
    field.name,
    choices.map((value) => ({ value, text: String(value).replaceAll("_", " ") })),
    (value) => {
      group.set(value);
      onChange(value);
    },
  );
  return group;
}

/** @param {any} value */
function shownValue(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
