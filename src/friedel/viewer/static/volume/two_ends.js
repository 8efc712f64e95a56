// A slider with two ends.

import { el } from "../lib/dom.js";

/**
 * A slider with two ends.
 * @param {string} name
 * @param {(low: number, high: number) => void} onChange
 */
export function twoEnds(name, onChange) {
  const low = el("input", { type: "range", "aria-label": `${name} from` });
  const high = el("input", { type: "range", "aria-label": `${name} to` });
  const says = el("output");
  const track = el("span.track");
  const element = el(
    "div.two-ends",
    { data: { axis: name } },
    el("b", {}, name),
    el("div.ends", {}, track, low, high),
    says,
  );
  let unit = (/** @type {number} */ v) => String(v);
  const show = () => {
    const [a, b, most] = [Number(low.value), Number(high.value), Number(low.max)];
    track.style.setProperty("--from", String(a / most));
    track.style.setProperty("--to", String(b / most));
    says.textContent = a === 0 && b === most ? "all" : `${unit(a)} … ${unit(b)}`;
    element.classList.toggle("narrowed", a > 0 || b < most);
  };
  const changed = (/** @type {HTMLInputElement} */ mine) => {
    if (Number(low.value) >= Number(high.value)) {
      if (mine === low) low.value = String(Math.max(0, Number(high.value) - 1));
      else high.value = String(Math.min(Number(high.max), Number(low.value) + 1));
    }
    show();
    onChange(Number(low.value), Number(high.value));
  };
  for (const each of [low, high]) each.addEventListener("input", () => changed(each));
  element.addEventListener("dblclick", () => {
    set(0, Number(low.max));
    onChange(0, Number(low.max));
  });
  const set = (/** @type {number} */ a, /** @type {number} */ b) => {
    low.value = String(a);
    high.value = String(b);
    show();
  };
  return {
    element,
    set,
    /** @param {number} most @param {(v: number) => string} says */
    range(most, says) {
      unit = says;
      for (const each of [low, high]) Object.assign(each, { min: "0", max: String(most), step: "1" });
      set(0, most);
    },
  };
}
