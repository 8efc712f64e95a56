// A row of buttons of which one is chosen, and a button that is on or off.

import { el, icon } from "./dom.js";

/** @typedef {{value: any, text?: string, icon?: import("./dom.js").IconName, title?: string}} Choice */

/**
 * A row of buttons of which one is chosen.
 * @param {string} label  for screen readers
 * @param {(string|Choice)[]} choices
 * @param {(value: any) => void} onChoose
 * @returns {{element: HTMLElement, set: (value: any) => void,
 *   enable: (value: any, on: boolean, why?: string) => void}}
 */
export function segmented(label, choices, onChoose) {
  const items = choices.map(
    (choice) => /** @type {Choice} */ (typeof choice === "string" ? { value: choice } : choice),
  );
  const buttons = items.map(({ value, text, icon: name, title }) =>
    el(
      "button",
      {
        type: "button",
        role: "radio",
        title: title ?? "",
        "aria-label": name && !text ? title : null,
        "aria-checked": "false",
        tabIndex: -1,
        data: { value: String(value) },
        onclick: () => onChoose(value),
      },
      name ? icon(name) : null,
      name && !text ? null : el("span", {}, text ?? String(value)),
    ),
  );
  const element = el("div.segmented", { role: "radiogroup", "aria-label": label }, ...buttons);
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const usable = buttons.filter((button) => !button.disabled);
    const at = usable.findIndex((button) => button === document.activeElement);
    const next = usable[(at + step + usable.length) % usable.length];
    next.focus();
    next.click();
  });
  return {
    element,
    set(value) {
      const at = items.findIndex((item) => item.value === value);
      buttons.forEach((button, i) => {
        button.setAttribute("aria-checked", String(i === at));
        button.tabIndex = i === Math.max(0, at) ? 0 : -1;
      });
    },
    enable(value, on, why = "") {
      const at = items.findIndex((item) => item.value === value);
      if (at < 0) return;
      buttons[at].disabled = !on;
      buttons[at].title = on ? (items[at].title ?? "") : why;
    },
  };
}

/**
 * A button that is on or off.
 * @param {{text: string, title: string, swatch?: string, on: boolean}} what
 * @param {(on: boolean) => void} onChange
 */
export function toggle({ text, title, swatch, on }, onChange) {
  const note = el("small");
  const element = el(
    "button.toggle",
    { type: "button", title, "aria-pressed": String(on) },
    swatch ? el("i.swatch", { style: { background: swatch } }) : null,
    el("span", {}, text),
    note,
  );
  const set = (/** @type {boolean} */ next) => element.setAttribute("aria-pressed", String(next));
  element.addEventListener("click", () => {
    const next = element.getAttribute("aria-pressed") !== "true";
    set(next);
    onChange(next);
  });
  return {
    element,
    set,
    note: (/** @type {string} */ says) => (note.textContent = says),
    get on() {
      return element.getAttribute("aria-pressed") === "true";
    },
  };
}
