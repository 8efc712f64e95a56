// What the page says as long as there are no grains, or not even spots.

import { el } from "../lib/dom.js";
import { notice } from "../lib/empty.js";
import * as state from "../lib/state.js";

/** @typedef {import("../lib/empty.js").Notice} Notice */

/** In place of the list of grains. @returns {Notice} */
export function noGrains() {
  const text = el("p");
  const element = el("div.no-grains", { hidden: true }, el("h3", {}, "No grains yet"), text);
  return {
    element,
    show(on) {
      element.hidden = !on;
      text.textContent = whyNoGrains();
    },
  };
}

function whyNoGrains() {
  const { session } = state.get();
  if (session?.gone?.includes("index"))
    return "The grains that a run found are gone or damaged. Running the stage index again makes them anew.";
  const found = "Grains are found by the stage index, pairs by the stage match.";
  return session?.has?.geometry
    ? `${found} The page Run starts them.`
    : `${found} They need the sections [setup] and [[phase]] of the recipe.`;
}

/** In place of the page. @param {import("../lib/types.js").App} app @returns {Notice} */
export function noSpots(app) {
  const ways = /** @type {[string, string][]} */ ([
    ["segment", "Choose thresholds"],
    ["run", "Run"],
  ]);
  return notice(app, "No spots yet", ways, () =>
    state.get().session?.gone?.includes("segment")
      ? "The spots that a run found are gone or damaged. Running the stage segment again makes them anew."
      : "Spots are what the stage segment finds. Choose its parameters on the page Segment and start the run on the page Run.",
  );
}
