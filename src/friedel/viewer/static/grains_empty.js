// What the page Pairs & grains says where there is nothing to show, and where to go then.

import { el, icon } from "./dom.js";
import * as state from "./state.js";

/** @typedef {{element: HTMLElement, show: (on: boolean) => void}} Notice */

/** In place of the list of grains. @returns {Notice} */
export function noGrains() {
  const text = el("p");
  const element = el("div.no-grains", { hidden: true }, el("h3", {}, "No grains yet"), text);
  return {
    element,
    show(on) {
      element.hidden = !on;
      text.textContent = whyNone();
    },
  };
}

function whyNone() {
  const { session } = state.get();
  if (session?.gone?.includes("index")) return "The grains that a run found are gone or damaged. Running the stage index again makes them anew.";
  const found = "Grains are found by the stage index, pairs by the stage match.";
  return session?.has?.geometry ? `${found} The page Run starts them.` : `${found} They need the sections [setup] and [[phase]] of the recipe.`;
}

/** In place of everything. @param {import("./main.js").App} app @returns {Notice} */
export function noSpots(app) {
  const text = el("p");
  const go = (/** @type {string} */ tab, /** @type {string} */ says) => el("button.button", { type: "button", onclick: () => app.open(tab) }, says);
  const element = el("div.empty", { hidden: true }, icon("box"), el("h2", {}, "No spots yet"), text, el("div.toolbar", {}, go("segment", "Choose thresholds"), go("run", "Run")));
  return {
    element,
    show(on) {
      element.hidden = !on;
      text.textContent = state.get().session?.gone?.includes("segment")
        ? "The spots that a run found are gone or damaged. Running the stage segment again makes them anew."
        : "Spots are what the stage segment finds. Choose its parameters on the page Segment and start the run on the page Run.";
    },
  };
}
