// What the page is made of: the detector and the angles beside the list of grains, one grain or all of them below.

import { segmented, toggle } from "../lib/controls.js";
import { el } from "../lib/dom.js";
import { PAINTS } from "../lib/grain_data.js";
import { noGrains, noSpots } from "./empty.js";

/** @typedef {"none"|"chosen"|"all"} PairLines */

/** @type {import("../lib/controls.js").Choice[]} */
const PAIRS = [
  { value: "none", text: "None", title: "No lines" },
  { value: "chosen", text: "Of the grain", title: "Lines between the partners of the chosen grain" },
  { value: "all", text: "All", title: "Lines between all partners" },
];

/** @typedef {ReturnType<typeof buildLayout>} Layout */

/**
 * @param {HTMLElement} host
 * @param {import("../lib/types.js").App} app
 * @param {{paint: (paint: string) => void, pairs: (pairs: PairLines) => void, loose: (on: boolean) => void}} on
 *   what
 *   was chosen; loose: spots without a grain are shown
 */
export function buildLayout(host, app, on) {
  const paints = segmented("Colour", PAINTS, on.paint);
  const pairs = segmented("Pair lines", PAIRS, on.pairs);
  const loose = toggle(
    {
      text: "Spots without a grain",
      title: "Show spots that belong to no grain, in grey",
      swatch: "var(--soft)",
      on: true,
    },
    on.loose,
  );
  const facts = el("small.map-facts");
  const bar = el(
    "div.toolbar.bar",
    {},
    paints.element,
    el("small", {}, "Pair lines"),
    pairs.element,
    loose.element,
    el("span.gap"),
    facts,
  );
  const [detector, angles] = [el("div.view"), el("div.view")];
  const spot = el("div.spot-line", { role: "status" });
  const card = el("div.card-strip");
  const missing = noGrains();
  const table = el("aside.grain-list", {}, missing.element);
  const body = el(
    "div.grains-body",
    {},
    el("section.plot.detector", { "aria-label": "Detector" }, detector),
    el("section.plot.angles", { "aria-label": "Eta and omega" }, angles),
    el("div.strip", {}, spot, card),
    table,
  );
  const nothing = noSpots(app);
  host.append(bar, body, nothing.element);
  return {
    paints,
    pairs,
    detector,
    angles,
    table,
    card,
    spot,
    facts,
    /** There are spots, but no grains. @param {boolean} is */
    noGrains(is) {
      missing.show(is);
      table.classList.toggle("nothing", is);
    },
    /** There is nothing at all. @param {boolean} is */
    empty(is) {
      nothing.show(is);
      bar.hidden = body.hidden = is;
    },
  };
}
