// Solves while parameters change: the newest wins, and what is drawn stays until all of the new answer is here.

import * as api from "../lib/api.js";
import * as state from "../lib/state.js";
import { contoursOf } from "./contours.js";
import { classOf, REASONS } from "./reasons.js";

/**
 * @typedef {import("../lib/types.js").Answer} Answer
 * @typedef {"frame"|"row"|"col"} Side  which picture
 * @typedef {{side: Side, at: number, start: number, stop: number}} Place  what a picture shows
 * @typedef {import("./contours.js").Contours} Contours
 */

/** Rows of a solution's table, by column. */
export class Table {
  /** @param {import("../lib/api.js").Arrived} array [columns, n] */
  constructor({ data, shape, meta }) {
    this.rows = shape[1];
    this.kept = /** @type {number} */ (meta.kept);
    this.reasons = /** @type {string[]} */ (meta.reasons ?? REASONS);
    this.columns = new Map(
      /** @type {string[]} */ (meta.columns).map((name, i) => [
        name,
        data.subarray(i * shape[1], (i + 1) * shape[1]),
      ]),
    );
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
 * @typedef {{answer: Answer, segment: import("../lib/types.js").Segment, table: Table, contours: Map<Side,
 *   Contours>, places: Map<Side, string>, wall: number}} Shown
 */

export class LiveSolver {
  /**
   * @param {{places: () => Place[], onShown: (shown: Shown) => void, onBusy: (busy: boolean) => void,
   *   onError: (error: unknown) => void}} hooks  places: what the pictures show at the moment
   */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {Shown|null} */
    this.shown = null;
    this.sequence = Date.now();
    this.solve = api.newest(
      () => this.#solve(),
      (error) => this.#failed(error),
    );
    this.refresh = api.newest(
      () => this.#refresh(),
      (error) => this.#failed(error),
    );
  }

  async #solve() {
    const { segment, session } = state.get();
    if (!session?.scan || !Object.keys(segment).length) return;
    this.hooks.onBusy(true);
    const began = performance.now();
    const answer = await this.#ask(segment);
    const table =
      answer.solution === this.shown?.answer.solution ? this.shown.table : await this.#table(answer.solution);
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

  /**
   * The answer for the scope that is wanted; as long as the whole scan is not ready, for the frames around this
   * one.
   * @param {import("../lib/types.js").Segment} segment
   * @returns {Promise<Answer>}
   */
  async #ask(segment) {
    const { scope, frame, progress } = state.get();
    const ask = (/** @type {string} */ what) =>
      api.post("api/solve", { seq: ++this.sequence, segment, scope: what, frame });
    if (scope === "sub" || progress?.pass?.state !== "done") return ask("sub");
    try {
      return await ask("whole");
    } catch (error) {
      if (api.refusalOf(error).status !== 409 || api.overtaken(error)) throw error;
      return ask("sub");
    }
  }

  /** @param {string} solution */
  async #table(solution) {
    return new Table(
      await api.getArray("api/table", { params: { solution, columns: "reason,IMax_int,peak_level" } }),
    );
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
    const { data } = await api.getArray("api/outlines", { params });
    shown.contours.set(
      side,
      contoursOf(/** @type {Int32Array} */ (data), (row) => shown.table.reason(row), side === "col"),
    );
    shown.places.set(side, keyOf(place));
    state.counters.outline++;
  }

  /** Contours on any frame. @param {Shown} shown @param {number} frame */
  async contoursAt(shown, frame) {
    const { data } = await api.getArray("api/outlines", { params: { solution: shown.answer.solution, frame } });
    return contoursOf(/** @type {Int32Array} */ (data), (row) => shown.table.reason(row));
  }

  /** @param {unknown} error */
  #failed(error) {
    this.hooks.onBusy(false);
    if (/not kept any more|forgotten/.test(api.messageOf(error))) this.solve(undefined);
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
  for (let i = 0; i < runs.length; i += 4)
    if (runs[i] === line) out.push({ from: runs[i + 1], to: runs[i + 1] + runs[i + 2], row: runs[i + 3] });
  return out;
}
