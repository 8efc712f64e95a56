// A picture with zoom and pan, contrast from a lookup table, overlays and a crosshair.

import { atNextFrame, contextOf } from "./dom.js";
import { drawCrosshair, listen } from "./image_pointer.js";
import { Raster, seen } from "./raster.js";
import { counters, timings } from "./state.js";
import { colour, onTheme } from "./theme.js";

/**
 * @typedef {{x: number, y: number, row: number, col: number, inside: boolean, event: MouseEvent}} Point
 * x, y: CSS pixels in the view; row, col: whole pixel of the picture there
 * @typedef {{x0: number, y0: number, sx: number, sy: number}} View
 * x0, y0: picture coordinates of the view's corner; sx, sy: CSS pixels per pixel of the picture.
 * Pixel (row, col) covers [col, col+1) x [row, row+1).
 * @typedef {(ctx: CanvasRenderingContext2D, view: ImageView) => void} Overlay
 * @typedef {Object} ImageOptions
 * @property {(point: Point|null) => void} [onCursor]  the pointer is over a pixel, or left
 * @property {(point: Point) => void} [onClick]  pressed and released without moving
 * @property {(phase: "down"|"move"|"up", point: Point) => boolean|void} [onDrag]  true for
 *   "down" takes the drag, else the picture is panned
 * @property {(point: Point) => string} [onHover]  CSS cursor over a point
 * @property {(view: View) => void} [onView]  zoomed, panned or fitted, but not by `setView`
 * @property {() => void} [onResize]  the size changed while zoomed or linked
 * @property {Overlay[]} [overlays]  drawn in
 *   order on top; the context is in CSS pixels, `view.inPicture(ctx)` changes it to picture coordinates and
 *   `view.onScreen(ctx)` back
 * @property {boolean} [stretch]  fill the view with both axes on their own scale (sections)
 * @property {boolean} [zoomX]  wheel zooms along x (default true)
 * @property {boolean} [zoomY]
 * @property {string} [label]  for screen readers
 */

