// What the pages of results say where there is nothing to show, and where to go then.

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

/**
 * In place of a whole page.
 * @param {import("./main.js").App} app
 * @param {string} title
 * @param {[string, string][]} ways  pages to go to, and what their buttons say
 * @param {() => string} why
 * @returns {Notice}
 */
function instead(app, title, ways, why) {
  const text = el("p");
  const buttons = ways.map(([tab, says]) => el("button.button", { type: "button", onclick: () => app.open(tab) }, says));
  const element = el("div.empty", { hidden: true }, icon("box"), el("h2", {}, title), text, el("div.toolbar", {}, ...buttons));
  return {
    element,
    show(on) {
      element.hidden = !on;
      text.textContent = why();
    },
  };
}

/** @param {import("./main.js").App} app */
export function noSpots(app) {
  return instead(app, "No spots yet", [["segment", "Choose thresholds"], ["run", "Run"]], () =>
    state.get().session?.gone?.includes("segment")
      ? "The spots that a run found are gone or damaged. Running the stage segment again makes them anew."
      : "Spots are what the stage segment finds. Choose its parameters on the page Segment and start the run on the page Run.",
  );
}

/** @param {import("./main.js").App} app */
export function noMap(app) {
  return instead(app, "No map yet", [["run", "Run"]], () => {
    const { session } = state.get();
    if (session?.gone?.includes("assemble")) return "The map that a run made is gone or damaged. Running the stage assemble again makes it anew.";
    const made = "The map of grains is what the last stage, assemble, makes.";
    return session?.has?.geometry ? `${made} The page Run starts it.` : `${made} It needs the sections [setup] and [[phase]] in the recipe; then start the run on the page Run.`;
  });
}
