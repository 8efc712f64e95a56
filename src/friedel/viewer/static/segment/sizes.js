// How large and how bright the blobs are: two distributions that follow every change, with the other setting
// behind.

import { Chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { brief } from "../lib/numbers.js";

/** @typedef {import("../lib/types.js").Answer} Answer */

/**
 * @param {HTMLElement} host
 * @returns {{draw: (answer: Answer|null, other: Answer|null) => void}}  other: the answer for the setting that is
 *   compared, or null
 */
export function sizesPanel(host) {
  const plots = /** @type {const} */ ([
    ["sizes", "Sizes", "voxels"],
    ["intensities", "Intensities", "counts"],
  ]).map(([key, title, unit]) => {
    const plot = el("div.plot");
    host.append(
      el("div.sizes", {}, el("header", {}, el("h3", {}, title, el("small", {}, ` of kept blobs, ${unit}`))), plot),
    );
    return { key, chart: new Chart(plot, { label: `${title} of kept blobs` }) };
  });
  return {
    draw(answer, other) {
      for (const { key, chart } of plots) {
        const now = answer?.[key];
        const then = other?.[key];
        /** @type {import("../lib/marks.js").Series[]} */
        const series = [];
        if (now?.counts?.length)
          series.push({ type: "bars", x: now.edges, y: now.counts, colour: "--kept", name: "blobs", width: 1 });
        if (series.length && then?.counts?.length)
          series.push({
            type: "line",
            x: middles(then.edges),
            y: then.counts,
            colour: "--warm",
            name: "other",
            dashed: true,
          });
        chart.set({ series, empty: "No blobs.", x: { kind: "log", format: brief }, y: { min: 0, format: brief } });
      }
    },
  };
}

/** @param {number[]} edges */
function middles(edges) {
  return edges.slice(1).map((edge, i) => Math.sqrt(Math.max(edge, 1e-9) * Math.max(edges[i], 1e-9)));
}
