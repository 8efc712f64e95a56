// The elbow: bright fraction and number of blobs against the seed threshold, with a suggestion.

import { brief, number } from "./axes.js";
import { Chart } from "./charts.js";
import { el } from "./dom.js";
import { rounded, unitOf } from "./segment_levels.js";

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @param {(value: number) => void} onThreshold  in the unit of the thresholds
 * @returns {{load: () => void, draw: () => void}}
 */
export function mountElbow(host, app, onThreshold) {
  /** @type {{thresholds: number[], bright_fraction: number[], blobs: (number|null)[], suggested: number|null, unit?: string, seeds?: number[]}|null} */
  let known = null;
  const apply = el("button.button.small", { type: "button", hidden: true, onclick: () => onThreshold(suggestion()) });
  const plot = el("div.plot");
  host.append(el("header", {}, el("h3", {}, "Elbow"), el("span.key", {}, el("i", { style: { background: "var(--blue)" } }), "bright", el("i", { style: { background: "var(--warm)" } }), "blobs"), apply), plot);
  const chart = new Chart(plot, {
    label: "Bright fraction and number of blobs against the seed threshold; drag the line",
    onDrag: (id, x) => id === "T" && onThreshold(rounded(x)),
  });
  chart.set({ empty: "…" });
  const load = app.api.newest(async () => {
    const { scope } = app.state.get();
    known = await app.api.getJson("api/elbow", { params: { scope, frame: app.state.get().frame } });
    draw();
  }, (error) => {
    known = null;
    apply.hidden = true;
    chart.set({ series: [], empty: error.message });
  });

  /** Factor from the curve's unit to that of the thresholds. */
  function factor() {
    const { segment, session } = app.state.get();
    if (!known?.unit || known.unit === segment.unit) return 1;
    const sigma = session?.baseline?.sigma ?? 1;
    return segment.unit === "sigma" ? 1 / sigma : unitOf({ unit: "sigma" }, sigma);
  }

  function suggestion() {
    return rounded((known?.suggested ?? NaN) * factor());
  }

  function draw() {
    const { segment } = app.state.get();
    if (!known?.thresholds?.length) return;
    const x = known.thresholds.map((v) => v * factor());
    const suggested = suggestion();
    const good = Number.isFinite(suggested);
    apply.hidden = !good;
    apply.disabled = suggested === segment.seed_threshold;
    apply.textContent = good ? `Use ${number(suggested, 3)}` : "";
    apply.title = `Take the elbow as seed threshold: below ${number(suggested, 3)} noise comes in, above it spots go.`;
    const lines = [{ id: "T", x: segment.seed_threshold, label: "T", colour: "--warm", drag: true }];
    if (good) lines.unshift({ id: "suggested", x: suggested, label: "", colour: "--soft", drag: false, dashed: true });
    chart.set({
      series: [
        { type: "line", x, y: known.bright_fraction, name: "bright", colour: "--blue" },
        ...(known.seeds ? [{ type: /** @type {const} */ ("line"), x, y: known.seeds, name: "seeds", colour: "--warm", axis: /** @type {const} */ ("y2"), dashed: true, width: 1 }] : []),
        { type: "line", x, y: known.blobs.map((v) => v ?? NaN), name: "blobs", colour: "--warm", axis: "y2" },
      ],
      x: { kind: "log", min: Math.min(x[0], segment.seed_threshold) / 1.05, max: Math.max(/** @type {number} */ (x.at(-1)), segment.seed_threshold) * 1.05, format: (v) => number(v, 3) },
      y: { kind: "log", format: percent },
      y2: { kind: "log", format: brief },
      lines,
    });
  }
  return { load: () => load(undefined), draw };
}

/** @param {number} v */
function percent(v) {
  return `${number(100 * v, 2)} %`;
}
