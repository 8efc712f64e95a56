// The page's parts and where they lie: pictures at the left, one blob, curves, parameters.

import { el, segmented } from "./dom.js";

/**
 * @typedef {Object} Layout
 * @property {HTMLElement} host
 * @property {HTMLElement} frame
 * @property {HTMLElement} row
 * @property {HTMLElement} col
 * @property {HTMLElement} line
 * @property {HTMLElement} chip
 * @property {HTMLElement} notice
 * @property {HTMLElement} transport
 * @property {HTMLElement} legend
 * @property {HTMLElement} readout
 * @property {HTMLElement[]} readouts  frame, row, col, counts
 * @property {HTMLElement} result
 * @property {HTMLElement} histogram
 * @property {HTMLElement} noise  what the shading of the histogram means
 * @property {HTMLElement} form
 * @property {HTMLElement} formNote
 * @property {HTMLElement} card
 * @property {HTMLElement} elbow
 * @property {HTMLElement} sizes
 * @property {HTMLElement} pairable
 * @property {HTMLElement} contrast
 * @property {(name: "blob"|"curves"|"look") => void} open  one of the leaves, where only one has room
 */

const LEAVES = [
  { value: "blob", text: "Blob", title: "The blob that was clicked" },
  { value: "curves", text: "Curves", title: "Elbow, sizes, pairs" },
  { value: "look", text: "Look", title: "Contrast and colours of the pictures" },
];

/** @param {HTMLElement} host @returns {Layout} */
export function buildLayout(host) {
  const part = (/** @type {string} */ name) => el(`div.${name}`);
  const names = ["frame", "row", "col", "counts"];
  const readouts = names.map((name) => el("output", { "aria-label": name }, "–"));
  const layout = {
    host, readouts, readout: el("div.readout", { role: "group", "aria-label": "Under the pointer, else under the cross" }, ...names.map((name, i) => el("span", {}, el("small", {}, name), readouts[i]))),
    frame: part("picture"), row: part("xpsi"), col: part("ypsi"), line: part("line"), transport: part("transport"), legend: part("legend"),
    chip: el("span.chip.top-left", { hidden: true }), notice: el("div.notice", { hidden: true, role: "alert" }),
    result: part("result"), histogram: part("histogram"), noise: el("small"), form: el("div"), formNote: el("div.field-error"),
    card: el("section.leaf.blob", { data: { leaf: "blob" }, "aria-label": "Blob" }),
    elbow: el("section.plot-section.elbow"), sizes: el("section.plot-section.distributions"), pairable: el("section.plot-section.pairable"), contrast: el("section.leaf.look", { data: { leaf: "look" } }),
    open: (/** @type {string} */ name) => void name,
  };
  layout.frame.append(layout.chip, layout.notice);
  const bar = el("div.toolbar", {}, layout.legend);
  const curves = el("section.leaf.curves", { data: { leaf: "curves" }, "aria-label": "Curves" }, layout.pairable, layout.elbow, layout.sizes);
  const tabs = segmented("Shown here", LEAVES, (value) => layout.open(value));
  const leaves = el("aside.leaves", { "aria-label": "Blob, curves, look" }, el("div.leaf-tabs", {}, tabs.element), layout.card, curves, layout.contrast);
  layout.open = (name) => {
    leaves.dataset.open = name;
    tabs.set(name);
  };
  layout.open("curves");
  host.classList.add("segment");
  host.append(
    el("div.stage", {}, bar, el("div.pictures", {}, layout.frame, layout.col, layout.row, layout.readout, layout.line), layout.transport),
    leaves,
    el("aside.side", { "aria-label": "Parameters" }, layout.result, el("section.voxels", {}, el("header", {}, el("h3", {}, "Voxels"), layout.noise), layout.histogram), el("section", {}, layout.form, layout.formNote)),
  );
  return /** @type {any} */ (layout);
}
