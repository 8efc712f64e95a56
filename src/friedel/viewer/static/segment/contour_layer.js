// Contours on pictures: one device pixel wide at any zoom, on a dark rim so that they show on bright spots, and
// lightly filled. They are set pixel by pixel: stroking paths took 110 ms for a thousand blobs, this takes 4.

import { contextOf } from "../lib/dom.js";
import { pixel, rgb } from "../lib/theme.js";
import { CLASS_COLOURS, REASON_CLASSES } from "./reasons.js";

/**
 * @typedef {Object} Drawing
 * @property {boolean[]} shown  by class
 * @property {number|null} chosen  row of the table that stands out
 * @property {number|null} near  row of the table under the pointer
 * @property {boolean} fill
 *
 * @typedef {import("./contours.js").Contours} Contours
 * @typedef {import("../lib/image.js").ImageView} ImageView
 */

const FILL_ALPHA = 41;
const RIM = pixel(0, 0, 0, 115);

/** @type {WeakMap<ImageView, Layer>} what was drawn last, for when only the pointer moves */
const layers = new WeakMap();

/**
 * Draw contours over a picture.
 * @param {CanvasRenderingContext2D} ctx
 * @param {ImageView} view
 * @param {Contours} contours
 * @param {Drawing} drawing
 * @param {boolean} turned  lines of the contours run along y
 */
export function drawContours(ctx, view, contours, drawing, turned) {
  let layer = layers.get(view);
  if (!layer) layers.set(view, (layer = new Layer()));
  const grid = gridOf(ctx.canvas, view);
  const thin = Math.max(1, Math.round(devicePixelRatio));
  layer.paint(grid, contours, drawing, turned, thin);
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  ctx.drawImage(layer.canvas, 0, 0);
  for (const row of new Set([drawing.near, drawing.chosen])) {
    if (row !== null) standOut(ctx, grid, contours, drawing, turned, thin, row);
  }
}

/**
 * Picture coordinates to whole device pixels.
 * @typedef {{scale: number, start: number}} Axis
 * @typedef {{xs: Axis, ys: Axis, x: (v: number) => number, y: (v: number) => number, width: number, height: number,
 *   key: string}} Grid
 */

/** @param {HTMLCanvasElement} canvas @param {ImageView} view @returns {Grid} */
function gridOf({ width, height }, view) {
  const { x0, y0, sx, sy } = view.view;
  const ratio = devicePixelRatio;
  const xs = { scale: sx * ratio, start: -x0 * sx * ratio };
  const ys = { scale: sy * ratio, start: -y0 * sy * ratio };
  return {
    xs,
    ys,
    x: (v) => Math.round(v * xs.scale + xs.start),
    y: (v) => Math.round(v * ys.scale + ys.start),
    width,
    height,
    key: [x0, y0, sx, sy, ratio, width, height].join(" "),
  };
}

/** All contours of a picture, as pixels. */
class Layer {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.ctx = contextOf(this.canvas, { willReadFrequently: true });
    /** @type {ImageData|null} */
    this.image = null;
    this.data = new Uint32Array(0);
    this.key = "";
    /** @type {Contours|null} */
    this.contours = null;
  }

  /**
   * @param {Grid} grid
   * @param {Contours} contours
   * @param {Drawing} drawing
   * @param {boolean} turned
   * @param {number} thin
   */
  paint(grid, contours, drawing, turned, thin) {
    const key = `${grid.key} ${drawing.shown} ${drawing.fill}`;
    if (this.contours === contours && this.key === key) return;
    Object.assign(this, { contours, key });
    this.#clear(grid);
    const classes = REASON_CLASSES.map((_, i) => REASON_CLASSES.length - 1 - i).filter(
      (kind) => drawing.shown[kind],
    );
    const inks = CLASS_COLOURS.map((hex) => rgb(hex));
    const ink = (/** @type {number} */ kind, /** @type {number} */ alpha) =>
      pixel(inks[kind][0], inks[kind][1], inks[kind][2], alpha);
    if (drawing.fill)
      for (const kind of classes) this.#fill(grid, contours.fills[kind], turned, ink(kind, FILL_ALPHA));
    const edges = classes.map((kind) => projected(grid, contours.edges[kind]));
    for (const each of edges) this.#edges(grid, each, thin, thin, RIM);
    edges.forEach((each, i) => this.#edges(grid, each, thin, 0, ink(classes[i], 255)));
    this.ctx.putImageData(/** @type {ImageData} */ (this.image), 0, 0);
  }

  /** @param {Grid} grid */
  #clear({ width, height }) {
    if (this.image?.width === width && this.image.height === height) return void this.data.fill(0);
    Object.assign(this.canvas, { width, height });
    this.image = new ImageData(width, height);
    this.data = new Uint32Array(this.image.data.buffer);
  }

  /** @param {Grid} grid @param {Int32Array} fills @param {boolean} turned @param {number} ink */
  #fill(grid, fills, turned, ink) {
    for (let i = 0; i < fills.length; i += 4) {
      const along = fills[i];
      const across = fills[i + 1];
      const length = fills[i + 2];
      if (turned) this.#rect(grid, grid.x(across), grid.y(along), grid.x(across + 1), grid.y(along + length), ink);
      else this.#rect(grid, grid.x(along), grid.y(across), grid.x(along + length), grid.y(across + 1), ink);
    }
  }

  /**
   * @param {Grid} grid
   * @param {Int32Array} edges  whole pixels: left, top, right, bottom
   * @param {number} thin
   * @param {number} rim
   * @param {number} ink
   */
  #edges({ width, height }, edges, thin, rim, ink) {
    const { data } = this;
    for (let i = 0; i < edges.length; i += 4) {
      const left = edges[i] - rim < 0 ? 0 : edges[i] - rim;
      const right = edges[i + 2] + thin + rim > width ? width : edges[i + 2] + thin + rim;
      const bottom = edges[i + 3] + thin + rim > height ? height : edges[i + 3] + thin + rim;
      for (let y = edges[i + 1] - rim < 0 ? 0 : edges[i + 1] - rim; y < bottom; y++) {
        for (let at = y * width + left, end = y * width + right; at < end; at++) data[at] = ink;
      }
    }
  }

  /**
   * @param {Grid} grid
   * @param {number} left
   * @param {number} top
   * @param {number} right
   * @param {number} bottom
   * @param {number} ink
   */
  #rect({ width, height }, left, top, right, bottom, ink) {
    const { data } = this;
    const from = left < 0 ? 0 : left;
    const to = right > width ? width : right;
    const last = bottom > height ? height : bottom;
    for (let y = top < 0 ? 0 : top; y < last; y++) {
      for (let at = y * width + from, end = y * width + to; at < end; at++) data[at] = ink;
    }
  }
}

