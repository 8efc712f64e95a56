// Where sections begin, as long as nobody has chosen a place.

import { beamBox } from "./boxes.js";

/** A bright place outside the direct beam, where sections begin. @param {import("./image.js").ImageView} picture */
export function interesting({ raster, origin }) {
  const { copy, factor } = /** @type {any} */ (raster).coarse(4);
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
