// Keys of the page.

import { REASON_CLASSES } from "./segment_reasons.js";

/** @param {import("./segment.js").Page} page */
export function bindKeys(page) {
  const { app } = page;
  const { state } = app;
  const bind = (/** @type {string} */ combos, /** @type {string} */ says, /** @type {() => void} */ run, /** @type {string|undefined} */ shown = undefined) =>
    app.keys.bind("segment", combos, says, run, shown);
  bind("x", "the other setting, A or B", () => page.slots.choose(page.slots.other()));
  bind("w", "this sub-volume, or the whole scan", () => state.set({ scope: state.get().scope === "sub" ? "whole" : "sub" }));
  bind("o", "outlines on or off", () => {
    page.outlined = !page.outlined;
    page.redraw();
  });
  bind("f", "fill of the blobs on or off", () => {
    page.fill = !page.fill;
    page.redraw();
  });
  bind("r", "rejected blobs on or off", () => {
    const any = page.legend.shown.slice(1).some(Boolean);
    REASON_CLASSES.forEach((_, kind) => kind && page.legend.shown[kind] === any && page.legend.toggle(kind));
  });
  bind("ArrowRight", "next or previous frame", () => page.film.step(1), "→ or ←");
  bind("ArrowLeft", "", () => page.film.step(-1));
  bind("PageDown", "ten frames on or back", () => page.film.step(10), "PageDown or PageUp");
  bind("PageUp", "", () => page.film.step(-10));
  bind("Home", "first or last frame", () => page.film.step(-1e9), "Home or End");
  bind("End", "", () => page.film.step(1e9));
  bind(" ", "play or pause", () => page.film.toggle());
  bind("+|=", "zoom", () => page.views.picture.zoom(1.5), "+ or −");
  bind("-", "", () => page.views.picture.zoom(1 / 1.5));
  bind("0", "fit the picture", () => state.set({ zoom: null }));
  bind("Escape", "let go of the blob", () => page.chosen.letGo());
}
