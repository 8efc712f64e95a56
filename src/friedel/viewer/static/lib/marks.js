// What charts are given, and the pieces that they are drawn from.

import { colour, rem } from "./theme.js";

/**
 * @typedef {Object} Axis
 * @property {string} [label]
 * @property {import("./scales.js").ScaleKind} [kind]  linear (default), log, asinh
 * @property {number} [min]  default: from the data
 * @property {number} [max]
 * @property {number} [knee]  of asinh
 * @property {"left"|"right"} [side]  of a y axis
 * @property {(v: number) => string} [format]
 * @property {boolean} [bare]  no numbers
 *
 * @typedef {Object} Series
 * @property {"line"|"bars"|"points"} type  bars: x are the edges, one more than y
 * @property {ArrayLike<number>} x
 * @property {ArrayLike<number>} y
 * @property {string} [colour]  CSS variable ("--blue") or colour
 * @property {string} [name]  in the readout
 * @property {number} [width]
 * @property {number} [alpha]
 * @property {boolean} [dashed]
 * @property {"y"|"y2"} [axis]
 *
 * @typedef {Object} Marker  a vertical line
 * @property {string} id
 * @property {number} x
 * @property {string} [label]
 * @property {string} [colour]
 * @property {boolean} [drag]
 * @property {boolean} [dashed]
 *
 * @typedef {Object} Content
 * @property {Series[]} [series]
 * @property {Axis} [x]
 * @property {Axis} [y]
 * @property {Axis} [y2]
 * @property {Marker[]} [lines]
 * @property {{from: number, to: number, colour?: string, alpha?: number}[]} [bands]
 * @property {string} [empty]  said when there is no series
 */

const BINS = 40;

/** A line of the readout. @param {string|undefined} name @param {string} value @param {string} [ink] */
export function row(name, value, ink) {
  const line = document.createElement("div");
  if (ink) {
    const swatch = document.createElement("i");
    swatch.style.background = paint(ink);
    line.append(swatch);
  }
  line.append(name ? `${name} ` : "", Object.assign(document.createElement("b"), { textContent: value }));
  return line;
}

/** A colour by CSS variable or as it is. @param {string} ink */
export function paint(ink) {
  return ink.startsWith("--") ? colour(ink) : ink;
}

/**
 * Range of an axis from its data.
 * @param {Axis} axis
 * @param {ArrayLike<number>[]} data
 * @param {boolean} [room] above
 */
export function scaleOf({ kind = "linear", min, max, knee }, data, room = false) {
  let low = Infinity;
  let high = -Infinity;
  if (min === undefined || max === undefined) {
    for (const values of data) {
      for (let i = 0; i < values.length; i++) {
        const v = values[i];
        if (!Number.isFinite(v) || (kind === "log" && v <= 0)) continue;
        if (v < low) low = v;
        if (v > high) high = v;
      }
    }
    if (low > high) [low, high] = kind === "log" ? [0.1, 1] : [0, 1];
    if (room && kind === "log") [low, high] = [low / 1.3, high * 1.4];
    else if (room) [low, high] = [low - 0.04 * (high - low), high + 0.08 * (high - low)];
  }
  const scale = { kind, min: min ?? low, max: max ?? high, knee };
  if (!(scale.max > scale.min)) scale.max = scale.min + (Math.abs(scale.min) || 1);
  return scale;
}

/**
 * Outline of bars.
 * @param {Path2D} path
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} y
 * @param {(v: number) => number} px
 * @param {(v: number) => number} py
 * @param {number} ground
 */
export function steps(path, x, y, px, py, ground) {
  path.moveTo(px(x[0]), ground);
  for (let i = 0; i < y.length; i++) {
    const level = y[i] > 0 ? py(y[i]) : ground;
    path.lineTo(px(x[i]), level);
    path.lineTo(px(x[i + 1]), level);
  }
  path.lineTo(px(x[y.length]), ground);
}

/** One point. @param {Path2D} path @param {number} x @param {number} y @param {number} r */
export function dot(path, x, y, r) {
  path.moveTo(x + r, y);
  path.arc(x, y, r, 0, 2 * Math.PI);
}

/**
 * A line that breaks where there is no number.
 * @param {Path2D} path
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} y
 * @param {(v: number) => number} px
 * @param {(v: number) => number} py
 */
export function trace(path, x, y, px, py) {
  let pen = false;
  for (let i = 0; i < y.length; i++) {
    if (!Number.isFinite(y[i])) pen = false;
    else {
      if (pen) path.lineTo(px(x[i]), py(y[i]));
      else path.moveTo(px(x[i]), py(y[i]));
      pen = true;
    }
  }
}

/** The value of a series near x = v. @param {Series} series @param {number} v */
export function nearest({ type, x, y }, v) {
  if (type === "bars") {
    for (let i = 0; i < y.length; i++) if (v >= x[i] && v < x[i + 1]) return y[i];
    return NaN;
  }
  let best = 0;
  for (let i = 1; i < y.length; i++) if (Math.abs(x[i] - v) < Math.abs(x[best] - v)) best = i;
  return y[best];
}

/** Lines grow with the text, on large screens. */
export function stroke() {
  return Math.max(1, rem() / 14);
}

/**
 * Words in lines of at most this width.
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} text
 * @param {number} width
 */
export function wrapped(ctx, text, width) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && ctx.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** How many values lie in each of equal bins. @param {number[]} values @param {number} low @param {number} high */
export function counted(values, low, high) {
  const edges = Array.from({ length: BINS + 1 }, (_, i) => low + ((high - low) * i) / BINS);
  const counts = new Array(BINS).fill(0);
  for (const v of values)
    counts[Math.max(0, Math.min(BINS - 1, Math.floor(((v - low) / (high - low || 1)) * BINS)))]++;
  return { edges, counts };
}
