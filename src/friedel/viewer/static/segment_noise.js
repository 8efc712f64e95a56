// The noise along rows of the detector, where thresholds are multiples of each pixel's own.

/** So many rows are kept: the pointer goes up and down. */
const MOST_ROWS = 400;

export class NoiseRows {
  /** @param {import("./main.js").App} app @param {() => void} onRow  one that was asked for is here */
  constructor(app, onRow) {
    this.app = app;
    this.onRow = onRow;
    /** @type {Map<number, Float32Array>} */
    this.rows = new Map();
    this.of = "";
    this.ask = app.api.newest((/** @type {{solution: string, of: string, row: number}} */ wanted) => this.#ask(wanted));
  }

  /**
   * Counts by column, null as long as they are not here, or where one number is the noise of all pixels.
   * @param {import("./segment_solver.js").Answer|undefined} answer
   * @param {number} row
   */
  row(answer, row) {
    if (!answer?.noise) return null;
    const of = `${answer.noise} ${this.app.state.get().progress?.sweep?.generation}`;
    if (of !== this.of) this.rows.clear();
    this.of = of;
    const known = this.rows.get(row);
    if (!known) this.ask({ solution: answer.solution, of, row });
    return known ?? null;
  }

  /** @param {{solution: string, of: string, row: number}} wanted */
  async #ask({ solution, of, row }) {
    if (this.rows.has(row)) return;
    const { data } = await this.app.api.getArray("api/noise", { params: { solution, row } });
    if (of !== this.of) return;
    if (this.rows.size >= MOST_ROWS) this.rows.clear();
    this.rows.set(row, /** @type {Float32Array} */ (data));
    this.onRow();
  }
}