export class ImageView {
  /**
   * @param {HTMLElement} host  gets two canvases; its size is the view's
   * @param {ImageOptions} [options]
   */
  constructor(host, options = {}) {
    this.host = host;
    this.options = { zoomX: true, zoomY: true, overlays: [], ...options };
    /** @type {Raster|null} */
    this.raster = null;
    /** @type {import("./types.js").Look} */
    this.look = { low: 0, high: 1, map: "grey", curve: "linear" };
    /** @type {{row: number, col: number}|null} */
    this.crosshair = null;
    /** Whole extent in picture coordinates; the raster may be a part of it. */
    this.extent = { left: 0, top: 0, width: 1, height: 1 };
    this.origin = { row: 0, col: 0, step: 1 };
    /** @type {View} */
    this.view = { x0: 0, y0: 0, sx: 1, sy: 1 };
    this.fitted = true;
    this.size = { width: 0, height: 0 };
    this.base = canvas(host);
    this.top = canvas(host);
    this.ctx = contextOf(this.base, { alpha: false });
    this.over = contextOf(this.top);
    this.store = document.createElement("canvas");
    this.storeCtx = contextOf(this.store, { willReadFrequently: true });
    this.dirty = { base: false, top: false };
    this.plan = atNextFrame(() => this.#paintWhatIsDirty());
    host.classList.add("image");
    host.tabIndex = 0;
    host.setAttribute("role", "img");
    if (options.label) host.setAttribute("aria-label", options.label);
    this.watcher = new ResizeObserver(() => this.#resize());
    this.watcher.observe(host);
    this.stopTheme = onTheme(() => this.draw());
    listen(this);
  }

  /** Stop listening; the host may be thrown away. */
  destroy() {
    this.watcher.disconnect();
    this.stopTheme();
  }

  /**
   * Show an array [rows, cols] of 16-bit values (others are brought to 16 bit), or of finished pixels (Uint32).
   * @param {import("./raster.js").Numbered|null} array
   * @param {{reduce?: "max"|"mean", origin?: {row?: number, col?: number, step?: number},
   *   extent?: {left?: number, top?: number, width: number, height: number}}} [options]  origin: where it lies in
   *   the picture and how many of its pixels one value stands for; extent: of the whole picture
   */
  setArray(array, { reduce = "max", origin = {}, extent } = {}) {
    this.raster = array && new Raster(array, reduce);
    this.origin = { row: 0, col: 0, step: 1, ...origin };
    const [rows, cols] = array?.shape ?? [1, 1];
    const { step } = this.origin;
    const next = { left: 0, top: 0, width: cols * step, height: rows * step, ...extent };
    const sides = /** @type {const} */ (["left", "top", "width", "height"]);
    const moved = sides.some((side) => next[side] !== this.extent[side]);
    this.extent = next;
    if (moved && this.fitted) this.fit();
    this.draw();
  }

  /**
   * Painted at once, not at the next frame of the display: a dragged handle never lags.
   * @param {Partial<import("./types.js").Look>} look  low and high in counts
   */
  setLook(look) {
    this.look = { ...this.look, ...look };
    if (!this.size.width || !this.raster) return;
    this.#paint();
    this.dirty.base = false;
  }

  /** @param {{row: number, col: number}|null} place */
  setCrosshair(place) {
    this.crosshair = place;
    this.drawOverlays();
  }

  /** How the picture is zoomed, as the state keeps it; null: fitted. */
  get zoomed() {
    return this.fitted ? null : { x0: this.view.x0, y0: this.view.y0, scale: this.view.sx };
  }

  /**
   * Take a zoom of the state.
   * @param {{x0: number, y0: number, scale: number}} zoom
   * @returns {boolean} whether it was another one
   */
  takeZoom({ x0, y0, scale }) {
    const { view } = this;
    if (view.x0 === x0 && view.y0 === y0 && view.sx === scale) return false;
    this.setView({ x0, y0, sx: scale, sy: scale });
    return true;
  }

  /** @param {Partial<View>} view  e.g. only x0 and sx, from a linked view */
  setView(view) {
    this.view = { ...this.view, ...view };
    this.fitted = false;
    this.draw();
  }

  /** Show all of the picture. */
  fit() {
    const { left, top, width, height } = this.extent;
    let sx = this.size.width / width || 1;
    let sy = this.size.height / height || 1;
    if (!this.options.stretch) sx = sy = Math.min(sx, sy);
    this.view = {
      sx,
      sy,
      x0: left - (this.size.width / sx - width) / 2,
      y0: top - (this.size.height / sy - height) / 2,
    };
    this.fitted = true;
    this.draw();
    this.options.onView?.(this.view);
  }

  /**
   * @param {number} factor
   * @param {{x: number, y: number}} [at]  stays where it is; default: the middle
   */
  zoom(factor, at = { x: this.size.width / 2, y: this.size.height / 2 }) {
    const { x0, y0, sx, sy } = this.view;
    const smallest = 0.5 * Math.min(this.size.width / this.extent.width, this.size.height / this.extent.height);
    const limited = (/** @type {number} */ s, /** @type {boolean|undefined} */ on) =>
      on ? Math.min(80, Math.max(smallest, s * factor)) : s;
    const [nx, ny] = [limited(sx, this.options.zoomX), limited(sy, this.options.zoomY)];
    this.#moved({ sx: nx, sy: ny, x0: x0 + at.x / sx - at.x / nx, y0: y0 + at.y / sy - at.y / ny });
  }

  /** Move the picture by CSS pixels. @param {number} dx @param {number} dy */
  pan(dx, dy) {
    const { x0, y0, sx, sy } = this.view;
    this.#moved({ sx, sy, x0: x0 - dx / sx, y0: y0 - dy / sy });
  }

  /** @param {View} view */
  #moved(view) {
    const { left, top, width, height } = this.extent;
    const keep = (
      /** @type {number} */ at,
      /** @type {number} */ from,
      /** @type {number} */ length,
      /** @type {number} */ seen,
    ) => Math.min(from + length - seen / 4, Math.max(from - (3 * seen) / 4, at));
    view.x0 = keep(view.x0, left, width, this.size.width / view.sx);
    view.y0 = keep(view.y0, top, height, this.size.height / view.sy);
    this.view = view;
    this.fitted = false;
    this.draw();
    this.options.onView?.(view);
  }

  /** Picture coordinates (not rounded) to CSS pixels of the view. @param {number} col @param {number} row */
  toScreen(col, row) {
    return { x: (col - this.view.x0) * this.view.sx, y: (row - this.view.y0) * this.view.sy };
  }

  /** @param {number} x @param {number} y  CSS pixels of the view */
  toPicture(x, y) {
    return { col: this.view.x0 + x / this.view.sx, row: this.view.y0 + y / this.view.sy };
  }

  /**
   * Value in counts at a pixel of the picture; null where there is none.
   * @param {number} row
   * @param {number} col
   */
  valueAt(row, col) {
    const r = Math.floor((row - this.origin.row) / this.origin.step);
    const c = Math.floor((col - this.origin.col) / this.origin.step);
    const { raster } = this;
    return raster && r >= 0 && c >= 0 && r < raster.rows && c < raster.cols ? raster.value(r, c) : null;
  }

  /** Coordinates of an overlay's context: those of the picture. @param {CanvasRenderingContext2D} ctx */
  inPicture(ctx) {
    const ratio = devicePixelRatio;
    const { x0, y0, sx, sy } = this.view;
    ctx.setTransform(sx * ratio, 0, 0, sy * ratio, -x0 * sx * ratio, -y0 * sy * ratio);
  }

  /** Coordinates of an overlay's context: CSS pixels. @param {CanvasRenderingContext2D} ctx */
  onScreen(ctx) {
    ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  }

  /** Draw all at the next frame of the display. */
  draw() {
    this.dirty.base = true;
    this.drawOverlays();
  }

  /** Draw overlays and crosshair only. */
  drawOverlays() {
    this.dirty.top = true;
    this.plan();
  }

  #paintWhatIsDirty() {
    if (!this.size.width) return;
    if (this.dirty.base) this.#paint();
    if (this.dirty.top) this.#paintOverlays();
    this.dirty.base = this.dirty.top = false;
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    const before = this.size;
    this.size = { width, height };
    for (const each of [this.base, this.top]) {
      each.width = Math.round(width * devicePixelRatio);
      each.height = Math.round(height * devicePixelRatio);
    }
    if (this.fitted) this.fit();
    else if (before.width && !this.options.stretch) {
      this.view.x0 += (before.width - width) / 2 / this.view.sx;
      this.view.y0 += (before.height - height) / 2 / this.view.sy;
      this.draw();
      this.options.onView?.(this.view);
    } else {
      this.draw();
      this.options.onResize?.();
    }
  }

