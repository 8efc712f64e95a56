// The noise along rows of the detector, where thresholds are multiples of each pixel's own.

import * as api from "../lib/api.js";
import * as state from "../lib/state.js";

/** So many rows are kept: the pointer goes up and down. */
const MOST_ROWS = 400;
/** What did not come is asked for again, if it is still to be seen; the more often it failed the later. */
const AGAIN_MS = { first: 300, longest: 5000 };

export class NoiseRows {
  /** @param {() => void} onRow  one that was asked for is here */
  constructor(onRow) {
    this.onRow = onRow;
    /** @type {Map<number, Float32Array>} */
    this.rows = new Map();
    /** @type {Float32Array|null} of the row that was shown last: rows near each other differ little */
    this.last = null;
    this.of = "";
    this.pause = AGAIN_MS.first;
    this.ask = api.newest((/** @type {{solution: string, of: string, row: number}} */ wanted) => this.#ask(wanted));
  }

  /**
   * Counts by column; null where one number is the noise of all pixels. As long as they are not here they are those
   *   of
   * the row before, so that what hangs on them does not jump from under the pointer (null as long as there is
   *   none).
   * @param {import("./solver.js").Answer|undefined} answer
   * @param {number} row
   * @returns {{noise: Float32Array|null, awaited: boolean}}  awaited: this row's own will come
   */
  row(answer, row) {
    if (!answer?.noise) return { noise: null, awaited: false };
    const of = `${answer.noise} ${state.get().progress?.pass?.generation}`;
    if (of !== this.of) this.rows.clear();
    this.of = of;
    const known = this.rows.get(row);
    if (known) this.last = known;
    else this.ask({ solution: answer.solution, of, row });
    return { noise: known ?? this.last, awaited: !known };
  }

  /** @param {{solution: string, of: string, row: number}} wanted */
  async #ask({ solution, of, row }) {
    if (this.rows.has(row)) return;
    const data = await this.#rowOf(solution, row);
    if (!data || of !== this.of) return;
    if (this.rows.size >= MOST_ROWS) this.rows.clear();
    this.rows.set(row, data);
    state.counters.noise++;
    this.onRow();
  }

  /**
   * Null where it did not come; then whoever draws is called a little later, and asks for what is to be seen then.
   * @param {string} solution
   * @param {number} row
   */
  async #rowOf(solution, row) {
    try {
      const { data } = await api.getArray("api/noise", { params: { solution, row } });
      this.pause = AGAIN_MS.first;
      return /** @type {Float32Array} */ (data);
    } catch {
      window.setTimeout(() => this.onRow(), this.pause);
      this.pause = Math.min(2 * this.pause, AGAIN_MS.longest);
      return null;
    }
  }
}

/**
 * Columns that are seen.
 * @param {{values: Float32Array, view: {x0: number, sx: number, width: number}}} line
 * @returns {[number, number]}
 */
export function columnsOf({ values, view }) {
  return [Math.max(0, Math.floor(view.x0)), Math.min(values.length, Math.ceil(view.x0 + view.width / view.sx))];
}

/**
 * Noise of a column over that of the scan.
 * @param {{noise: Float32Array|null, sigma: number}} line
 * @param {number} col
 */
export function noiseOver({ noise, sigma }, col) {
  const own = noise?.[Math.min(noise.length - 1, Math.max(0, col))];
  return own && Number.isFinite(own) ? own / sigma : 1;
}
