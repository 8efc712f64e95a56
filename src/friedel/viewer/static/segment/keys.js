// Keys of the page.

import * as keys from "../lib/keys.js";
import * as state from "../lib/state.js";
import { bindTransport } from "../lib/transport.js";
import { REASON_CLASSES } from "./reasons.js";

/** @param {import("./page.js").SegmentPage} page */
export function bindKeys(page) {
  const bind = (
    /** @type {string} */ combos,
    /** @type {string} */ says,
    /** @type {() => void} */ run,
    /** @type {string|undefined} */ shown = undefined,
  ) => keys.bind("segment", combos, says, run, shown);
  bind("x", "the other setting, A or B", () => page.slots.choose(page.slots.other()));
  bind("w", "this sub-volume, or the whole scan", () =>
    state.set({ scope: state.get().scope === "sub" ? "whole" : "sub" }),
  );
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
  bindTransport("segment", page.film);
  bind("+|=", "zoom", () => page.views.picture.zoom(1.5), "+ or −");
  bind("-", "", () => page.views.picture.zoom(1 / 1.5));
  bind("0", "fit the picture", () => state.set({ zoom: null }));
  bind("Escape", "let go of the blob", () => page.chosen.letGo());
}
