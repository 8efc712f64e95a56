// The frame and the sections through the cursor with blobs on them: x–omega below, y–omega beside, one zoom.

import { caveatOf, frameSource } from "../lib/frame_source.js";
import { ImageView } from "../lib/image.js";
import { sections } from "../lib/sections.js";
import * as state from "../lib/state.js";
import { drawContours } from "./contour_layer.js";
import { drawExcluded } from "./excluded.js";

/**
 * @typedef {import("./solver.js").Side} Side
 * @typedef {import("../lib/types.js").Voxel} Voxel
 * @typedef {{voxel: Voxel, side: Side, value: number|null}} Hit
 */

/** Sections of long scans are outlined in pieces of so many frames, so that zooming along omega asks for nothing. */
const PIECE = 256;

/** So many frames are seen on a section at first. */
const DEPTH = 120;

export class SegmentViews {
  /**
   * @param {{frame: HTMLElement, row: HTMLElement, col: HTMLElement, chip: HTMLElement}} hosts
   * @param {import("../lib/types.js").App} app
   * @param {{contours: (side: Side) => import("./contours.js").Contours|undefined,
   *   drawing: () => import("./contour_layer.js").Drawing|null, excluded: () => number[][], onHover: (hit:
   *   Hit|null) => void,
   *   onPick: (hit: Hit) => void, onMoved: () => void, onView: () => void, onFrame: (frame: any, view: ImageView)
   *   => void}} hooks
   *   onMoved: pictures show another place; onView: the frame's zoom changed; onFrame: a frame is on screen
   */
  constructor(hosts, app, hooks) {
    this.app = app;
    this.hooks = hooks;
    this.hosts = hosts;
    const overlay =
      (/** @type {Side} */ side) =>
      (/** @type {CanvasRenderingContext2D} */ ctx, /** @type {ImageView} */ view) => {
        const [contours, drawing] = [hooks.contours(side), hooks.drawing()];
        if (contours && drawing) drawContours(ctx, view, contours, drawing, side === "col");
      };
    this.picture = new ImageView(hosts.frame, {
      label: "Clean frame with the blobs that were found",
      overlays: [(ctx, view) => drawExcluded(ctx, view, hooks.excluded()), overlay("frame")],
      onCursor: (p) => hooks.onHover(p && this.#hit("frame", { frame: state.get().frame, row: p.row, col: p.col })),
      onClick: (p) => hooks.onPick(this.#hit("frame", { frame: state.get().frame, row: p.row, col: p.col })),
      onView: () => this.#zoomed(),
    });
    this.cuts = sections({
      x: hosts.row,
      y: hosts.col,
      picture: this.picture,
      kind: () => "clean",
      overlaysX: [overlay("row")],
      overlaysY: [overlay("col")],
      onError: app.complain,
      onSpan: () => {
        if (!this.deep) queueMicrotask(() => this.#followFrame());
        hooks.onView();
      },
      onCursor: (place) => hooks.onHover(place && { voxel: place, side: this.#sideOf(place), value: place.value }),
      onClick: ({ frame, row, col }) =>
        hooks.onPick(
          this.#hit(row === null ? "row" : "col", {
            frame,
            row: row ?? this.cursor().row,
            col: col ?? this.cursor().col,
          }),
        ),
    });
    this.source = frameSource((frame) => this.#shown(frame), app.complain);
  }

  /** @param {Voxel} place */
  #sideOf(place) {
    return /** @type {Side} */ (place.row === this.cursor().row ? "row" : "col");
  }

  /** @param {Side} side @param {Voxel} voxel @returns {Hit} */
  #hit(side, voxel) {
    const value = side === "frame" ? this.picture.valueAt(voxel.row, voxel.col) : null;
    return { voxel, side, value };
  }

  /** Counts at a place of the frame. @param {{row: number, col: number}} place */
  valueAt({ row, col }) {
    return this.picture.raster ? this.picture.valueAt(row, col) : null;
  }

  /** What the pictures show, as outlines are asked for. @returns {import("./solver.js").Place[]} */
  places() {
    const { frame } = state.get();
    const { frames } = state.scanShape();
    const { row, col } = this.cursor();
    const { from, to } = this.cuts.span();
    const whole = frames <= 3 * PIECE;
    const start = whole ? 0 : Math.max(0, Math.floor(from / PIECE) * PIECE);
    const stop = whole ? frames : Math.min(frames, Math.ceil(to / PIECE) * PIECE);
    return [
      { side: "frame", at: frame, start: 0, stop: 0 },
      { side: "row", at: row, start, stop },
      { side: "col", at: col, start, stop },
    ];
  }

  /** Where the sections go through. */
  cursor() {
    return state.get().cursor ?? { row: 0, col: 0 };
  }

  /**
   * Ask for all that the state wants to be seen.
   * @param {{anew?: boolean, moving?: boolean}} [how]  anew: also what is here
   */
  load({ anew = false, moving = false } = {}) {
    const { frame } = state.get();
    if (anew) this.source.forget();
    this.source.show("clean", frame, moving);
    if (state.get().cursor) this.cuts.load(anew); // else the first frame says where
    this.#followFrame();
    this.picture.setCrosshair(state.get().cursor);
  }

  /** @param {import("../lib/frame_source.js").Frame} frame */
  #shown(frame) {
    const scan = state.scanShape();
    this.frame = frame;
    this.#takeZoom(); // before there is a picture, or it would be fitted and the zoom forgotten
    this.picture.setArray(frame, {
      reduce: "max",
      origin: { step: frame.step },
      extent: { width: scan.cols, height: scan.rows },
    });
    const said = caveatOf(frame);
    this.hosts.chip.textContent = said;
    this.hosts.chip.hidden = !said;
    this.hooks.onFrame(frame, this.picture);
    this.place();
    this.hooks.onMoved();
  }

  /** Take the zoom from the state, as other pages or the address set it. */
  place() {
    if (state.get().zoom) this.#takeZoom();
    else if (!this.picture.fitted) this.picture.fit();
    this.cuts.sync();
  }

  #takeZoom() {
    const { zoom } = state.get();
    if (zoom) this.picture.takeZoom(zoom);
  }

