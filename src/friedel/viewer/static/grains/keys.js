// Keys of the page.

import * as keys from "../lib/keys.js";
import * as state from "../lib/state.js";

/** @param {import("./page.js").GrainsPage} page */
export function bindKeys(page) {
  const bind = (/** @type {string} */ combos, /** @type {string} */ says, /** @type {() => void} */ run) =>
    keys.bind("grains", combos, says, run);
  bind("ArrowDown|j", "next grain of the list", () => page.table.step(1));
  bind("ArrowUp|k", "previous grain", () => page.table.step(-1));
  bind("Escape", "choose nothing", () => page.chooseSpot(null));
  bind("Enter", "to the frame of the chosen spot", () => {
    const { spot } = state.get();
    if (spot !== null) page.toFrame(spot);
  });
  bind("p", "the chosen spot's Friedel partner", () => {
    const partner = page.partnerOf(state.get().spot);
    if (partner !== null) page.chooseSpot(partner);
  });
  bind("0|Home", "show everything", () => page.plots.fit());
  bind("/|f", "filter the list", () => page.table.focusFilter());
}
