// What is known about the whole map, while no grain is chosen.

import { Chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { counted } from "../lib/marks.js";
import { number } from "../lib/numbers.js";

/** What is known about the whole map, while no grain is chosen. @param {HTMLElement} host */
export function aboutMap(host) {
  const facts = el("dl.facts");
  const plot = el("div.distribution");
  const chart = new Chart(plot, { label: "Diameters of the grains" });
  const element = el(
    "div.map-about",
    {},
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
    el("div", {}, el("h3", {}, "Diameter", el("small", {}, " µm")), plot),
  );
  host.append(element);
  return {
    element,
    /**
     * @param {{map: import("../lib/types.js").GrainMap, columns: import("../lib/types.js").Columns}} shown
     * @param {number[]} counts  voxels by status
     */
    draw({ map, columns }, counts) {
      const size = [...map.shape].reverse().map((n) => number(n * map.voxel_um, 4));
      const all = counts[1] + counts[2] + counts[3];
      const said = [
        ["grains", number(columns.id?.length ?? 0)],
        ["size", `${size.join(" × ")} µm`],
        ["voxels", `${number(map.voxel_um)} µm, ${number(all, 9)} filled`],
        ["measured", `${number((100 * counts[1]) / Math.max(1, all), 3)} %`],
      ];
      facts.replaceChildren(...said.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
      const values = (columns.diameter_um ?? []).filter((v) => v > 0);
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
