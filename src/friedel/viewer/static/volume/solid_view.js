// The 3D view of the map: turned, moved and zoomed by mouse and keys, drawn coarsely while that lasts.

import { atNextFrame, contextOf, el } from "../lib/dom.js";
import { onTheme } from "../lib/theme.js";
import { Camera } from "./camera.js";
import { fieldOf, firstVoxel } from "./field.js";
import { GlView } from "./gl_view.js";
import { drawMarks } from "./marks.js";
import { listenTo } from "./pointer.js";
import { SoftView } from "./soft_view.js";

const SETTLE_MS = 140;
const SLOW_MS = 45;
const SLICE_MS = 40;
/** More rays are not worth their time: pixels are small then. */
const MOST_RAYS = 14e6;
/**
 * Qualities of a drawing, the least first: rays a pixel along one side, width of the splines, part of the pixels.
 */
const QUALITIES = [
  { fine: 1, spread: 0, part: 0.5, coarse: 6 },
  { fine: 1, spread: 0, part: 0.75, coarse: 5 },
  { fine: 1, spread: 1, part: 1, coarse: 4 },
  { fine: 2, spread: 1, part: 1, coarse: 3 },
];
/** Where a processor does the work of a graphics card, something good comes before the best. */
const MIDDLE = { fine: 1, spread: 1.6, part: 1, coarse: 3 };
const BEST = { fine: 2, spread: 1.6, part: 1, coarse: 2 };

/**
 * @typedef {import("./field.js").Hit} Hit
 * @typedef {Object} Options
 * @property {(voxel: Hit|null) => void} [onHover]
 * @property {(voxel: Hit|null) => void} [onPick]  clicked
 * @property {(pose: import("./camera.js").Pose) => void} [onTurn]
 * @property {(still: boolean) => void} [onDraw]  a picture is complete; still: the best one
 */

export class SolidView {
  /** @param {HTMLElement} host @param {Options} [options] */
  constructor(host, options = {}) {
    this.host = host;
    this.options = options;
    this.canvas = el("canvas.solid");
    this.top = el("canvas.solid-marks");
    host.append(this.canvas, this.top);
    host.tabIndex = 0;
    host.setAttribute("role", "img");
    this.context = contextOf(this.canvas);
    /** @type {GlView|SoftView} */
    this.renderer = renderer();
    /** Of the view, in CSS pixels. */
    this.width = 0;
    this.height = 0;
    /** @type {import("./field.js").Labels|null} */
    this.labels = null;
    /** @type {import("./field.js").Field|null} */
    this.field = null;
    this.bestDone = false;
    this.camera = new Camera([1, 1, 1]);
    this.statuses = [false, true, true, true];
    this.only = 0;
    this.voxel_um = 1;
    /** @type {import("./gl_view.js").Scene} */
    this.scene = {
      low: [0, 0, 0],
      high: [1, 1, 1],
      cutLow: [0, 0, 0],
      cutHigh: [0, 0, 0],
      byStatus: false,
      chosen: 0,
      hovered: 0,
      cross: [0, 0, 0],
      crossed: 0,
      line: [0.07, 0.09, 0.11],
      accent: [1, 1, 1],
    };
    this.moving = this.renderer.software ? 0 : 2;
    this.paintSoon = atNextFrame(() => this.#paint());
    this.settling = 0;
    /** @type {(number|typeof BEST)[]} */
    this.queue = [];
    /** @type {Generator|null} */
    this.current = null;
    this.visible = true;
    this.timings = { moving: 0, still: 0 };
    new ResizeObserver(() => this.#resize()).observe(host);
    onTheme(() => this.draw());
    listenTo(this);
  }

  /** @param {import("./field.js").Labels} labels @param {number} voxel_um */
  setLabels(labels, voxel_um) {
    if (!this.renderer.holds(labels.shape)) this.renderer = new SoftView(document.createElement("canvas"));
    this.labels = labels;
    this.voxel_um = voxel_um;
    const size = [...labels.shape].reverse();
    const { pose } = this.camera;
    this.camera = new Camera(size);
    this.camera.pose = pose;
    Object.assign(this.scene, { low: [0, 0, 0], high: size });
    this.refill();
  }

  /** Show other voxels: after `statuses` or `only` changed. */
  refill() {
    if (!this.labels) return;
    this.field = fieldOf(this.labels, { statuses: this.statuses, only: this.only });
    this.renderer.setField(this.field, this.labels.status, this.labels.shape);
    this.draw();
  }

  /** @param {Uint8Array} rgba  by label */
  setPalette(rgba) {
    this.renderer.setPalette(rgba);
    this.draw();
  }

  /** @param {number[][]} colours  by code, 0 to 1 */
  setStatusColours(colours) {
    this.renderer.setStatusColours(colours);
  }

  /** @param {Partial<import("./gl_view.js").Scene>} scene */
  setScene(scene) {
    Object.assign(this.scene, scene);
    this.draw();
  }

  /** Draw at the next frame of the display: well, or quickly while something moves. @param {boolean} [quickly] */
  draw(quickly = false) {
    window.clearTimeout(this.settling);
    const { software } = this.renderer;
    this.#plan(quickly || software ? [this.moving] : [BEST]);
    if (quickly || software)
      this.settling = window.setTimeout(
        () => this.#plan(software ? [...this.queue, MIDDLE, BEST] : [BEST]),
        SETTLE_MS,
      );
  }

  /** Draw these, one after the other, instead of all that was planned. @param {(number|typeof BEST)[]} queue */
  #plan(queue) {
    this.queue = queue;
    this.current = null;
    this.paintSoon();
  }

  #paint() {
    if (!this.field || !this.width || !this.visible || !this.queue.length) return;
    const level = /** @type {number|typeof BEST} */ (this.queue.shift());
    const still = typeof level !== "number";
    const quality = still ? { ...level } : QUALITIES[level];
    const ratio = devicePixelRatio * quality.part;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (still && 4 * width * height > MOST_RAYS) quality.fine = 1;
    const { canvas } = this.renderer;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const bands = still && this.renderer.software ? 24 * quality.fine : 1;
    const work = this.renderer.draw(this.camera, this.scene, quality, bands);
    this.current = work;
    this.#go(work, still, 0);
  }

