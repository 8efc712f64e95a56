// One pixel over the rotation: its counts, normalised, and the moving median that is subtracted.

import * as api from "../lib/api.js";
import { Chart } from "../lib/chart.js";
import * as state from "../lib/state.js";

/** @typedef {(number|null)[]} Counts  null where there are none */

/**
 * @param {HTMLElement} host
 * @param {{onError: (error: unknown) => void}} options
 * @returns {{load: (force?: boolean) => void, update: (span: {from: number, to: number}) => void}}
 */
export function courseChart(host, { onError }) {
  let shown = "";
  /** @type {{frames: number[], raw: Counts, normalised: Counts, median: Counts, every: number}|null} */
  let course = null;
  let span = { from: 0, to: 1 };
  const chart = new Chart(host, {
    label: "Course of the pixel under the cross over the rotation, with its median",
    flush: true,
    onClick: (x) => state.set({ frame: Math.min(frames() - 1, Math.max(0, Math.round(x))) }),
  });
  chart.set({ empty: "Click a pixel to see its course over the rotation" });
  const frames = () => state.scanShape().frames;

  const fetchOne = api.newest(
    async (/** @type {{row: number, col: number}} */ { row, col }) => {
      const params = { row, col, frame: state.get().frame, client: api.client, seq: api.nextSeq() };
      course = await api.getJson("api/course", { params, channel: "course" });
      state.counters.course++;
      draw();
    },
    (error) => {
      shown = "";
      onError(error);
    },
  );

  function draw() {
    if (!course) return;
    const { frame, kind } = state.get();
    const raw = kind === "raw";
    const known = course.median.some((v) => v !== null);
    const x = course.frames;
    const counts = numbers(raw ? course.raw : course.normalised);
    /** @type {import("../lib/marks.js").Series[]} */
    const series = [{ type: "line", x, y: counts, colour: "--blue", name: raw ? "raw" : "normalised", width: 1 }];
    if (known && !raw)
      series.push({ type: "line", x, y: numbers(course.median), colour: "--warm", name: "median", width: 2 });
    const label = raw ? "raw counts" : known ? "counts, normalised, and its median" : "counts, normalised";
    const part = span.from > 0 || span.to < frames();
    const { min, max } = { min: part ? 0 : span.from, max: part ? frames() : span.to };
    chart.set({
      series,
      x: { min, max, format: (v) => String(Math.round(v)) },
      y: {
        label: course.every > 1 ? `${label}, every ${course.every} frames` : label,
      },
      lines: [{ id: "frame", x: frame + 0.5, colour: "--ink", dashed: true }],
      bands: part ? [{ from: span.from, to: span.to, colour: "--blue", alpha: 0.09 }] : [],
    });
  }

  return {
    load(force = false) {
      const { cursor } = state.get();
      if (!cursor) return;
      const key = `${cursor.row} ${cursor.col}`;
      if (key !== shown || force) {
        shown = key;
        if (!course) chart.set({ empty: "Reading this pixel over the rotation …" });
        fetchOne(cursor);
      }
    },
    update(next) {
      span = next;
      draw();
    },
  };
}

/** @param {Counts} values */
function numbers(values) {
  return values.map((v) => v ?? NaN);
}
