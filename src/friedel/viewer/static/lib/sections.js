// x–omega and y–omega sections through the cross, beside the picture and on its scale; the course below shares
// omega.

import * as api from "./api.js";
import { el } from "./dom.js";
import { ImageView } from "./image.js";
import { transposed } from "./raster.js";
import * as state from "./state.js";

const MOST = 512;

/**
 * @typedef {{from: number, to: number}} Span  frames, half-open
 * @typedef {{xomega: ImageView, yomega: ImageView, load: (force?: boolean) => void, sync: () => void, span: () =>
 *   Span, look: (look: import("./types.js").Look) => void}} Sections
 */

/**
 * Two views that follow a picture: `x–omega` below it shares its columns, `y–omega` beside it its rows.
 * @param {{x: HTMLElement, y: HTMLElement, picture: ImageView, kind?: () => string, onSpan?: (span: Span) => void,
 *   onError?: (error: unknown) => void, overlaysX?: import("./image.js").Overlay[], overlaysY?:
 *   import("./image.js").Overlay[],
 *   onClick?: (place: {frame: number, row: number|null, col: number|null}) => void,
 *   onCursor?: (reading: import("./readout.js").Reading|null) => void}} options
 * @returns {Sections}
 */
export function sections(options) {
  const {
    x,
    y,
    picture,
    kind = () => (state.get().kind === "clean" ? "clean" : "raw"),
    onSpan,
    onError = () => {},
  } = options;
  /** @type {Span} */
  let span = { from: 0, to: 1 };
  let shown = "";
  let held = { start: 0, stop: 0 };
  const frames = () => state.scanShape().frames;
  const here = () => state.get().cursor ?? { row: 0, col: 0 };
  const chipX = el("span.chip.bottom-left", {}, "x–omega reading frames …");
  const chipY = el("span.chip.bottom-left", {}, "y–omega reading frames …");

  const xomega = new ImageView(x, {
    stretch: true,
    zoomX: false,
    label: "x–omega section: columns across, frames down",
    overlays: options.overlaysX ?? [],
    onClick: (p) => choose({ frame: p.row, row: null, col: p.col }),
    onCursor: (p) =>
      options.onCursor?.(
        p && { frame: p.row, row: here().row, col: p.col, value: xomega.valueAt(p.row, p.col) },
      ),
    onView: (view) => moved({ from: view.y0, to: view.y0 + xomega.size.height / view.sy }, { x0: view.x0 }),
    onResize: () => sync(),
  });
  const yomega = new ImageView(y, {
    stretch: true,
    zoomY: false,
    label: "y–omega section: frames across, rows down",
    overlays: options.overlaysY ?? [],
    onClick: (p) => choose({ frame: p.col, row: p.row, col: null }),
    onCursor: (p) =>
      options.onCursor?.(
        p && { frame: p.col, row: p.row, col: here().col, value: yomega.valueAt(p.row, p.col) },
      ),
    onView: (view) => moved({ from: view.x0, to: view.x0 + yomega.size.width / view.sx }, { y0: view.y0 }),
    onResize: () => sync(),
  });
  x.append(chipX);
  y.append(chipY);

  /** @param {{frame: number, row: number|null, col: number|null}} place */
  function choose(place) {
    if (options.onClick) return options.onClick(place);
    const cursor = { row: place.row ?? here().row, col: place.col ?? here().col };
    state.set({ frame: Math.min(frames() - 1, Math.max(0, place.frame)), cursor });
  }

  /** @param {Span} next @param {Partial<import("./image.js").View>} pan */
  function moved(next, pan) {
    if (!picture.raster || xomega.fitted || yomega.fitted) {
      span = whole();
      queueMicrotask(sync);
      return;
    }
    span = next;
    picture.setView(pan);
    sync();
  }

  function whole() {
    return { from: held.start, to: Math.max(held.stop, held.start + 1) };
  }

  /**
   * Frames to ask for: those held while the current one is well inside, else all of a short scan or some around.
   */
  function wanted() {
    const count = frames();
    const { frame } = state.get();
    const room = (held.stop - held.start) / 6;
    const inside =
      (held.start === 0 || frame >= held.start + room) && (held.stop === count || frame < held.stop - room);
    if (held.stop > held.start && inside) return held;
    if (count <= MOST * 1.5) return { start: 0, stop: count };
    const start = Math.min(Math.max(0, frame - MOST / 2), count - MOST);
    return { start, stop: start + MOST };
  }

  function sync() {
    const { x0, y0, sx, sy } = picture.view;
    const length = Math.max(1, span.to - span.from);
    xomega.setView({ x0, sx, y0: span.from, sy: xomega.size.height / length || 1 });
    yomega.setView({ y0, sy, x0: span.from, sx: yomega.size.width / length || 1 });
    const { frame, cursor } = state.get();
    xomega.setCrosshair(cursor && { row: frame, col: cursor.col });
    yomega.setCrosshair(cursor && { row: cursor.row, col: frame });
    onSpan?.(span);
  }

  const fetchBoth = api.newest(
    async (
      /** @type {{start: number, stop: number, frame: number, row: number, col: number, kind: string}} */ want,
    ) => {
      const began = performance.now();
      const { start, stop } = want;
      const common = { kind: want.kind, start, stop, frame: want.frame, client: api.client, seq: api.nextSeq() };
      const ask = (/** @type {string} */ axis, /** @type {number} */ at) =>
        api.getArray("api/section", { params: { ...common, axis, at }, channel: `section-${axis}` });
      const [byRow, byCol] = await Promise.all([ask("row", want.row), ask("col", want.col)]);
      const scan = state.scanShape();
      xomega.setArray(byRow, {
        origin: { row: byRow.meta.start ?? start },
        extent: { width: scan.cols, height: scan.frames },
      });
      yomega.setArray(transposed(byCol), {
        origin: { col: byCol.meta.start ?? start },
        extent: { width: scan.frames, height: scan.rows },
      });
      chipX.textContent = `x–omega row\u00a0${want.row}${byRow.meta.preview ? "  preview" : ""}`;
      chipY.textContent = `y–omega col\u00a0${want.col}${byCol.meta.preview ? "  preview" : ""}`;
      const came = { start: byRow.meta.start ?? start, stop: (byRow.meta.start ?? start) + byRow.shape[0] };
      if (came.start !== held.start || came.stop !== held.stop) span = { from: came.start, to: came.stop };
      held = came;
      state.counters.section++;
      state.timings.section = performance.now() - began;
      sync();
    },
    (error) => {
      shown = "";
      onError(error);
    },
  );

  return {
    xomega,
    yomega,
    load(force = false) {
      const { row, col } = here();
      const window = wanted();
      const key = `${window.start} ${window.stop} ${row} ${col} ${kind()}`;
      const measured = state.get().progress?.pass?.measured !== false;
      if (measured && (key !== shown || force)) {
        shown = key;
        fetchBoth({ ...window, frame: state.get().frame, row, col, kind: kind() });
      }
      sync();
    },
    sync,
    span: () => span,
    look(look) {
      xomega.setLook(look);
      yomega.setLook(look);
    },
  };
}
