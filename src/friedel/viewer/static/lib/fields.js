// The controls that forms are made of. Each: `{element, set(value)}`; setting never calls back.

import { el } from "./dom.js";
import { along, valueAt } from "./scales.js";

/**
 * @typedef {import("./types.js").Field} Field
 * @typedef {{min: number, max: number, log?: boolean}} Range  of a slider
 * @typedef {{element: HTMLElement, set: (value: any) => void, setRange?: (range: Range) => void}} Control
 */

/** A number as it is typed: plain digits. @param {any} value */
function typed(value) {
  if (value === "inf" || value === Infinity) return "inf";
  return typeof value === "number" ? String(Number(value.toPrecision(12))) : String(value ?? "");
}

/** @param {string} text @param {boolean} whole @returns {any} undefined where it is no number */
function parsed(text, whole) {
  const clean = text.trim().replace(",", ".").replace("−", "-");
  if (/^(inf|infinity|∞)$/i.test(clean)) return "inf";
  const value = Number(clean);
  return clean === "" || !Number.isFinite(value) || (whole && !Number.isInteger(value)) ? undefined : value;
}

/**
 * Show a text, unless somebody types another one there: what has not changed does not overwrite it.
 * @param {HTMLInputElement} input
 * @param {string} text
 */
function put(input, text) {
  if (document.activeElement === input && input.dataset.shown === text) return;
  input.dataset.shown = input.value = text;
  input.classList.remove("wrong");
}

/**
 * Typed or dragged; arrow keys step by a part of the value (shift: ten times as far).
 * @param {Field} field
 * @param {Range|undefined} range
 * @param {(value: any) => void} onChange
 * @returns {Control}
 */
export function numberField(field, range, onChange) {
  const whole = field.type.startsWith("integer");
  let scale = scaleOf(field, range);
  /** @type {any} */
  let value = field.default;
  const input = el("input.number", { type: "text", inputMode: "decimal", autocomplete: "off", spellcheck: false });
  const slider = el("input", {
    type: "range",
    min: "0",
    max: "1000",
    step: "1",
    tabIndex: -1,
    "aria-hidden": "true",
  });
  const within = (/** @type {number} */ v) => {
    const low =
      field.minimum ??
      (field.exclusiveMinimum !== undefined ? field.exclusiveMinimum + (whole ? 1 : 1e-6) : -Infinity);
    return Math.min(field.maximum ?? Infinity, Math.max(low, v));
  };
  const show = () => {
    if (document.activeElement === input && parsed(input.value, whole) === value)
      input.dataset.shown = typed(value);
    else put(input, typed(value));
    const t = typeof value === "number" ? along(scale, Math.min(scale.max, Math.max(scale.min, value))) : 1;
    slider.value = String(Math.round(1000 * t));
    slider.style.setProperty("--part", `${100 * t}%`);
  };
  const change = (/** @type {any} */ next) => {
    value = next;
    show();
    onChange(value);
  };
  slider.addEventListener("input", () => change(tidy(within(valueAt(scale, Number(slider.value) / 1000)), whole)));
  const commit = () => {
    const next = parsed(input.value, whole);
    input.classList.toggle("wrong", next === undefined);
    if (next !== undefined && next !== value) change(next);
  };
  input.addEventListener("change", commit);
  input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") commit();
    if (event.key === "Escape") {
      input.value = typed(value);
      input.blur();
    }
    const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!sign || typeof value !== "number") return;
    event.preventDefault();
    change(tidy(within(value + sign * stepOf(value, whole, scale) * (event.shiftKey ? 10 : 1)), whole));
  });
  show();
  return {
    element: el("div.number-field", {}, slider, input),
    set(next) {
      value = next;
      show();
    },
    setRange(next) {
      scale = scaleOf(field, next);
      show();
    },
  };
}

/** @param {number} v @param {boolean} whole */
function tidy(v, whole) {
  return whole ? Math.round(v) : Number(v.toPrecision(3));
}

/** @param {number} v @param {boolean} whole @param {import("./scales.js").Scale} scale */
function stepOf(v, whole, scale) {
  if (whole) return 1;
  if (scale.kind === "linear") return (scale.max - scale.min) / 100;
  return 10 ** Math.floor(Math.log10(Math.abs(v) || 1)) / 10;
}

/**
 * @param {Field} field
 * @param {Range|undefined} range
 * @returns {import("./scales.js").Scale}
 */
function scaleOf(field, range) {
  if (range) return { kind: range.log ? "log" : "linear", min: range.min, max: range.max };
  const low = field.minimum ?? field.exclusiveMinimum ?? 0;
  const start = typeof field.default === "number" && Number.isFinite(field.default) ? field.default : 10;
  const high = field.maximum ?? Infinity;
  if (high - low <= 100) return { kind: "linear", min: low, max: high };
  return { kind: "asinh", knee: Math.max(1, start / 10), min: low, max: Math.min(high, Math.max(100, start * 20)) };
}