  #paint() {
    const began = performance.now();
    const { ctx, raster } = this;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = colour("--picture");
    ctx.fillRect(0, 0, this.base.width, this.base.height);
    if (!raster) return;
    const part = seen(raster, this);
    if (!part) return;
    raster.lookup(this.look);
    const image = raster.pixels(part);
    if (this.store.width < image.width || this.store.height < image.height) {
      this.store.width = Math.max(this.store.width, image.width);
      this.store.height = Math.max(this.store.height, image.height);
    }
    this.storeCtx.putImageData(image, 0, 0);
    const { x, y, width, height } = part.place;
    ctx.imageSmoothingEnabled = Math.min(width / image.width, height / image.height) < 1;
    ctx.drawImage(this.store, 0, 0, image.width, image.height, x, y, width, height);
    counters.draw++;
    timings.draw = performance.now() - began;
  }

  #paintOverlays() {
    const { over: ctx, crosshair } = this;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, this.top.width, this.top.height);
    for (const overlay of this.options.overlays ?? []) {
      this.onScreen(ctx);
      ctx.save();
      overlay(ctx, this);
      ctx.restore();
    }
    this.onScreen(ctx);
    if (crosshair) drawCrosshair(ctx, this, crosshair);
  }
}

/** @param {HTMLElement} host */
function canvas(host) {
  const element = document.createElement("canvas");
  host.append(element);
  return element;
}
