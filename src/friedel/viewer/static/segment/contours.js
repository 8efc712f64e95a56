// Runs of voxels to contours that lie between pixels.

import { classOf, REASON_CLASSES } from "./reasons.js";

/**
 * Contours of the blobs on one picture, in its coordinates (x grows along a line, y from line to line).
 * @typedef {Object} Contours
 * @property {Int32Array} runs  [n, 4]: line, start, length, row of the table; by blob, line and start
 * @property {Int32Array[]} edges  by class: x0, y0, x1, y1, row of the table; all along x or y
 * @property {Int32Array[]} fills  by class: x, y, length, row of the table
 */

const FIELDS = 4;
const END = 2 ** 30;

/**
 * @param {Int32Array} given  [n, 4]: line, start, length, row of the table, in any order
 * @param {(row: number) => number} reasonOf  code of the reason of a row of the table
 * @param {boolean} [turned]  lines run along y (sections whose frames go to the right)
 * @returns {Contours}
 */
export function contoursOf(given, reasonOf, turned = false) {
  const runs = ordered(given);
  const edges = REASON_CLASSES.map(() => new Rows(5));
  const fills = REASON_CLASSES.map(() => new Rows(4));
  for (let from = 0; from < runs.length;) {
    const row = runs[from + 3];
    let to = from;
    while (to < runs.length && runs[to + 3] === row) to += FIELDS;
    const kind = classOf(reasonOf(row));
    outline(runs, from, to, edges[kind]);
    for (let i = from; i < to; i += FIELDS) fills[kind].add(runs[i + 1], runs[i], runs[i + 2], row);
    from = to;
  }
  if (turned) edges.forEach((list) => turn(list.all));
  return { runs, edges: edges.map((list) => list.all), fills: fills.map((list) => list.all) };
}

/** Rows of whole numbers that grow: ten times as fast as an array that is pushed to. */
class Rows {
  /** @param {number} width of a row */
  constructor(width) {
    this.width = width;
    this.size = 0;
    this.data = new Int32Array(64 * width);
  }

  get all() {
    return this.data.subarray(0, this.size);
  }

  /** @param {number} a @param {number} b @param {number} c @param {number} d @param {number} [e] */
  add(a, b, c, d, e = 0) {
    if (this.size + this.width > this.data.length) {
      const wider = new Int32Array(2 * this.data.length);
      wider.set(this.data);
      this.data = wider;
    }
    const { data, size } = this;
    data[size] = a;
    data[size + 1] = b;
    data[size + 2] = c;
    data[size + 3] = d;
    if (this.width > 4) data[size + 4] = e;
    this.size = size + this.width;
  }
}

/** By blob, line and start. @param {Int32Array} runs @returns {Int32Array} */
function ordered(runs) {
  const before = (/** @type {number} */ a, /** @type {number} */ b) =>
    runs[a + 3] - runs[b + 3] || runs[a] - runs[b] || runs[a + 1] - runs[b + 1];
  let sorted = true;
  for (let i = FIELDS; i < runs.length && sorted; i += FIELDS) sorted = before(i - FIELDS, i) <= 0;
  if (sorted) return runs;
  const order = Array.from({ length: runs.length / FIELDS }, (_, i) => i * FIELDS).sort(before);
  const out = new Int32Array(runs.length);
  order.forEach((at, i) => out.set(runs.subarray(at, at + FIELDS), i * FIELDS));
  return out;
}

/**
 * Edges of one blob: both ends of every run, and wherever two neighbouring lines differ.
 * @param {Int32Array} runs
 * @param {number} from
 * @param {number} to
 * @param {Rows} out
 */
function outline(runs, from, to, out) {
  let above = from; // the line before, [above, at), where it is the one just before
  for (let at = from; at < to;) {
    const line = runs[at];
    let end = at;
    while (end < to && runs[end] === line) {
      const first = runs[end + 1];
      const after = first + runs[end + 2];
      out.add(first, line, first, line + 1, runs[end + 3]);
      out.add(after, line, after, line + 1, runs[end + 3]);
      end += FIELDS;
    }
    const joined = above < at && runs[above] === line - 1;
    if (!joined) level(runs, above, at, at, at, out);
    level(runs, joined ? above : at, at, at, end, out);
    above = at;
    at = end;
  }
  level(runs, above, to, to, to, out);
}

/**
 * Edges between two lines of one blob, the runs at [a, aEnd) and those at [b, bEnd) below them: where one is
 *   covered
 * and the other is not. Ends of runs come in order, and every one begins or ends such a stretch; equal ones cancel.
 * @param {Int32Array} runs
 * @param {number} a
 * @param {number} aEnd
 * @param {number} b
 * @param {number} bEnd
 * @param {Rows} out
 */
function level(runs, a, aEnd, b, bEnd, out) {
  const known = b < bEnd ? b : a;
  if (known >= Math.max(aEnd, bEnd)) return;
  const y = b < bEnd ? runs[b] : runs[a] + 1;
  const owner = runs[known + 3];
  let aOut = 0; // 1: the start of the run is done, its end is next
  let bOut = 0;
  let open = -1;
  while (a < aEnd || b < bEnd) {
    const va = a < aEnd ? runs[a + 1] + aOut * runs[a + 2] : END;
    const vb = b < bEnd ? runs[b + 1] + bOut * runs[b + 2] : END;
    const x = va < vb ? va : vb;
    if (va <= vb) {
      a += aOut * FIELDS;
      aOut = 1 - aOut;
    }
    if (vb <= va) {
      b += bOut * FIELDS;
      bOut = 1 - bOut;
    }
    if (va === vb) continue;
    if (open >= 0) out.add(open, y, x, y, owner);
    open = open >= 0 ? -1 : x;
  }
}

/** Exchange x and y. @param {Int32Array} edges */
function turn(edges) {
  for (let i = 0; i < edges.length; i += 5) {
    [edges[i], edges[i + 1]] = [edges[i + 1], edges[i]];
    [edges[i + 2], edges[i + 3]] = [edges[i + 3], edges[i + 2]];
  }
}
