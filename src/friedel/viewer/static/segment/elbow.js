// The elbow: bright fraction and number of blobs against the seed threshold, with a suggestion.

import * as api from "../lib/api.js";
import { Chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { brief, number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { rounded, unitOf } from "./levels.js";

/**
 * The curve of api/elbow, in steps: of the thresholds so many are done.
 * @typedef {{thresholds: number[], bright_fraction: number[], blobs: (number|null)[], seeds?: (number|null)[],
 *   suggested: number|null, done: number, unit?: string}} Curve
 */

/**
 * @param {HTMLElement} host
 * @param {(value: number) => void} onThreshold  in the unit of the thresholds
 * @param {() => Promise<boolean>} quiet  resolves once nothing else is being solved; false: not wanted any more
 * @returns {{load: () => void, draw: () => void, rest: () => void}}
 */
export function elbowPanel(host, onThreshold, quiet) {
  /** @type {Curve|null} */
  let known = null;
  const apply = el("button.button.small", {
    type: "button",
    hidden: true,
    disabled: true,
    onclick: () => onThreshold(suggestion()),
  });
  const progress = el("small.growing", { title: "So many thresholds have been tried" });
  const plot = el("div.plot");
  host.append(
    el(
      "header",
      {},
      el("h3", {}, "Elbow"),
      el(
        "span.key",
        {
          title:
            "Part of the voxels at or above the threshold; blobs kept, and dashed the seeds that they grow from",
        },
        el("i", { style: { background: "var(--blue)" } }),
        "bright",
        el("i", { style: { background: "var(--warm)" } }),
        "blobs",
      ),
      progress,
      apply,
    ),
    plot,
  );
  const chart = new Chart(plot, {
    label: "Bright fraction and number of blobs against the seed threshold; drag the line",
    onDrag: (id, x) => id === "T" && onThreshold(rounded(x)),
  });
  chart.set({ empty: "Trying thresholds …" });
  /** Grows with everything that is asked for: the server works on a curve only as long as it is asked for. */
  let asked = 0;
  async function load() {
    const mine = ++asked;
    const { scope, frame } = state.get();
    let done = -1;
    try {
      for (;;) {
        /** @type {Curve} */
        const answer = await api.getJson("api/elbow", { channel: "elbow", params: { scope, frame, known: done } });
        if (mine !== asked) return;
        known = answer;
        done = answer.done;
        draw();
        if (done >= answer.thresholds.length || !(await quiet()) || mine !== asked) return;
      }
    } catch (error) {
      if (api.overtaken(error) || mine !== asked) return;
      known = null;
      apply.hidden = true;
      chart.set({ series: [], empty: api.messageOf(error) });
    }
  }

  /** Factor from the curve's unit to that of the thresholds. */
  function factor() {
    const { segment, session } = state.get();
    if (!known?.unit || known.unit === segment.unit) return 1;
    const sigma = session?.baseline?.sigma ?? 1;
    return segment.unit === "sigma" ? 1 / sigma : unitOf({ unit: "sigma" }, sigma);
  }

  function suggestion() {
    return rounded((known?.suggested ?? NaN) * factor());
  }

  function draw() {
    const { segment } = state.get();
    if (!known?.thresholds?.length) return;
    const { thresholds, done } = known;
    const x = thresholds.map((v) => v * factor());
    const solved = thresholds.map((_, i) => i).filter((i) => Number.isFinite(known?.blobs[i]));
    const at = solved.map((i) => x[i]);
    const of = (/** @type {(number|null)[]} */ values) => solved.map((i) => values[i] ?? NaN);
    progress.textContent = done < thresholds.length ? `${done} of ${thresholds.length}` : "";
    const suggested = suggestion();
    const good = Number.isFinite(suggested);
    apply.hidden = !good;
    const others = state.lookingOn();
    apply.disabled = others || suggested === segment.seed_threshold;
    apply.textContent = good ? `Use ${number(suggested, 3)}` : "";
    apply.title = `Take ${number(suggested, 3)} as seed threshold. Below the elbow the number of seeds rises steeply, as noise does; above it weak spots are lost. It is never below c min.`;
    /** @type {import("../lib/marks.js").Marker[]} */
    const lines = [{ id: "T", x: segment.seed_threshold, label: "T", colour: "--warm", drag: !others }];
    if (good)
      lines.unshift({ id: "suggested", x: suggested, label: "", colour: "--soft", drag: false, dashed: true });
    chart.set({
      series: [
        { type: "line", x, y: known.bright_fraction, name: "bright", colour: "--blue" },
        ...(known.seeds
          ? [
              {
                type: /** @type {const} */ ("line"),
                x: at,
                y: of(known.seeds),
                name: "seeds",
                colour: "--warm",
                axis: /** @type {const} */ ("y2"),
                dashed: true,
                width: 1,
              },
            ]
          : []),
        { type: "line", x: at, y: of(known.blobs), name: "blobs", colour: "--warm", axis: "y2" },
      ],
      x: {
        kind: "log",
        min: Math.min(x[0], segment.seed_threshold > 0 ? segment.seed_threshold : x[0]) / 1.05,
        max: Math.max(/** @type {number} */ (x.at(-1)), segment.seed_threshold) * 1.05,
        format: (v) => number(v, 3),
      },
      y: { kind: "log", format: percent },
      y2: { kind: "log", format: brief },
      lines,
    });
  }
  return { load, draw, rest: () => void asked++ };
}

/** @param {number} v */
function percent(v) {
  return `${number(100 * v, 2)} %`;
}
