// Where the direct beam is, and a bright place beside it.

import * as state from "./state.js";

/** @typedef {import("./types.js").Box} Box */

/** The direct beam as drafted or measured. @returns {Box|null} */
export function beamBox() {
  const { preprocess, session } = state.get();
  if (Array.isArray(preprocess.beam)) return preprocess.beam;
  return preprocess.beam === "none" ? null : (session?.baseline?.beam ?? null);
}

/**
 * A bright place outside the direct beam, where sections begin.
 * @param {import("./raster.js").Raster} raster
 * @param {{step: number}} origin  pixels of the frame that one of the raster stands for
 */
export function brightPlace(raster, origin) {
  const { copy, factor } = raster.coarse(4);
  const [c0, r0, c1, r1] = beamBox() ?? [0, 0, 0, 0];
  const best = { value: -Infinity, row: 0, col: 0 };
  for (let row = 1; row < copy.rows - 1; row++) {
    for (let col = 1; col < copy.cols - 1; col++) {
      const at = { row: (row + 0.5) * factor * origin.step, col: (col + 0.5) * factor * origin.step };
      const apart = 0.25 * (c1 - c0) + 4 * factor * origin.step;
      const near = at.row > r0 - apart && at.row < r1 + apart && at.col > c0 - apart && at.col < c1 + apart;
      const value = copy.data[row * copy.cols + col];
      if (!near && value > best.value)
        Object.assign(best, { value, row: Math.floor(at.row), col: Math.floor(at.col) });
    }
  }
  return { row: best.row, col: best.col };
}
