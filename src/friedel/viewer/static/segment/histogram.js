// How many voxels there are of each brightness, with the thresholds as lines that can be dragged.

import * as api from "../lib/api.js";
import { Chart } from "../lib/chart.js";
import { brief, number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { finite, isLocal } from "./levels.js";

/** @typedef {"seed_threshold"|"grow_min"|"grow_max"} Name */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} caption
 * @param {import("../lib/types.js").App} app
 * @param {(name: Name, value: number) => void} onDrag  value in the unit of the thresholds; grow_max may be
 *   Infinity
 * @returns {{load: () => void, draw: () => void}}
 */
export function histogramPanel(host, caption, app, onDrag) {
  /** @type {{edges: number[], counts: number[], sigma: number, unit: string, noise?: number[]}|null} */
  let known = null;
  let end = 1;
  const chart = new Chart(host, {
    label: "Histogram of clean voxels with the thresholds; drag the lines",
    onDrag: (id, x) => onDrag(/** @type {Name} */ (id), id === "grow_max" && x > 0.97 * end ? Infinity : x),
  });
  chart.set({ empty: "Counting voxels …" });
  const load = api.newest(async () => {
    known = await api.getJson("api/histogram", { params: { frame: state.get().frame } });
    draw();
  }, app.complain);

  function draw() {
    const { segment, session } = state.get();
    if (!known?.edges?.length) return;
    const sigma = sigmaOf(session, known) || 1;
    const factor = known.unit === segment.unit ? 1 : segment.unit === "sigma" ? 1 / sigma : sigma;
    const noise = segment.unit === "sigma" ? 1 : sigma;
    caption.textContent = `shaded 1 to 5 σ, ${isLocal(segment) ? "each pixel's own" : `σ = ${number(sigma, 3)} counts`}`;
    const edges = known.edges.map((edge) => edge * factor);
    const cap = finite(segment.grow_max);
    end = Math.max(/** @type {number} */ (edges.at(-1)), 1.5 * segment.seed_threshold);
    const start = Math.max(edges.find((edge) => edge > 0) ?? noise, 0.25 * noise);
    const close = Math.abs(Math.log(segment.seed_threshold / segment.grow_min)) < 0.09 * Math.log(end / start);
    const both = segment.grow_min < segment.seed_threshold ? "c min, T" : "T, c min";
    const drag = !state.lookingOn();
    const lines = [
      { id: "grow_min", x: segment.grow_min, label: close ? "" : "c min", colour: "--teal", drag },
      { id: "seed_threshold", x: segment.seed_threshold, label: close ? both : "T", colour: "--warm", drag },
      {
        id: "grow_max",
        x: Math.min(cap, end),
        label: Number.isFinite(cap) ? "c max" : "∞",
        colour: "--teal",
        drag,
        dashed: true,
      },
    ];
    const bars = evened(edges, known.counts);
    chart.set({
      series: [
        { type: "bars", x: edges, y: bars, colour: "--blue", name: "voxels", width: 1 },
        ...(known.noise
          ? [
              {
                type: /** @type {const} */ ("line"),
                x: edges.slice(0, -1).map((edge, i) => Math.sqrt(edge * edges[i + 1])),
                y: evened(edges, known.noise),
                colour: "--soft",
                name: "noise",
                dashed: true,
                width: 1,
              },
            ]
          : []),
      ],
      x: { kind: "log", min: start, max: end, format: short },
      y: { kind: "log", min: 0.7, format: brief },
      lines,
      bands: [1, 2, 3, 4, 5].map((n) => ({
        from: start,
        to: Math.max(start, n * noise),
        colour: "--soft",
        alpha: 0.075,
      })),
    });
  }
  return { load: () => load(undefined), draw };
}

/**
 * Counts as if every bin were as wide as the others: their edges lie between the values that occur, and so one bin
 * holds more of them than the next.
 * @param {number[]} edges
 * @param {number[]} counts
 */
function evened(edges, counts) {
  const width = Math.log(/** @type {number} */ (edges.at(-1)) / edges[0]) / counts.length;
  return counts.map((count, i) => (count * width) / Math.log(edges[i + 1] / edges[i]));
}

/**
 * Noise in counts: where levels are multiples of it, the histogram's own is 1.
 * @param {import("../lib/types.js").Session|null} session
 * @param {{sigma: number}} known
 */
function sigmaOf(session, known) {
  return session?.baseline?.sigma ?? known.sigma;
}

/** @param {number} v */
function short(v) {
  return v >= 1e4 ? brief(v) : number(v, 3);
}
