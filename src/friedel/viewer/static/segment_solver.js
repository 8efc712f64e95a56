// Solves while parameters change: the newest wins, and what is drawn stays until all of the new answer is here.

import { contoursOf } from "./segment_contour.js";
import { classOf, REASONS } from "./segment_reasons.js";

/**
 * @typedef {Object} Answer  of api/solve
 * @property {string} solution
 * @property {"sub"|"whole"} scope
 * @property {number} seconds
 * @property {number} kept
 * @property {Object<string, number>} rejected
 * @property {number} volume_px
 * @property {number} bright_fraction
 * @property {{edges: number[], counts: number[]}} sizes
 * @property {{edges: number[], counts: number[]}} intensities
 * @property {[number, number]} window
 * @property {string|null} noise  which, where each pixel has its own
 * @property {boolean} [preview]
 * @property {string[]} [warnings]
 *
 * @typedef {"frame"|"row"|"col"} Side  which picture
 * @typedef {{side: Side, at: number, start: number, stop: number}} Place  what a picture shows
 * @typedef {import("./segment_contour.js").Contours} Contours
 */

/** Rows of a solution's table, by column. */
export class Table {
  /** @param {import("./api.js").Arrived} array [columns, n] */
  constructor({ data, shape, meta }) {
    this.rows = shape[1];
    this.kept = /** @type {number} */ (meta.kept);
    this.reasons = /** @type {string[]} */ (meta.reasons ?? REASONS);
    this.columns = new Map(/** @type {string[]} */ (meta.columns).map((name, i) => [name, data.subarray(i * shape[1], (i + 1) * shape[1])]));
  }

  /** @param {string} column @param {number} row */
  value(column, row) {
    return this.columns.get(column)?.[row] ?? NaN;
  }

  /** Code of why a row was rejected, as `REASONS` counts. @param {number} row */
  reason(row) {
    if (row < this.kept) return 0;
    return REASONS.indexOf(this.reasons[this.value("reason", row)] ?? "");
  }

  /** @param {number} row */
  classOf(row) {
    return classOf(this.reason(row));
  }
}

/**
 * What is drawn: one answer with the parameters that it is of, its table, and the contours of the pictures.
 * @typedef {{answer: Answer, segment: any, table: Table, contours: Map<Side, Contours>, places: Map<Side, string>, wall: number}} Shown
 */

export class LiveSolver {
  /**
   * @param {import("./main.js").App} app
   * @param {{places: () => Place[], onShown: (shown: Shown) => void, onBusy: (busy: boolean) => void,
   *   onError: (error: any) => void}} hooks  places: what the pictures show at the moment
   */
  constructor(app, hooks) {
    this.app = app;
    this.hooks = hooks;
    /** @type {Shown|null} */
    this.shown = null;
    this.sequence = Date.now();
    this.solve = app.api.newest(() => this.#solve(), (error) => this.#failed(error));
    this.refresh = app.api.newest(() => this.#refresh(), (error) => this.#failed(error));
  }

  async #solve() {
    const { state } = this.app;
    const { segment, session } = state.get();
    if (!session?.scan || !Object.keys(segment).length) return;
    this.hooks.onBusy(true);
    const began = performance.now();
    const answer = await this.#ask(segment);
    const table = answer.solution === this.shown?.answer.solution ? this.shown.table : await this.#table(answer.solution);
    const shown = { answer, segment, table, contours: new Map(), places: new Map(), wall: 0 };
    await Promise.all(this.hooks.places().map((place) => this.#outline(shown, place)));
    shown.wall = (performance.now() - began) / 1000;
    this.shown = shown;
    state.counters.solve++;
    state.timings.solve = 1000 * shown.wall;
    this.hooks.onBusy(false);
    state.set({ solution: answer });
    this.hooks.onShown(shown);
  }

  /** The answer for the scope that is wanted; as long as the whole scan is not ready, for the frames around this one. @param {any} segment @returns {Promise<Answer>} */
  async #ask(segment) {
    const { state, api } = this.app;
    const { scope, frame, progress } = state.get();
    const ask = (/** @type {string} */ what) => api.post("api/solve", { seq: ++this.sequence, segment, scope: what, frame });
    if (scope === "sub" || progress?.sweep?.state !== "done") return ask("sub");
    try {
      return await ask("whole");
    } catch (error) {
      if (/** @type {any} */ (error).status !== 409 || api.overtaken(error)) throw error;
      return ask("sub");
    }
  }

  /** @param {string} solution */
  async #table(solution) {
    return new Table(await this.app.api.getArray("api/table", { params: { solution, columns: "reason,IMax_int,peak_level" } }));
  }

  /** Outlines of pictures that have moved on since they were drawn. */
  async #refresh() {
    const shown = this.shown;
    if (!shown) return;
    const moved = this.hooks.places().filter((place) => shown.places.get(place.side) !== keyOf(place));
    if (!moved.length) return;
    await Promise.all(moved.map((place) => this.#outline(shown, place)));
    if (this.shown === shown) this.hooks.onShown(shown);
  }

  /** @param {Shown} shown @param {Place} place */
  async #outline(shown, place) {
    const { side, at, start, stop } = place;
    const params = { solution: shown.answer.solution, [side]: at, ...(side === "frame" ? {} : { start, stop }) };
    const { data } = await this.app.api.getArray("api/outlines", { params });
    shown.contours.set(side, contoursOf(/** @type {Int32Array} */ (data), (row) => shown.table.reason(row), side === "col"));
    shown.places.set(side, keyOf(place));
    this.app.state.counters.outline++;
  }

  /** Contours on any frame. @param {Shown} shown @param {number} frame */
  async contoursAt(shown, frame) {
    const { data } = await this.app.api.getArray("api/outlines", { params: { solution: shown.answer.solution, frame } });
    return contoursOf(/** @type {Int32Array} */ (data), (row) => shown.table.reason(row));
  }

  /** @param {any} error */
  #failed(error) {
    this.hooks.onBusy(false);
    if (/not kept any more|forgotten/.test(error.message ?? "")) this.solve(undefined);
    else this.hooks.onError(error);
  }
}

/** @param {Place} place */
export function keyOf({ side, at, start, stop }) {
  return side === "frame" ? `frame ${at}` : `${side} ${at} ${start} ${stop}`;
}

/**
 * The row of the table whose voxels cover a pixel of a picture; a kept one first.
 * @param {Contours|undefined} contours
 * @param {number} line  row of a frame, frame of a section
 * @param {number} at  column (row, on the section along a column)
 * @param {boolean[]} [classes]  only these
 * @param {Table} [table]
 * @returns {number|null}
 */
export function rowAt(contours, line, at, classes, table) {
  const runs = contours?.runs ?? [];
  for (let i = 0; i < runs.length; i += 4) {
    if (runs[i] !== line || at < runs[i + 1] || at >= runs[i + 1] + runs[i + 2]) continue;
    if (!classes || !table || classes[table.classOf(runs[i + 3])]) return runs[i + 3];
  }
  return null;
}

/**
 * Stretches of a line that blobs cover, kept ones first.
 * @param {Contours|undefined} contours
 * @param {number} line
 * @returns {{from: number, to: number, row: number}[]}
 */
export function stretches(contours, line) {
  const out = [];
  const runs = contours?.runs ?? [];
  for (let i = 0; i < runs.length; i += 4) if (runs[i] === line) out.push({ from: runs[i + 1], to: runs[i + 1] + runs[i + 2], row: runs[i + 3] });
  return out;
}
