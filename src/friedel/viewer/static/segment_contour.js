// Runs of voxels to contours that lie between pixels, and their drawing: one device pixel wide at any zoom.

import { classOf, REASON_CLASSES } from "./segment_reasons.js";

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
  for (let from = 0; from < runs.length; ) {
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
  const before = (/** @type {number} */ a, /** @type {number} */ b) => runs[a + 3] - runs[b + 3] || runs[a] - runs[b] || runs[a + 1] - runs[b + 1];
  let sorted = true;
  for (let i = FIELDS; i < runs.length && sorted; i += FIELDS) sorted = before(i - FIELDS, i) <= 0;
  if (sorted) return runs;
  const order = Array.from({ length: runs.length / FIELDS }, (_, i) => i * FIELDS).sort(before);
  const out = new Int32Array(runs.length);
  order.forEach((at, i) => out.set(runs.subarray(at, at + FIELDS), i * FIELDS));
  return out;
}

/** Edges of one blob: both ends of every run, and wherever two neighbouring lines differ. @param {Int32Array} runs @param {number} from @param {number} to @param {Rows} out */
function outline(runs, from, to, out) {
  let above = from; // the line before, [above, at), where it is the one just before
  for (let at = from; at < to; ) {
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
 * Edges between two lines of one blob, the runs at [a, aEnd) and those at [b, bEnd) below them: where one is covered
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

/**
 * @typedef {Object} Drawing
 * @property {boolean[]} shown  by class
 * @property {string[]} colours  by class
 * @property {number|null} chosen  row of the table that stands out
 * @property {number|null} near  row of the table under the pointer
 * @property {boolean} fill
 */

/**
 * Draw contours over a picture.
 * @param {CanvasRenderingContext2D} ctx
 * @param {import("./image.js").ImageView} view
 * @param {Contours} contours
 * @param {Drawing} drawing
 * @param {boolean} turned
 */
export function drawContours(ctx, view, contours, drawing, turned) {
  const grid = gridOf(ctx, view);
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  const classes = REASON_CLASSES.map((_, i) => REASON_CLASSES.length - 1 - i).filter((kind) => drawing.shown[kind]);
  if (drawing.fill) for (const kind of classes) fill(ctx, grid, contours.fills[kind], drawing.colours[kind], turned, 0.16, null);
  ctx.lineCap = "square";
  const thin = Math.max(1, Math.round(devicePixelRatio));
  for (const kind of classes) {
    const path = pathOf(grid, contours.edges[kind], thin, null);
    stroke(ctx, path, "rgba(0, 0, 0, 0.45)", 3 * thin);
    stroke(ctx, path, drawing.colours[kind], thin);
  }
  for (const [row, alpha] of [[drawing.near, 0.25], [drawing.chosen, 0.3]]) {
    if (row === null) continue;
    for (const kind of classes) {
      fill(ctx, grid, contours.fills[kind], drawing.colours[kind], turned, /** @type {number} */ (alpha), row);
      const path = pathOf(grid, contours.edges[kind], thin, row);
      stroke(ctx, path, "rgba(0, 0, 0, 0.8)", 4 * thin);
      stroke(ctx, path, row === drawing.chosen ? "#ffffff" : drawing.colours[kind], 2 * thin);
    }
  }
}

/** @typedef {{x: (v: number) => number, y: (v: number) => number, width: number, height: number}} Grid  picture to whole device pixels */

/** @param {CanvasRenderingContext2D} ctx @param {import("./image.js").ImageView} view @returns {Grid} */
function gridOf(ctx, view) {
  const { x0, y0, sx, sy } = view.view;
  const ratio = devicePixelRatio;
  return {
    x: (v) => Math.round((v - x0) * sx * ratio),
    y: (v) => Math.round((v - y0) * sy * ratio),
    width: ctx.canvas.width,
    height: ctx.canvas.height,
  };
}

/** @param {Grid} grid @param {Int32Array} edges @param {number} thin @param {number|null} only */
function pathOf(grid, edges, thin, only) {
  const path = new Path2D();
  const half = (thin % 2) / 2;
  for (let i = 0; i < edges.length; i += 5) {
    if (only !== null && edges[i + 4] !== only) continue;
    const [x0, y0, x1, y1] = [grid.x(edges[i]), grid.y(edges[i + 1]), grid.x(edges[i + 2]), grid.y(edges[i + 3])];
    if (x1 < 0 || y1 < 0 || x0 > grid.width || y0 > grid.height) continue;
    path.moveTo(x0 + half, y0 + half);
    path.lineTo(x1 + half, y1 + half);
  }
  return path;
}

/** @param {CanvasRenderingContext2D} ctx @param {Path2D} path @param {string} colour @param {number} width */
function stroke(ctx, path, colour, width) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.stroke(path);
}

/** @param {CanvasRenderingContext2D} ctx @param {Grid} grid @param {Int32Array} fills @param {string} colour @param {boolean} turned @param {number} alpha @param {number|null} only */
function fill(ctx, grid, fills, colour, turned, alpha, only) {
  ctx.fillStyle = colour;
  ctx.globalAlpha = alpha;
  const path = new Path2D();
  for (let i = 0; i < fills.length; i += 4) {
    if (only !== null && fills[i + 3] !== only) continue;
    const [along, across, length] = [fills[i], fills[i + 1], fills[i + 2]];
    const [x, y, w, h] = turned ? [across, along, 1, length] : [along, across, length, 1];
    const [left, top, right, bottom] = [grid.x(x), grid.y(y), grid.x(x + w), grid.y(y + h)];
    if (right < 0 || bottom < 0 || left > grid.width || top > grid.height) continue;
    path.rect(left, top, right - left, bottom - top);
  }
  ctx.fill(path);
  ctx.globalAlpha = 1;
}