  #zoomed() {
    if (!this.picture.raster) return;
    state.set({ zoom: this.picture.zoomed });
    this.cuts.sync();
    this.hooks.onView();
  }

  /** Show a voxel in the middle where it is not well inside already. @param {Voxel} voxel */
  reveal({ row, col }) {
    const { size, view } = this.picture;
    const { x, y } = this.picture.toScreen(col, row);
    const inside = x > 0.1 * size.width && x < 0.9 * size.width && y > 0.1 * size.height && y < 0.9 * size.height;
    if (!inside)
      state.set({
        zoom: { x0: col - size.width / view.sx / 2, y0: row - size.height / view.sy / 2, scale: view.sx },
      });
  }

  /** Sections of long scans begin with the frames around this one, and go along with it. */
  #followFrame() {
    const { xomega } = this.cuts;
    const { frame } = state.get();
    const { from, to } = this.cuts.span();
    if (!xomega.raster || !xomega.size.height) return;
    const deep = this.deep;
    this.deep = true;
    if (!deep && to - from > 1.5 * DEPTH) xomega.zoom((to - from) / DEPTH, { x: 0, y: xomega.toScreen(0, frame).y });
    const y = xomega.toScreen(0, frame + 0.5).y;
    const { height } = xomega.size;
    if (y >= 0.1 * height && y <= 0.9 * height) return;
    const { y0, sy } = xomega.view;
    const most = Math.max(0, state.scanShape().frames - height / sy);
    const wanted = Math.min(most, Math.max(0, frame + 0.5 - height / sy / 2)); // there is nothing beyond the ends
    if (Math.abs(wanted - y0) > 1e-6) xomega.pan(0, (y0 - wanted) * sy);
  }

  /** Grey levels of clean frames. */
  look() {
    const { map, curve } = state.get();
    const { low, high } = state.contrastOf("clean");
    this.picture.setLook({ low, high, map, curve });
    this.cuts.look({ low, high, map, curve });
  }

  /** Counts along a row of the frame, NaN where there are none. @param {number} row @returns {Float32Array} */
  profile(row) {
    const frame = this.frame;
    if (!frame) return new Float32Array(0);
    const [rows, cols] = frame.shape;
    const from = Math.min(rows - 1, Math.floor(row / frame.step)) * cols;
    return Float32Array.from({ length: state.scanShape().cols }, (_, col) => {
      const stored = frame.data[from + Math.floor(col / frame.step)];
      return stored === frame.meta.invalid ? NaN : stored * frame.scale + frame.offset;
    });
  }

  /** Draw the blobs again. */
  redraw() {
    for (const view of [this.picture, this.cuts.xomega, this.cuts.yomega]) view.drawOverlays();
  }
}
