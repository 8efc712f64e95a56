// The parts of the map's page: its tools, where things lie, what is said while nothing is chosen, its keys.

import { number } from "./axes.js";
import { Chart } from "./charts.js";
import { el, icon, segmented } from "./dom.js";
import { PAINTS } from "./grains_data.js";
import { noMap } from "./grains_empty.js";
import { counted } from "./grains_overview.js";
import { colour } from "./theme.js";
import { toggle, twoEnds } from "./volume_tools.js";

/** More grains than these would cover the key. */
const MOST_DOTS = 400;

const STATUS = {
  value: "status",
  text: "Status",
  title: "What is known about each voxel: measured, contested by two grains, or filled from beside",
};
const STATUS_SAYS = [
  "", "One grain's projections say so", "Two grains wanted it; the denser one has it", "Filled up from beside",
];
/** By code. */
export const STATUS_NAMES = ["", "measured", "contested", "dilated"];

/** What is known about the whole map, while no grain is chosen. @param {HTMLElement} host */
export function aboutMap(host) {
  const facts = el("dl.facts");
  const plot = el("div.distribution");
  const chart = new Chart(plot, { label: "Diameters of the grains" });
  const element = el("div.map-about", {},
    el(
      "div.says",
      {},
      el(
        "p",
        {},
        "Click the map or a slice: what is known about the grain there appears here. Drag a slice to move the crosshair.",
      ),
      facts,
    ),
    el("div", {}, el("h3", {}, "Diameter", el("small", {}, " µm")), plot));
  host.append(element);
  return {
    element,
    /** @param {any} shown @param {number[]} counts  voxels by status */
    draw({ map, columns }, counts) {
      const size = [...map.shape].reverse().map((n) => number(n * map.voxel_um, 4));
      const all = counts[1] + counts[2] + counts[3];
      const said = [
        ["grains", number(columns.id?.length ?? 0)], ["size", `${size.join(" × ")} µm`],
        ["voxels", `${number(map.voxel_um)} µm, ${number(all, 9)} filled`],
        ["measured", `${number((100 * counts[1]) / Math.max(1, all), 3)} %`],
      ];
      facts.replaceChildren(...said.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
      const values = (columns.diameter_um ?? []).filter((/** @type {any} */ v) => v > 0);
      const { edges, counts: y } = counted(values, 0, 1.05 * Math.max(1, ...values));
      chart.set({
        series: values.length ? [{ type: "bars", x: edges, y, colour: "--kept", name: "grains", width: 1 }] : [],
        x: { min: 0 },
        y: { min: 0 },
        empty: "No grains.",
      });
    },
  };
}

/** @param {import("./main.js").App} app @param {any} it */
export function bindKeys(app, { solid, page, setCut, reset, step }) {
  const bind = (
    /** @type {string} */ keys,
    /** @type {string} */ says,
    /** @type {() => void} */ run,
  ) => app.keys.bind("volume", keys, says, run);
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
  bind("c", "cut away the corner towards you, or not", () => {
    page.cut.set(!page.cut.on);
    setCut(page.cut.on);
  });
  bind("o", "only the chosen grain, or all", () => page.only.element.click());
  bind("0|Home", "as at first", reset);
  bind("a", "crosshair down along z", () => step(2, -1));
  bind("q", "crosshair up along z", () => step(2, 1));
  bind("Escape", "choose no grain", () => app.state.select({ grain: null }));
}

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @param {{paint: (value: string) => void, status: (code: number, on: boolean) => void, cut: (on: boolean) => void,
 *   only: (on: boolean) => void, crossed: (on: boolean) => void, reset: () => void, clip: (axis: number, low: number, high: number) => void}} on
 */
export function build(host, app, on) {
  const paints = segmented("Colour", [...PAINTS, STATUS], on.paint);
  const colours = ["", "#3f7fc4", "#ffa23c", "#a873d9"];
  const statuses = [1, 2, 3].map(
    (code) => toggle(
      { text: STATUS_NAMES[code], title: STATUS_SAYS[code], swatch: colours[code], on: true },
      (next) => on.status(code, next),
    )
  );
  const cut = toggle(
    { text: "Cut corner", title: "Cut the corner towards you away, down to the crosshair (C)", on: true },
    on.cut,
  );
  const only = toggle({ text: "Only this grain", title: "The chosen grain alone (O)", on: false }, on.only);
  const crossed = toggle({ text: "Crosshair", title: "Lines where the slices cut the surface", on: false }, on.crossed);
  const says = el("small.map-facts");
  const resetButton = el(
    "button.quiet",
    { type: "button", title: "As at first (0)", "aria-label": "As at first", onclick: on.reset },
    icon("fit"),
  );
  const bar = el(
    "div.toolbar.map-bar",
    {},
    paints.element,
    el("div.group", { role: "group", "aria-label": "Shown" }, ...statuses.map((each) => each.element)),
    el("div.group", {}, cut.element, only.element, crossed.element),
    el("span.gap"),
    says,
    resetButton,
  );
  const solid = el(
    "div.solid-view",
    { "aria-label": "The map in three dimensions: drag turns, shift-drag moves, the wheel zooms" },
  );
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
    paints, statuses, cut, only, crossed, solid, clips, readout, slices: grid, key, card,
    facts: (/** @type {string} */ text) => (says.textContent = text),
    empty: (/** @type {boolean} */ is) => {
      nothing.show(is);
      bar.hidden = body.hidden = is;
    },
    /** @param {string} what */
    explain(what) {
      legend.hidden = !what;
      if (what === "status") legend.replaceChildren(
        ...[1, 2, 3].map(
          (code) => el(
            "div",
            {},
            el("i.swatch", { style: { background: colours[code] } }),
            el("span", {}, STATUS_NAMES[code], el("small", {}, STATUS_SAYS[code])),
          )
        )
      );
      if (what === "trust") legend.replaceChildren(
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

/**
 * The key of the colours in force, grains as dots in it; that of the chosen grain's phase where there are several.
 * @param {ReturnType<typeof import("./volume_tools.js").drawnKey>} key
 * @param {ReturnType<typeof build>} page
 * @param {{colours: any, columns: any}} shown
 * @param {import("./grains_data.js").GrainData} data
 * @param {any} state
 */
export async function drawKey(key, page, { colours, columns }, data, { paint = "ipf_z", selection }) {
  const axis = paint.startsWith("ipf_") ? paint.slice(4) : null;
  const mine = columns.phase?.[selection.grain ?? -1];
  const keyed = colours.keys.flatMap((/** @type {any} */ k, /** @type {number} */ row) => (k.keyed && k.grains ? [{ ...k, row }] : []));
  const row = (keyed.find((/** @type {any} */ k) => k.phase === mine) ?? keyed[0])?.row ?? -1;
  page.explain(["status", "trust"].includes(paint) ? paint : "");
  key.element.hidden = row < 0 || (!axis && paint !== "grain");
  if (key.element.hidden) return;
  const drawn = await data.key(row, 260);
  const { phase } = colours.keys[row];
  const inks = axis ? colours[`ipf_${axis}`] : colours.grain;
  const name = axis ?? "z";
  const dots = colours.places[name].flatMap((/** @type {any} */ place, /** @type {number} */ grain) => {
    if (!place || columns.phase?.[grain] !== phase) return [];
    return [{ x: place[0], y: place[1], colour: inks[grain], chosen: grain === selection.grain }];
  });
  const shown = dots.length > MOST_DOTS ? dots.filter((/** @type {any} */ dot) => dot.chosen) : dots;
  const says = `direction along ${name}${colours.keys.length > 1 ? `, ${phase}` : ""}`;
  key.draw(drawn, { says, dots: shown, line: colour("--soft"), ink: colour("--ink") });
}
