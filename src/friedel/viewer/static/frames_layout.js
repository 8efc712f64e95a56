// What the page Frames is made of.

import { el, icon } from "./dom.js";
import * as state from "./state.js";

/** Where there is no scan. @param {HTMLElement} host */
export function nothing(host) {
  host.append(
    el(
      "div.empty",
      {},
      icon("warn"),
      el("h2", {}, "No frames to show"),
      el("p", {}, "The scan could not be opened; the line at the top says why. What was written can be looked at."),
    ),
  );
  state.on("session", (s) => s.session?.scan && location.reload());
  return { show() {}, hide() {} };
}

/** The parts of the page. @param {HTMLElement} host */
export function layout(host) {
  const part = (/** @type {string} */ name, /** @type {any[]} */ ...children) => el(`div.${name}`, {}, ...children);
  const readouts = ["frame", "row", "col", "counts"].map((name) => el("output", { "aria-label": name }));
  const page = {
    kinds: part("slot"),
    tools: part("slot"),
    picture: part("picture"),
    xpsi: part("xpsi"),
    ypsi: part("ypsi"),
    course: part("course"),
    transport: part("transport"),
    contrast: el("section"),
    form: el("div"),
    formNote: el("div.field-error"),
    brush: part("brush-row"),
    masked: el("p"),
    readouts,
    quad: part("quad"),
    chip: el("span.chip.top-left", { hidden: true }),
    notice: el("div.notice", { hidden: true, role: "alert" }),
    fit: el(
      "button.quiet",
      { type: "button", title: "Fit the picture (0 or double click)", "aria-label": "Fit the picture" },
      icon("fit"),
    ),
    clear: el("button.button.small", { type: "button", title: "Forget all painted pixels" }, "Clear"),
  };
  const bar = el(
    "div.toolbar",
    {},
    page.kinds,
    page.tools,
    page.fit,
    page.brush,
    el("span.gap"),
    el(
      "div.readout",
      { role: "group", "aria-label": "Under the pointer" },
      ...["frame", "row", "col", "counts"].map((name, i) => el("span", {}, el("small", {}, name), readouts[i])),
    ),
  );
  page.picture.append(page.chip, page.notice);
  page.quad.append(page.picture, page.ypsi, page.xpsi, page.course);
  host.append(
    el("div.stage", {}, bar, page.quad, page.transport),
    el(
      "aside.side",
      { "aria-label": "Contrast and preprocessing" },
      page.contrast,
      el("section", {}, el("h3", {}, "Preprocessing"), page.form, page.formNote),
      el("section", {}, el("h3", {}, "Mask", page.clear), page.masked),
    ),
  );
  return page;
}

/**
 * The picture's column is as wide as the picture needs, so that sections get the rest.
 * @param {HTMLElement} quad
 */
export function square(quad) {
  const { rows, cols } = state.get().session.scan;
  new ResizeObserver(() => {
    const [width, height] = [quad.clientWidth, 0.73 * quad.clientHeight];
    quad.style.setProperty(
      "--fit",
      `${Math.round(Math.min(0.66 * width, Math.max(0.36 * width, (height * cols) / rows)))}px`,
    );
  }).observe(quad);
}

/** Ask before painted pixels are forgotten. @param {() => void} clear */
export function confirmClear(clear) {
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
