// Numbers to pixels: a lookup table over all 65536 stored values, and reduced copies for pictures shown small.

import { colourMap } from "./theme.js";

const RAMP = 4096;

/** Bends grey levels: linear, root, or log (an asinh that is straight near the low end). */
const CURVES = {
  linear: (/** @type {number} */ t) => t,
  root: (/** @type {number} */ t) => Math.sqrt(t),
  log: (/** @type {number} */ t) => Math.asinh(200 * t) / Math.asinh(200),
};

/** Names of the curves. */
export const CURVE_NAMES = Object.keys(CURVES);

/** @type {Map<string, Uint32Array>} */
const ramps = new Map();

/** @param {string} map @param {string} curve */
function rampOf(map, curve) {
  const key = `${map} ${curve}`;
  let ramp = ramps.get(key);
  if (!ramp) {
    const colours = colourMap(map);
    const bend = CURVES[/** @type {keyof CURVES} */ (curve)] ?? CURVES.linear;
    ramp = Uint32Array.from({ length: RAMP }, (_, i) => colours[Math.round(255 * bend(i / (RAMP - 1)))]);
    ramps.set(key, ramp);
  }
  return ramp;
}

/**
 * @typedef {import("./types.js").Look} Look
 * @typedef {Uint16Array<ArrayBuffer>|Int16Array<ArrayBuffer>|Uint32Array<ArrayBuffer>} Pixels  stored values; 32
 *   bit: finished pixels
 * @typedef {import("./api.js").Numbers} Numbers
 * @typedef {{data: Numbers|Pixels, shape: number[], scale?: number, offset?: number}} Numbered  value = data *
 *   scale + offset
 * @typedef {{data: Pixels, rows: number, cols: number}} Copy
 */

/**
 * One picture: 16-bit numbers (or finished pixels), its reduced copies, and the part that is shown as pixels.
 */
export class Raster {
  /**
   * @param {Numbered} array  [rows, cols]
   * @param {"max"|"mean"} reduce  what one pixel stands for where several fall on it
   */
  constructor(array, reduce = "max") {
    const { data, scale, offset } = quantised(array);
    this.rows = array.shape[0];
    this.cols = array.shape[1];
    this.data = data;
    this.scale = scale;
    this.offset = offset;
    this.reduce = reduce;
    this.signed = data instanceof Int16Array;
    this.coloured = data instanceof Uint32Array;
    /** @type {Map<string, Copy>} */
    this.copies = new Map([["1,1", { data, rows: this.rows, cols: this.cols }]]);
    this.table = new Uint32Array(this.coloured ? 0 : 65536);
    this.tableKey = "";
    /** @type {ImageData|null} */
    this.image = null;
  }

  /** Value in counts. @param {number} row @param {number} col */
  value(row, col) {
    return this.data[row * this.cols + col] * this.scale + this.offset;
  }

  /**
   * The copy reduced by powers of two along columns and rows.
   * @param {number} fx
   * @param {number} fy
   * @returns {Copy}
   */
  reduced(fx, fy) {
    const key = `${fx},${fy}`;
    let copy = this.copies.get(key);
    if (!copy) {
      copy = fx > 1 ? halfCols(this.reduced(fx / 2, fy), this) : halfRows(this.reduced(fx, fy / 2), this);
      this.copies.set(key, copy);
    }
    return copy;
  }

  /** A copy reduced by `factor` both ways, or as far as the size allows. @param {number} factor */
  coarse(factor) {
    const most = 2 ** Math.max(0, Math.floor(Math.log2(Math.min(this.rows, this.cols) / 4)));
    const used = Math.min(factor, most);
    return { copy: this.reduced(used, used), factor: used };
  }

  /** @param {Look} look */
  lookup({ low, high, map, curve }) {
    const key = `${low} ${high} ${map} ${curve}`;
    if (this.coloured || key === this.tableKey) return;
    this.tableKey = key;
    const ramp = rampOf(map, curve);
    const table = this.table;
    const step = ((RAMP - 1) * this.scale) / (high - low || 1e-9);
    const start = ((RAMP - 1) * (this.offset - low)) / (high - low || 1e-9);
    for (let i = 0; i < 65536; i++) {
      const t = (this.signed ? (i << 16) >> 16 : i) * step + start;
      table[i] = ramp[t <= 0 ? 0 : t >= RAMP - 1 ? RAMP - 1 : t | 0];
    }
  }

  /**
   * A part of a reduced copy as pixels; the ImageData is used again by the next call.
   * @param {{fx: number, fy: number, left: number, top: number, width: number, height: number}} part
   */
  pixels({ fx, fy, left, top, width, height }) {
    const copy = this.reduced(fx, fy);
    if (this.image?.width !== width || this.image?.height !== height) this.image = new ImageData(width, height);
    const out = new Uint32Array(this.image.data.buffer);
    const { table, coloured } = this;
    const values = this.signed
      ? new Uint16Array(copy.data.buffer, copy.data.byteOffset, copy.data.length)
      : copy.data;
    for (let row = 0, at = 0; row < height; row++) {
      const from = (top + row) * copy.cols + left;
      if (coloured) {
        out.set(values.subarray(from, from + width), at);
        at += width;
      } else {
        for (let i = from; i < from + width; i++) out[at++] = table[values[i]];
      }
    }
    return this.image;
  }