/**
 * Several numbers in one row.
 * @param {Field} field
 * @param {(value: any) => void} onChange
 * @returns {Control}
 */
export function vectorField(field, onChange) {
  let value = /** @type {number[]} */ (field.default);
  const units = field.unit.split(",").map((unit) => unit.trim());
  const inputs = value.map((_, i) =>
    numberInput(units[i] ?? field.name, (v) => {
      value = value.map((old, k) => (k === i ? v : old));
      onChange(value);
    }),
  );
  return {
    element: el("div.vector", {}, ...inputs.map((input) => input.element)),
    set(next) {
      value = [...next];
      inputs.forEach((input, i) => input.set(value[i]));
    },
  };
}

/** A whole number alone. @param {string} label @param {(value: number) => void} onChange */
export function numberInput(label, onChange) {
  /** @type {any} */
  let value = 0;
  const element = el("input.number", {
    type: "text",
    inputMode: "numeric",
    "aria-label": label,
    title: label,
    autocomplete: "off",
  });
  const commit = (/** @type {any} */ next) => {
    element.classList.toggle("wrong", next === undefined);
    if (next === undefined || next === value) return;
    value = next;
    put(element, typed(value));
    onChange(value);
  };
  element.addEventListener("change", () => commit(parsed(element.value, false)));
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!sign) return;
    event.preventDefault();
    commit((Number(value) || 0) + sign * (event.shiftKey ? 10 : 1));
  });
  return {
    element,
    set(/** @type {any} */ next) {
      value = next;
      put(element, typed(next));
    },
  };
}

/** Yes or no. @param {(value: boolean) => void} onChange @returns {Control} */
export function switchField(onChange) {
  const input = el("input.switch", { type: "checkbox", role: "switch" });
  input.addEventListener("change", () => onChange(input.checked));
  return { element: el("div.switch-field", {}, input), set: (value) => void (input.checked = Boolean(value)) };
}

/** One of several words. @param {unknown[]} choices @param {(value: any) => void} onChange @returns {Control} */
export function choiceField(choices, onChange) {
  const select = el(
    "select",
    {},
    ...choices.map((choice) => el("option", { value: String(choice) }, String(choice).replaceAll("_", " "))),
  );
  select.addEventListener("change", () => onChange(choices[select.selectedIndex]));
  return {
    element: select,
    set: (value) => void (select.selectedIndex = choices.findIndex((choice) => String(choice) === String(value))),
  };
}

/** Free text. @param {(value: string) => void} onChange @returns {Control} */
export function textField(onChange) {
  const input = el("input", { type: "text", autocomplete: "off", spellcheck: false });
  input.addEventListener("change", () => onChange(input.value));
  return { element: input, set: (value) => put(input, value ?? "") };
}

/**
 * Words, or a box [col0, row0, col1, row1].
 * @param {string[]} words
 * @param {(value: any) => void} onChange
 * @returns {Control}
 */
export function boxField(words, onChange) {
  let box = [0, 0, 1, 1];
  const names = ["first col", "first row", "col after", "row after"];
  const inputs = names.map((name, i) =>
    numberInput(name, (v) => {
      box = box.map((old, k) => (k === i ? v : old));
      onChange(box);
    }),
  );
  const row = el("div.vector", {}, ...inputs.map((input) => input.element));
  const select = el("select", {}, ...[...words, "box"].map((word) => el("option", { value: word }, word)));
  select.addEventListener("change", () => {
    row.hidden = select.value !== "box";
    onChange(select.value === "box" ? box : select.value);
  });
  return {
    element: el("div.box-field", {}, select, row),
    set(value) {
      select.value = Array.isArray(value) ? "box" : value;
      row.hidden = !Array.isArray(value);
      if (!Array.isArray(value)) return;
      box = [...value];
      inputs.forEach((input, i) => input.set(box[i]));
    },
  };
}

/**
 * Words, or a value as the recipe writes it (numbers, lists).
 * @param {string[]} words
 * @param {boolean} truth true and false as well
 * @param {(value: any) => void} onChange
 * @returns {Control}
 */
export function mixedField(words, truth, onChange) {
  const id = `words-${Math.random().toString(36).slice(2)}`;
  const list = el(
    "datalist",
    { id },
    ...[...words, ...(truth ? ["true", "false"] : [])].map((word) => el("option", { value: word })),
  );
  const input = el("input", { type: "text", autocomplete: "off", spellcheck: false, "list-id": id });
  input.setAttribute("list", id);
  const read = () => {
    const text = input.value.trim();
    if (!/^[[\d"tf-]/.test(text) || words.includes(text)) return text;
    try {
      return JSON.parse(text);
    } catch {
      return /^[["]/.test(text) ? undefined : text;
    }
  };
  input.addEventListener("change", () => {
    const value = read();
    input.classList.toggle("wrong", value === undefined);
    if (value !== undefined) onChange(value);
  });
  return {
    element: el("div.mixed-field", {}, input, list),
    set(value) {
      put(input, typeof value === "string" ? value : JSON.stringify(value ?? ""));
    },
  };
}
