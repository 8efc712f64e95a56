// Many dots fast: stamped into pixels, with soft edges, some large and some small.

import { contextOf } from "../lib/dom.js";

/** Dots come in this many sizes. */
export const SIZES = 7;

/** @typedef {{size: number, cover: Uint8Array}} Stamp  square of size x size, 0 to 255 */

/** @type {Map<number, Stamp>} */
const stamps = new Map();

/** @param {number} radius  device pixels */
function stamp(radius) {
  const key = Math.round(radius * 8);
  let found = stamps.get(key);
  if (!found) {
    const reach = Math.ceil(radius + 0.5);
    const size = 2 * reach + 1;
    const cover = new Uint8Array(size * size);
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        cover[y * size + x] = 255 * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x - reach, y - reach)));
    found = { size, cover };
    stamps.set(key, found);
  }
  return found;
}

/** Sizes 0 to 4 by rank of the square root of intensity: bright spots are large. @param {Float32Array} intensity */
export function sizesOf(intensity) {
  const sorted = Float32Array.from(intensity).sort();
  const edges = [0.35, 0.65, 0.86, 0.96].map((part) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
  return Uint8Array.from(intensity, (v) => edges.filter((edge) => v > edge).length);
}

export class Scatter {
  constructor() {
    this.store = document.createElement("canvas");
    this.ctx = contextOf(this.store, { willReadFrequently: true });
    /** @type {ImageData|null} */
    this.image = null;
  }

  /**
   * Draw onto another canvas, whose transform is left alone.
   * @param {CanvasRenderingContext2D} ctx
   * @param {{x: Float32Array, y: Float32Array, size: Uint8Array, colour: Uint32Array, order: Uint32Array, strength:
   *   Uint8Array}} dots
   *   in picture coordinates; colour: as pixels are stored; strength by dot, 0 (nothing) to 255
   * @param {{x0: number, y0: number, sx: number, sy: number}} view
   * @param {number} radius  of the middle size, CSS pixels
   */
  draw(ctx, { x, y, size, colour, order, strength }, view, radius) {
    const { width, height } = ctx.canvas;
    if (!width || !height) return;
    if (this.store.width !== width || this.store.height !== height || !this.image) {
      Object.assign(this.store, { width, height });
      this.image = new ImageData(width, height);
    }
    const out = new Uint32Array(this.image.data.buffer);
    out.fill(0);
    const ratio = devicePixelRatio;
    const marks = Array.from({ length: SIZES }, (_, i) => stamp(radius * ratio * (0.68 + 0.2 * i)));
    const [sx, sy] = [view.sx * ratio, view.sy * ratio];
    for (let k = 0; k < order.length; k++) {
      const i = order[k];
      const much = strength[i];
      if (!much) continue;
      const { size: wide, cover } = marks[size[i]];
      const left = Math.round((x[i] - view.x0) * sx - wide / 2);
      const top = Math.round((y[i] - view.y0) * sy - wide / 2);
      if (!(left > -wide && top > -wide && left < width && top < height)) continue;
      const ink = colour[i] & 0xffffff;
      const [r, g, b] = [ink & 255, (ink >> 8) & 255, ink >> 16];
      const [x0, x1] = [Math.max(0, -left), Math.min(wide, width - left)];
      for (let v = Math.max(0, -top), end = Math.min(wide, height - top); v < end; v++) {
        let at = (top + v) * width + left + x0;
        for (let u = x0; u < x1; u++, at++) {
          const a = (cover[v * wide + u] * much) / 255;
          if (a < 4) continue;
          const below = out[at];
          if (a > 250 || below === 0) {
            out[at] = ((a << 24) | ink) >>> 0;
            continue;
          }
          const p = a / 255;
          const q = 1 - p;
          const alpha = a + q * (below >>> 24);
          out[at] =
            ((alpha << 24) |
              ((p * b + q * ((below >> 16) & 255)) << 16) |
              ((p * g + q * ((below >> 8) & 255)) << 8) |
              (p * r + q * (below & 255))) >>>
            0;
        }
      }
    }
    this.ctx.putImageData(this.image, 0, 0);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(this.store, 0, 0);
    ctx.restore();
  }
}

/**
 * The dot nearest to a place of the view.
 * @param {{x: Float32Array, y: Float32Array, strength: Uint8Array}} dots
 * @param {{x0: number, y0: number, sx: number, sy: number}} view
 * @param {number} px @param {number} py  CSS pixels
 * @param {number} within  CSS pixels
 */
export function nearestDot({ x, y, strength }, view, px, py, within) {
  let least = within * within;
  let best = -1;
  for (let i = 0; i < x.length; i++) {
    if (!strength[i]) continue;
    const dx = (x[i] - view.x0) * view.sx - px;
    const dy = (y[i] - view.y0) * view.sy - py;
    const away = dx * dx + dy * dy;
    if (away < least) [least, best] = [away, i];
  }
  return best;
}
