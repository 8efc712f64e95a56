// The voxel under the pointer in numbers: frame, row, column, counts.

import { el } from "./dom.js";
import { number } from "./numbers.js";

const NAMES = ["frame", "row", "col", "counts"];

/** @typedef {import("./types.js").Voxel & {value: number|null}} Reading */

/**
 * @param {string} label  for screen readers
 * @returns {{element: HTMLElement, set: (reading: Reading|null) => void}}
 */
export function readout(label) {
  const cells = NAMES.map((name) => el("output", { "aria-label": name }, "–"));
  const parts = NAMES.map((name, i) => el("span", {}, el("small", {}, name), cells[i]));
  return {
    element: el("div.readout", { role: "group", "aria-label": label }, ...parts),
    set(reading) {
      const { frame, row, col, value } = reading ?? {};
      const texts = [frame, row, col].map((n) => String(n ?? "–"));
      [...texts, reading ? number(value, 5) : "–"].forEach((text, i) => (cells[i].textContent = text));
    },
  };
}
