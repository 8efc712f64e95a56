// Keys of the page.

import * as keys from "../lib/keys.js";
import * as state from "../lib/state.js";

/** @param {import("./page.js").VolumePage} page */
export function bindKeys(page) {
  const { solid } = page;
  const bind = (/** @type {string} */ combos, /** @type {string} */ says, /** @type {() => void} */ run) =>
    keys.bind("volume", combos, says, run);
  bind("ArrowLeft", "turn the map left", () => solid.turn(-8, 0));
  bind("ArrowRight", "turn it right", () => solid.turn(8, 0));
  bind("ArrowUp", "tilt it up", () => solid.turn(0, -8));
  bind("ArrowDown", "tilt it down", () => solid.turn(0, 8));
  bind("shift+ArrowLeft", "move the map", () => solid.pan(-30, 0));
  bind("shift+ArrowRight", "move the map", () => solid.pan(30, 0));
  bind("shift+ArrowUp", "move the map", () => solid.pan(0, -30));
  bind("shift+ArrowDown", "move the map", () => solid.pan(0, 30));
  bind("+|=", "zoom in", () => solid.zoom(1.2));
  bind("-", "zoom out", () => solid.zoom(1 / 1.2));
  bind("x", "look along x", () => solid.reset({ azimuth: 90, elevation: 0 }));
  bind("y", "look along y", () => solid.reset({ azimuth: 0, elevation: 0 }));
  bind("z", "look down z", () => solid.reset({ azimuth: 0, elevation: 90 }));
  bind("c", "cut away the corner towards you, or not", () => page.toggleCut());
  bind("o", "only the chosen grain, or all", () => page.layout.only.element.click());
  bind("0|Home", "as at first", () => page.reset());
  bind("a", "crosshair down along z", () => page.step(2, -1));
  bind("q", "crosshair up along z", () => page.step(2, 1));
  bind("Escape", "choose no grain", () => state.chooseGrain(null));
}
