// Grey levels: a histogram of the frame with two handles, curve and colour map. All of it local to the browser.

import { Chart } from "./chart.js";
import { segmented } from "./controls.js";
import { el } from "./dom.js";
import { numberInput } from "./fields.js";
import { CURVE_NAMES } from "./raster.js";
import * as state from "./state.js";
import { MAPS } from "./theme.js";

const BINS = 160;

/**
 * The panel for the contrast of one kind of frame (default: the kind shown in Frames).
 * @param {HTMLElement} host
 * @param {{kind?: () => string}} [options]
 * @returns {{frame: (raster: import("./raster.js").Raster, limits: {low: number, high: number}) => void,
 *   update: () => void, suit: () => void}}
 * frame: a new frame is shown; limits: what "auto" means for it; suit: take it
 */
export function contrastPanel(host, { kind = () => state.get().kind } = {}) {
  let limits = { low: 0, high: 1 };
  /** @type {{edges: Float64Array, counts: Float64Array, knee: number}|null} */
  let shape = null;
  let waiting = 0;
  const plot = el("div.contrast-plot");
  const chart = new Chart(plot, {
    label: "Histogram of the frame with the grey levels black and white",
    readout: false,
    flush: true,
    onDrag: (id, x) => move(/** @type {"low"|"high"} */ (id), x),
  });
  const low = numberInput("Black: counts shown darkest", (v) => move("low", v));
  const high = numberInput("White: counts shown brightest", (v) => move("high", v));
  const auto = el(
    "button.button.small",
    { type: "button", title: "Grey levels that suit this frame (A)", onclick: () => setAuto() },
    "Auto",
  );
  const curve = segmented("Curve of the grey levels", CURVE_NAMES, (value) => state.set({ curve: value }));
  const map = el(
    "select",
    { "aria-label": "Colour map", onchange: () => state.set({ map: map.value }) },
    ...MAPS.map((name) => el("option", { value: name }, name)),
  );
  host.append(
    el("h3", {}, "Contrast", auto),
    plot,
    el("div.contrast-row", {}, low.element, curve.element, high.element),
    el("div.contrast-row.map-row", {}, el("span.ramp", { "aria-hidden": "true" }), map),
  );

  /** @param {"low"|"high"} which @param {number} v */
  function move(which, v) {
    const now = state.contrastOf(kind());
    const rounded = Number(v.toPrecision(4));
    const next = { low: now.low, high: now.high, auto: false, [which]: rounded };
    if (next.high <= next.low) return;
    state.setContrast(kind(), next);
  }

  function setAuto() {
    state.setContrast(kind(), { ...limits, auto: true });
  }

  function update() {
    const { low: black, high: white, auto: on } = state.contrastOf(kind());
    low.set(Number(black.toPrecision(4)));
    high.set(Number(white.toPrecision(4)));
    auto.setAttribute("aria-pressed", String(on));
    curve.set(state.get().curve);
    map.value = state.get().map;
    host.querySelector(".ramp")?.setAttribute("data-map", state.get().map);
    if (!shape) return;
    const { edges, counts, knee } = shape;
    chart.set({
      series: [{ type: "bars", x: edges, y: counts, colour: "--soft", width: 1 }],
      x: { kind: "asinh", knee, min: Math.min(edges[0], black), max: Math.max(edges[edges.length - 1], white) },
      y: {
        kind: "log",
        min: 0.5 * counts.reduce((a, b) => (b > 0 ? Math.min(a, b) : a), 1),
        bare: true,
        max: 1.6 * counts.reduce((a, b) => Math.max(a, b), 1),
      },
      lines: [
        { id: "low", x: black, drag: true, colour: "--ink" },
        { id: "high", x: white, drag: true, colour: "--warm" },
      ],
      bands: [{ from: black, to: white, colour: "--warm", alpha: 0.07 }],
    });
  }

  return {
    frame(raster, suited) {
      limits = suited;
      const { low: a, high: b, auto: on } = state.contrastOf(kind());
      const off = Math.max((suited.high - suited.low) / (b - a || 1), (b - a) / (suited.high - suited.low || 1));
      const measured = state.get().progress?.pass?.measured !== false;
      if (on && ((off > 2 && measured) || (a === 0 && b === 1))) setAuto();
      clearTimeout(waiting);
      waiting = window.setTimeout(() => {
        shape = binned(raster, suited);
        update();
      }, 60);
    },
    update,
    suit: setAuto,
  };
}

/**
 * Histogram on an asinh axis, so that noise and beam are both seen.
 * @param {import("./raster.js").Raster} raster
 * @param {{low: number, high: number}} limits
 */
function binned(raster, limits) {
  const { counts, first } = raster.histogram();
  let from = 0;
  let to = counts.length - 1;
  while (from < to && !counts[from]) from++;
  while (to > from && !counts[to]) to--;
  const value = (/** @type {number} */ i) => (first + i) * raster.scale + raster.offset;
  const knee = Math.max((limits.high - limits.low) / 8, raster.scale);
  const [a, b] = [Math.asinh(value(from - 0.5) / knee), Math.asinh(value(to + 0.5) / knee)];
  // Whole steps of the stored values: bins narrower than one would look like a comb.
  const steps = new Set(
    Array.from({ length: BINS + 1 }, (_, i) =>
      Math.round((knee * Math.sinh(a + ((b - a) * i) / BINS) - raster.offset) / raster.scale - first + 0.5),
    ),
  );
  const ends = [...steps].filter((i) => i > from && i <= to).sort((x, y) => x - y);
  const starts = [from, ...ends];
  const stops = [...ends, to + 1];
  const density = Float64Array.from(starts, (start, k) => {
    let sum = 0;
    for (let i = start; i < stops[k]; i++) sum += counts[i];
    return sum / (stops[k] - start);
  });
  return { edges: Float64Array.from([...starts, to + 1], (i) => value(i - 0.5)), counts: density, knee };
}
