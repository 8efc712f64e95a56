// What the page is made of: the picture with its sections and the course of one pixel, and the parameters beside
// them.

import { segmented } from "../lib/controls.js";
import { el, icon } from "../lib/dom.js";
import { readout } from "../lib/readout.js";
import * as state from "../lib/state.js";

/** @type {import("../lib/controls.js").Choice[]} */
export const KINDS = [
  { value: "raw", text: "Raw", title: "As stored (R)" },
  { value: "background", text: "Background", title: "The moving median that is subtracted (B)" },
  { value: "clean", text: "Clean", title: "Normalised, background subtracted, despeckled: what is segmented (C)" },
];

/** @typedef {"look"|"beam"|"margin"|"paint"|"erase"} Tool */

/** @type {import("../lib/controls.js").Choice[]} */
const TOOLS = [
  { value: "look", icon: "look", title: "Look: drag pans, click puts the cross (V)" },
  { value: "beam", icon: "box", title: "Direct beam: drag its box or draw another (D)" },
  { value: "margin", icon: "boxes", title: "Margin: drag its boxes, draw more, Delete removes one (M)" },
  { value: "paint", icon: "brush", title: "Paint bad pixels (P)" },
  { value: "erase", icon: "eraser", title: "Erase painted pixels (E)" },
];

/** @typedef {ReturnType<typeof buildLayout>} Layout */

/**
 * @param {HTMLElement} host
 * @param {{kind: (kind: string) => void, tool: (tool: Tool) => void, radius: (px: number) => void, fit: () => void,
 *   clear: () => void}} on  what was chosen
 */
export function buildLayout(host, on) {
  const kinds = segmented("Kind of frame", KINDS, on.kind);
  const tools = segmented("Tool", TOOLS, on.tool);
  const brush = el("div.brush-row", {}, el("span", {}, "Radius"), ...radiusSlider(on.radius));
  const fit = el(
    "button.quiet",
    {
      type: "button",
      title: "Fit the picture (0 or double click)",
      "aria-label": "Fit the picture",
      onclick: on.fit,
    },
    icon("fit"),
  );
  const clear = el(
    "button.button.small",
    { type: "button", title: "Forget all painted pixels", onclick: () => confirmClear(on.clear) },
    "Clear",
  );
  const under = readout("Under the pointer");
  const chip = el("span.chip.top-left", { hidden: true });
  const notice = el("div.notice", { hidden: true, role: "alert" });
  const light = el("div.light-note", { hidden: true, role: "status" });
  const picture = el("div.picture", {}, chip, notice, light);
  const [xomega, yomega, course] = [el("div.xomega"), el("div.yomega"), el("div.course")];
  const quad = el("div.quad", {}, picture, yomega, xomega, course);
  const transport = el("div.transport");
  const contrast = el("section");
  const form = el("div");
  const formNote = el("div.field-error");
  const masked = el("p");
  const slots = [el("div.slot", {}, kinds.element), el("div.slot", {}, tools.element)];
  host.append(
    el(
      "div.stage",
      {},
      el("div.toolbar", {}, ...slots, fit, brush, el("span.gap"), under.element),
      quad,
      transport,
    ),
    el(
      "aside.side",
      { "aria-label": "Contrast and preprocessing" },
      contrast,
      el("section", {}, el("h3", {}, "Preprocessing"), form, formNote),
      el("section", {}, el("h3", {}, "Mask", clear), masked),
    ),
  );
  followPicture(quad);
  return {
    kinds,
    tools,
    brush,
    readout: under,
    chip,
    notice,
    light,
    picture,
    xomega,
    yomega,
    course,
    transport,
    contrast,
    form,
    formNote,
    masked,
  };
}

/** The brush's size, 1 to 64 pixels. @param {(px: number) => void} onChange */
function radiusSlider(onChange) {
  const says = el("span", {}, "4 px");
  const slider = el("input", {
    type: "range",
    min: "1",
    max: "64",
    value: "4",
    "aria-label": "Radius of the brush in pixels",
  });
  slider.addEventListener("input", () => {
    onChange(Number(slider.value));
    says.textContent = `${slider.value} px`;
    slider.style.setProperty("--part", `${(100 * (Number(slider.value) - 1)) / 63}%`);
  });
  slider.style.setProperty("--part", "5%");
  return [slider, says];
}

/**
 * The picture's column is as wide as the picture needs, so that sections get the rest.
 * @param {HTMLElement} quad
 */
function followPicture(quad) {
  const { rows, cols } = state.scanShape();
  new ResizeObserver(() => {
    const [width, height] = [quad.clientWidth, 0.73 * quad.clientHeight];
    const wanted = Math.min(0.66 * width, Math.max(0.36 * width, (height * cols) / rows));
    quad.style.setProperty("--fit", `${Math.round(wanted)}px`);
  }).observe(quad);
}

/** Ask before painted pixels are forgotten. @param {() => void} clear */
function confirmClear(clear) {
  const dialog = el("dialog.ask", { "aria-label": "Clear the mask" });
  dialog.append(
    el("p", {}, "Forget all painted pixels?"),
    el(
      "div.toolbar",
      {},
      el("span.gap"),
      el("button.button", { type: "button", onclick: () => dialog.close() }, "Keep them"),
      el("button.button.danger", { type: "button", onclick: () => (clear(), dialog.close()) }, "Clear"),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
