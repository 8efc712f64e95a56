// The page's parts and where they lie: pictures at the left, one blob, curves, parameters.

import { segmented } from "../lib/controls.js";
import { el } from "../lib/dom.js";
import { readout } from "../lib/readout.js";

/**
 * @typedef {Object} Layout
 * @property {HTMLElement} frame
 * @property {HTMLElement} row
 * @property {HTMLElement} col
 * @property {HTMLElement} line
 * @property {HTMLElement} chip
 * @property {HTMLElement} notice
 * @property {HTMLElement} transport
 * @property {HTMLElement} legend
 * @property {ReturnType<typeof readout>} readout
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
  /** @type {Layout} */
  const layout = {
    readout: readout("Under the pointer, else under the cross"),
    frame: part("picture"),
    row: part("xomega"),
    col: part("yomega"),
    line: part("line"),
    transport: part("transport"),
    legend: part("legend"),
    chip: el("span.chip.top-left", { hidden: true }),
    notice: el("div.notice", { hidden: true, role: "alert" }),
    result: part("result"),
    histogram: part("histogram"),
    noise: el("small"),
    form: el("div"),
    formNote: el("div.field-error"),
    card: el("section.leaf.blob", { data: { leaf: "blob" }, "aria-label": "Blob" }),
    elbow: el("section.plot-section.elbow"),
    sizes: el("section.plot-section.distributions"),
    pairable: el("section.plot-section.pairable"),
    contrast: el("section.leaf.look", { data: { leaf: "look" } }),
    open,
  };
  layout.frame.append(layout.chip, layout.notice);
  const bar = el("div.toolbar", {}, layout.legend);
  const curves = el(
    "section.leaf.curves",
    { data: { leaf: "curves" }, "aria-label": "Curves" },
    layout.pairable,
    layout.elbow,
    layout.sizes,
  );
  const tabs = segmented("Shown here", LEAVES, open);
  const leaves = el(
    "aside.leaves",
    { "aria-label": "Blob, curves, look" },
    el("div.leaf-tabs", {}, tabs.element),
    layout.card,
    curves,
    layout.contrast,
  );
  /** @param {string} name */
  function open(name) {
    leaves.dataset.open = name;
    tabs.set(name);
  }
  open("curves");
  host.append(
    el(
      "div.stage",
      {},
      bar,
      el("div.pictures", {}, layout.frame, layout.col, layout.row, layout.readout.element, layout.line),
      layout.transport,
    ),
    leaves,
    el(
      "aside.side",
      { "aria-label": "Parameters" },
      layout.result,
      el("section.voxels", {}, el("header", {}, el("h3", {}, "Voxels"), layout.noise), layout.histogram),
      el("section", {}, layout.form, layout.formNote),
    ),
  );
  return layout;
}
