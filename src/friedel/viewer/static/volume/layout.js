// What the page is made of: the solid with its clipping, three slices and the key of colours, one grain or all
// below.

import { segmented, toggle } from "../lib/controls.js";
import { el, icon } from "../lib/dom.js";
import { notice } from "../lib/empty.js";
import { PAINTS } from "../lib/grain_data.js";
import * as state from "../lib/state.js";
import { twoEnds } from "./two_ends.js";

const STATUS = {
  value: "status",
  text: "Status",
  title: "What is known about each voxel: measured, contested by two grains, or filled from beside",
};
const STATUS_SAYS = [
  "",
  "One grain's projections say so",
  "Two grains wanted it; the denser one has it",
  "Filled up from beside",
];
/** By code. */
export const STATUS_NAMES = ["", "measured", "contested", "dilated"];
const statusColour = (/** @type {number} */ code) => `var(--${STATUS_NAMES[code]})`;

/** @typedef {ReturnType<typeof buildLayout>} Layout */

/**
 * @param {HTMLElement} host
 * @param {import("../lib/types.js").App} app
 * @param {{paint: (value: string) => void, status: (code: number, on: boolean) => void, cut: (on: boolean) => void,
 *   only: (on: boolean) => void, crossed: (on: boolean) => void, reset: () => void, clip: (axis: number, low:
 *   number, high: number) => void}} on
 */
export function buildLayout(host, app, on) {
  const paints = segmented("Colour", [...PAINTS, STATUS], on.paint);
  const statuses = [1, 2, 3].map((code) =>
    toggle({ text: STATUS_NAMES[code], title: STATUS_SAYS[code], swatch: statusColour(code), on: true }, (next) =>
      on.status(code, next),
    ),
  );
  const cut = toggle(
    { text: "Cut corner", title: "Cut the corner towards you away, down to the crosshair (C)", on: true },
    on.cut,
  );
  const only = toggle({ text: "Only this grain", title: "The chosen grain alone (O)", on: false }, on.only);
  const crossed = toggle(
    { text: "Crosshair", title: "Lines where the slices cut the surface", on: false },
    on.crossed,
  );
  const facts = el("small.map-facts");
  const resetButton = el(
    "button.quiet",
    { type: "button", title: "As at first (0)", "aria-label": "As at first", onclick: on.reset },
    icon("fit"),
  );
  const bar = el(
    "div.toolbar.bar",
    {},
    paints.element,
    el("div.group", { role: "group", "aria-label": "Shown" }, ...statuses.map((each) => each.element)),
    el("div.group", {}, cut.element, only.element, crossed.element),
    el("span.gap"),
    facts,
    resetButton,
  );
  const solid = el("div.solid-view", {
    "aria-label": "The map in three dimensions: drag turns, shift-drag moves, the wheel zooms",
  });
  const clips = ["x", "y", "z"].map((name, axis) => twoEnds(name, (low, high) => on.clip(axis, low, high)));
  const readout = el("div.map-readout", { role: "status", "aria-live": "off" });
  const clipBar = el("div.clip-bar", { role: "group", "aria-label": "Clip" }, ...clips.map((clip) => clip.element));
  const key = el("div.key-cell");
  const legend = el("div.legend", { hidden: true });
  key.append(legend);
  const grid = el("div.slices", {}, key);
  const card = el("div.map-card");
  const left = el("div.map-left", {}, solid, readout, clipBar);
  const nothing = noMap(app);
  const body = el("div.map-body", {}, left, el("div.map-right", {}, grid, card));
  host.append(bar, body, nothing.element);
  return {
    paints,
    statuses,
    cut,
    only,
    crossed,
    solid,
    clips,
    readout,
    slices: grid,
    key,
    card,
    facts,
    /** There is no map. @param {boolean} is */
    empty(is) {
      nothing.show(is);
      bar.hidden = body.hidden = is;
    },
    /** Say what colours mean that no key explains. @param {string} paint */
    explain(paint) {
      const what = ["status", "trust"].includes(paint) ? paint : "";
      legend.hidden = !what;
      if (what === "status")
        legend.replaceChildren(
          ...[1, 2, 3].map((code) =>
            el(
              "div",
              {},
              el("i.swatch", { style: { background: statusColour(code) } }),
              el("span", {}, STATUS_NAMES[code], el("small", {}, STATUS_SAYS[code])),
            ),
          ),
        );
      if (what === "trust")
        legend.replaceChildren(
          el("div.ramp"),
          el("div.ramp-ends", {}, el("small", {}, "trust least"), el("small", {}, "most")),
          el(
            "small",
            {},
            "Grains by rank, over all that is known about them. It compares grains and says nothing about the best being good.",
          ),
        );
    },
  };
}

/** In place of the page as long as there is no map. @param {import("../lib/types.js").App} app */
function noMap(app) {
  return notice(app, "No map yet", [["run", "Run"]], () => {
    const { session } = state.get();
    if (session?.gone?.includes("assemble"))
      return "The map that a run made is gone or damaged. Running the stage assemble again makes it anew.";
    const made = "The map of grains is what the last stage, assemble, makes.";
    return session?.has?.geometry
      ? `${made} The page Run starts it.`
      : `${made} It needs the sections [setup] and [[phase]] in the recipe; then start the run on the page Run.`;
  });
}