  /**
   * Some of the work; more at the next frame, unless something newer is to be drawn.
   * @param {Generator} work
   * @param {boolean} still
   * @param {number} spent
   */
  #go(work, still, spent) {
    const began = performance.now();
    let ended = false;
    while (!ended && performance.now() - began < SLICE_MS) ended = Boolean(work.next().done);
    this.renderer.finish();
    const took = spent + performance.now() - began;
    if (!ended) {
      requestAnimationFrame(() => this.current === work && this.#go(work, still, took));
      return;
    }
    this.#present();
    this.timings[still ? "still" : "moving"] = took;
    if (!still && took > SLOW_MS && this.moving > 0) this.moving--;
    if (!still && took < SLOW_MS / 4 && this.moving < QUALITIES.length - 1) this.moving++;
    drawMarks(this);
    this.bestDone = still && !this.queue.length;
    this.options.onDraw?.(this.bestDone);
    if (this.queue.length) this.#plan(this.queue);
  }

  /** The finished picture takes the place of the one before. */
  #present() {
    const { canvas } = this.renderer;
    if (this.canvas.width !== canvas.width || this.canvas.height !== canvas.height)
      Object.assign(this.canvas, { width: canvas.width, height: canvas.height });
    this.context.clearRect(0, 0, canvas.width, canvas.height);
    this.context.drawImage(canvas, 0, 0);
  }

  #resize() {
    const { clientWidth, clientHeight } = this.host;
    if (!clientWidth || !clientHeight) return;
    this.width = clientWidth;
    this.height = clientHeight;
    this.top.width = Math.round(clientWidth * devicePixelRatio);
    this.top.height = Math.round(clientHeight * devicePixelRatio);
    this.draw();
  }

  /** CSS pixels of a place in voxels. @param {number[]} place @param {import("./camera.js").Rays} [rays] */
  toScreen(place, rays = this.camera.rays(this.width, this.height)) {
    const away = place.map((v, k) => v - rays.start[k]);
    const along = (/** @type {number[]} */ axis) => away.reduce((sum, v, k) => sum + v * axis[k], 0) / rays.pixel;
    return { x: along(rays.right), y: this.height - along(rays.up) };
  }

  /** What is under a place of the view. @param {number} x @param {number} y  CSS pixels @returns {Hit|null} */
  voxelAt(x, y) {
    if (!this.field || !this.labels) return null;
    const rays = this.camera.rays(this.width, this.height);
    const from = rays.start.map((v, k) => v + x * rays.across[k] + (this.height - y) * rays.upwards[k]);
    return firstVoxel(this.field, this.labels.shape, { from, way: rays.forward, ...this.scene });
  }

  /**
   * The corner that is cut away when it shall be the one towards the viewer.
   * @returns {number[]} signs along x, y, z
   */
  facingCorner() {
    return this.camera.axes.forward.map((v) => (v < 0 ? 1 : -1));
  }

  /** @param {{x: number, y: number}|null} at */
  hover(at) {
    const found = at && this.voxelAt(at.x, at.y);
    const label = found?.label ?? 0;
    this.options.onHover?.(found);
    if (label === this.scene.hovered) return;
    this.scene.hovered = label;
    this.host.style.cursor = label ? "pointer" : "";
    if (!this.renderer.software) this.draw();
  }

  /** Turn by keys. @param {number} dx @param {number} dy  degrees */
  turn(dx, dy) {
    this.camera.turn(dx, dy);
    this.moved();
  }

  /** Move by CSS pixels. @param {number} dx @param {number} dy */
  pan(dx, dy) {
    const scale = this.camera.scale(this.width, this.height);
    const [x, y] = this.camera.pose.pan;
    this.camera.pose.pan = [x - dx * scale, y + dy * scale];
    this.moved();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.camera.zoom(factor);
    this.moved();
  }

  /** Look from where one looks at first, or from elsewhere. @param {Partial<import("./camera.js").Pose>} [pose] */
  reset(pose) {
    this.camera.reset(pose);
    this.moved();
  }

  moved() {
    this.options.onTurn?.(this.camera.pose);
    this.draw(true);
  }
}

/** On the graphics card where there is WebGL2 (an address with ?gl=0 does without). */
function renderer() {
  if (new URLSearchParams(location.search).get("gl") !== "0") {
    try {
      return new GlView(document.createElement("canvas"));
    } catch (error) {
      console.info(`3D without WebGL2: ${error}`);
    }
  }
  return new SoftView(document.createElement("canvas"));
}