/**
 * Edges in whole device pixels, those that are seen.
 * @param {Grid} grid
 * @param {Int32Array} edges
 * @returns {Int32Array}
 */
function projected({ xs, ys, width, height }, edges) {
  const out = new Int32Array((edges.length / 5) * 4);
  let size = 0;
  for (let i = 0; i < edges.length; i += 5) {
    const left = Math.round(edges[i] * xs.scale + xs.start);
    const top = Math.round(edges[i + 1] * ys.scale + ys.start);
    const right = Math.round(edges[i + 2] * xs.scale + xs.start);
    const bottom = Math.round(edges[i + 3] * ys.scale + ys.start);
    if (right < -8 || bottom < -8 || left > width + 8 || top > height + 8) continue;
    out[size] = left;
    out[size + 1] = top;
    out[size + 2] = right;
    out[size + 3] = bottom;
    size += 4;
  }
  return out.subarray(0, size);
}

/**
 * One blob, stronger than the others.
 * @param {CanvasRenderingContext2D} ctx
 * @param {Grid} grid
 * @param {Contours} contours
 * @param {Drawing} drawing
 * @param {boolean} turned
 * @param {number} thin
 * @param {number} row
 */
function standOut(ctx, grid, contours, drawing, turned, thin, row) {
  REASON_CLASSES.forEach((_, kind) => {
    if (!drawing.shown[kind] && row !== drawing.chosen) return;
    const area = new Path2D();
    const fills = contours.fills[kind];
    for (let i = 0; i < fills.length; i += 4) {
      if (fills[i + 3] !== row) continue;
      const [x, y, w, h] = turned
        ? [fills[i + 1], fills[i], 1, fills[i + 2]]
        : [fills[i], fills[i + 1], fills[i + 2], 1];
      area.rect(grid.x(x), grid.y(y), grid.x(x + w) - grid.x(x), grid.y(y + h) - grid.y(y));
    }
    ctx.fillStyle = CLASS_COLOURS[kind];
    ctx.globalAlpha = 0.28;
    ctx.fill(area);
    ctx.globalAlpha = 1;
    const path = pathOf(grid, contours.edges[kind], thin, row);
    ctx.lineCap = "square";
    stroke(ctx, path, "rgb(0 0 0 / 80%)", 4 * thin);
    stroke(ctx, path, row === drawing.chosen ? "#ffffff" : CLASS_COLOURS[kind], 2 * thin);
  });
}

/** @param {Grid} grid @param {Int32Array} edges @param {number} thin @param {number} only */
function pathOf(grid, edges, thin, only) {
  const path = new Path2D();
  const half = (thin % 2) / 2;
  for (let i = 0; i < edges.length; i += 5) {
    if (edges[i + 4] !== only) continue;
    path.moveTo(grid.x(edges[i]) + half, grid.y(edges[i + 1]) + half);
    path.lineTo(grid.x(edges[i + 2]) + half, grid.y(edges[i + 3]) + half);
  }
  return path;
}

/** @param {CanvasRenderingContext2D} ctx @param {Path2D} path @param {string} colour @param {number} width */
function stroke(ctx, path, colour, width) {
  ctx.strokeStyle = colour;
  ctx.lineWidth = width;
  ctx.stroke(path);
}