  /** How often each of the 65536 stored values occurs. */
  histogram() {
    const counts = new Uint32Array(65536);
    const values = this.signed
      ? new Uint16Array(this.data.buffer, this.data.byteOffset, this.data.length)
      : this.data;
    for (let i = 0; i < values.length; i++) counts[values[i]]++;
    if (!this.signed) return { counts, first: 0 };
    const sorted = new Uint32Array(65536);
    sorted.set(counts.subarray(32768), 0);
    sorted.set(counts.subarray(0, 32768), 32768);
    return { counts: sorted, first: -32768 };
  }
}

/** @param {Numbered} array @returns {{data: Pixels, scale: number, offset: number}} */
function quantised({ data, scale = 1, offset = 0 }) {
  if (data instanceof Uint16Array || data instanceof Int16Array || data instanceof Uint32Array)
    return { data, scale, offset };
  let low = Infinity;
  let high = -Infinity;
  for (const v of data) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (!(high > low)) high = low + 1;
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  const exact = !(data instanceof Float32Array) && high - low < 65536;
  const step = exact ? 1 : (high - low) / 65535;
  const out = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = (data[i] - low) / step + (exact ? 0 : 0.5);
  return { data: out, scale: scale * step, offset: offset + scale * low };
}

/**
 * @param {Copy} from
 * @param {Raster} raster
 * @returns {Copy}
 */
function halfCols({ data, rows, cols }, raster) {
  const width = Math.ceil(cols / 2);
  const out = alike(data, rows * width);
  const odd = cols % 2;
  const pairs = width - odd;
  const mean = raster.reduce === "mean" && !raster.coloured;
  for (let row = 0, at = 0; row < rows; row++) {
    let i = row * cols;
    if (mean) for (let k = 0; k < pairs; k++, i += 2) out[at++] = (data[i] + data[i + 1]) >> 1;
    else
      for (let k = 0; k < pairs; k++, i += 2) {
        const a = data[i];
        const b = data[i + 1];
        out[at++] = a > b ? a : b;
      }
    if (odd) out[at++] = data[i];
  }
  return { data: out, rows, cols: width };
}

/**
 * @param {Copy} from
 * @param {Raster} raster
 * @returns {Copy}
 */
function halfRows({ data, rows, cols }, raster) {
  const height = Math.ceil(rows / 2);
  const out = alike(data, height * cols);
  const mean = raster.reduce === "mean" && !raster.coloured;
  for (let row = 0, at = 0; row < height; row++) {
    const i = 2 * row * cols;
    const below = 2 * row + 1 < rows ? cols : 0;
    if (mean) for (let k = i; k < i + cols; k++) out[at++] = (data[k] + data[k + below]) >> 1;
    else
      for (let k = i; k < i + cols; k++) {
        const a = data[k];
        const b = data[k + below];
        out[at++] = a > b ? a : b;
      }
  }
  return { data: out, rows: height, cols };
}

/** Numbers of the same kind. @template {Numbers|Pixels} N @param {N} data @param {number} length @returns {N} */
function alike(data, length) {
  const Kind = /** @type {new (length: number) => N} */ (data.constructor);
  return new Kind(length);
}

/**
 * Rows and columns exchanged.
 * @template {{data: Numbers, shape: number[]}} A
 * @param {A} array
 * @returns {A}
 */
export function transposed(array) {
  const [rows, cols] = array.shape;
  const out = alike(array.data, rows * cols);
  const { data } = array;
  for (let row = 0; row < rows; row++)
    for (let col = 0, i = row * cols; col < cols; col++) out[col * rows + row] = data[i + col];
  return { ...array, data: out, shape: [cols, rows] };
}

/**
 * What of which reduced copy is seen, and where it lies on the canvas; null where nothing is.
 * @param {import("./raster.js").Raster} raster
 * @param {import("./image.js").ImageView} on
 */
export function seen(raster, { origin, view, base }) {
  const ratio = devicePixelRatio;
  const { row, col, step } = origin;
  const sx = view.sx * ratio * step;
  const sy = view.sy * ratio * step;
  const fx = factor(sx);
  const fy = factor(sy);
  const offX = (col - view.x0) * view.sx * ratio;
  const offY = (row - view.y0) * view.sy * ratio;
  const left = Math.max(0, Math.floor(-offX / (sx * fx)));
  const top = Math.max(0, Math.floor(-offY / (sy * fy)));
  const right = Math.min(Math.ceil(raster.cols / fx), Math.ceil((base.width - offX) / (sx * fx)));
  const bottom = Math.min(Math.ceil(raster.rows / fy), Math.ceil((base.height - offY) / (sy * fy)));
  const [width, height] = [right - left, bottom - top];
  if (width <= 0 || height <= 0) return null;
  const place = {
    x: offX + left * sx * fx,
    y: offY + top * sy * fy,
    width: width * sx * fx,
    height: height * sy * fy,
  };
  return { fx, fy, left, top, width, height, place };
}

/**
 * The largest power of two by which a scale below one can be reduced without losing a device pixel.
 * @param {number} scale
 */
function factor(scale) {
  let f = 1;
  while (scale * f * 2 <= 1.42) f *= 2;
  return f;
}
