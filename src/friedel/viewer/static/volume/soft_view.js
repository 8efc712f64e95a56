// The 3D view where there is no WebGL2: the same rays, one by one and coarsely, drawn with Canvas2D.

import { contextOf } from "../lib/dom.js";
import { firstVoxel, PAD } from "./field.js";

/** @typedef {import("./field.js").Hit} Hit */

const LIGHTS = [
  [-0.35, -0.6, 0.72, 0.5],
  [0.6, -0.75, 0.25, 0.38],
];
const AMBIENT = 0.47;

export class SoftView {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.ctx = contextOf(canvas);
    this.store = document.createElement("canvas");
    this.name = "Canvas2D";
    this.software = true;
    /** @type {Uint8Array} */
    this.palette = new Uint8Array(4);
    /** @type {import("./field.js").Field|null} */
    this.field = null;
    /** @type {Uint8Array} */
    this.status = new Uint8Array(0);
    this.shape = [0, 0, 0];
    /** @type {number[][]} */
    this.statusColours = [];
  }

  holds() {
    return true;
  }

  /** @param {import("./field.js").Field} field @param {Uint8Array} status @param {number[]} shape */
  setField(field, status, shape) {
    this.field = field;
    this.status = status;
    this.shape = shape;
  }

  /** @param {Uint8Array} rgba */
  setPalette(rgba) {
    this.palette = rgba;
  }

  /** @param {number[][]} colours */
  setStatusColours(colours) {
    this.statusColours = colours;
  }

  finish() {}

  /**
   * @param {import("./camera.js").Camera} camera
   * @param {import("./gl_view.js").Scene} scene
   * @param {{coarse?: number}} quality  canvas pixels that one ray stands for, along one side
   * @param {number} bands  steps that it takes
   */
  *draw(camera, scene, { coarse = 3 }, bands) {
    const { canvas, field, shape } = this;
    if (!field) return;
    const [width, height] = [Math.ceil(canvas.width / coarse), Math.ceil(canvas.height / coarse)];
    const rays = camera.rays(width, height, camera.scale(canvas.width, canvas.height) * coarse);
    /** @type {(Hit|null)[]} */
    const met = new Array(width * height);
    for (let row = 0; row < height; row++) {
      for (let col = 0; col < width; col++) {
        const from = rays.start.map(
          (v, k) => v + (col + 0.5) * rays.across[k] + (height - row - 0.5) * rays.upwards[k],
        );
        met[row * width + col] = firstVoxel(field, shape, { from, way: rays.forward, ...scene });
      }
      if (bands > 1 && row % Math.ceil(height / bands) === 0) yield;
    }
    const image = new ImageData(width, height);
    for (let i = 0; i < met.length; i++) this.#shade(image.data, i, met, width, rays, scene);
    this.store.width = width;
    this.store.height = height;
    contextOf(this.store).putImageData(image, 0, 0);
    this.ctx.clearRect(0, 0, canvas.width, canvas.height);
    this.ctx.imageSmoothingEnabled = true;
    this.ctx.drawImage(this.store, 0, 0, width * coarse, height * coarse);
  }

  /**
   * @param {Uint8ClampedArray} out
   * @param {number} i
   * @param {(Hit|null)[]} met
   * @param {number} width
   * @param {import("./camera.js").Rays} rays
   * @param {import("./gl_view.js").Scene} scene
   */
  #shade(out, i, met, width, rays, scene) {
    const hit = met[i];
    if (!hit) return;
    const normal = this.#normal(hit, rays.forward);
    let light = AMBIENT;
    for (const [across, away, above, strength] of LIGHTS) {
      const to = [0, 1, 2].map((k) => across * rays.right[k] + away * rays.forward[k] + above * rays.up[k]);
      light += strength * Math.max(0, normal.reduce((sum, n, k) => sum + n * to[k], 0) / Math.hypot(...to));
    }
    const state = this.status[(hit.z * this.shape[1] + hit.y) * this.shape[2] + hit.x];
    const own = this.palette.subarray(4 * hit.label, 4 * hit.label + 3);
    let colour = scene.byStatus ? this.statusColours[state].map((v) => 255 * v) : [...own];
    colour = colour.map((v) => v * light);
    const [beside, below] = [met[i + 1], met[i + width]];
    const other = [beside, below].find((b) => b && b.label !== hit.label && Math.abs(b.depth - hit.depth) < 4);
    if (other) colour = colour.map((v, k) => 0.4 * v + 0.6 * 255 * scene.line[k]);
    if (scene.chosen && hit.label !== scene.chosen) {
      const grey = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2];
      colour = colour.map((v) => 0.38 * v + 0.62 * (0.9 * grey + 12));
    }
    if (scene.hovered === hit.label) colour = colour.map((v) => 1.12 * v + 12);
    out.set([...colour, 255], 4 * i);
  }

  /** From the smoothed map, or that of the face where it is cut. @param {Hit} hit @param {number[]} forward */
  #normal({ x, y, z, axis }, forward) {
    const { padded, solid } = /** @type {import("./field.js").Field} */ (this.field);
    const [, rows, cols] = padded;
    const i = ((z + PAD) * rows + y + PAD) * cols + x + PAD;
    const slope = [1, cols, rows * cols].map((step) => solid[i - step] - solid[i + step]);
    const length = Math.hypot(...slope);
    if (length > 60) return slope.map((v) => v / length);
    return [0, 1, 2].map((k) => (k === axis ? -Math.sign(forward[k]) : 0));
  }
}
