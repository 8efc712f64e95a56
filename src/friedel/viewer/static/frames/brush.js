// Bad pixels painted on the picture.

import * as api from "../lib/api.js";
import { contextOf } from "../lib/dom.js";
import * as state from "../lib/state.js";
import { colour, rgb } from "../lib/theme.js";

/**
 * @typedef {[number, number, number]} Run  row, col0, col1 (half-open)
 * @typedef {import("../lib/image.js").Point} Point
 * @typedef {import("../lib/image.js").ImageView} ImageView
 * @typedef {{radius: () => number, setRadius: (radius: number) => void, load: () => Promise<void>,
 *   clear: () => void, attach: (view: ImageView) => void, drag: (phase: string, p: Point) => boolean,
 *   hover: (p: Point|null) => void,
 *   overlay: (ctx: CanvasRenderingContext2D, view: ImageView) => void}} Brush
 */

/**
 * The mask: what is painted is seen at once and sent when the pointer is lifted.
 * @param {Object} options
 * @param {() => "paint"|"erase"|null} options.tool
 * @param {(masked: number) => void} options.onChange
 * @param {(error: unknown) => void} options.onError
 * @returns {Brush}
 */
export function brush({ tool, onChange, onError }) {
  /** @type {ImageView|null} */
  let view = null;
  let radius = 4;
  let [rows, cols] = [0, 0];
  const sheet = document.createElement("canvas");
  const ctxOf = () => contextOf(sheet, { willReadFrequently: true });
  /** @type {Run[]} */
  let stroke = [];
  /** @type {Point|null} */
  let last = null;
  /** @type {{x: number, y: number}|null} */
  let pointer = null;
  // A mask asked for before a stroke was drawn or sent may lack it: it is asked for again.
  let changes = 0;
  let open = 0;
  let outdated = false;
  const begins = () => (changes++, open++);
  const ends = () => (changes++, open--);

  /** The sheet, as large as a frame; false where none is known. */
  function laid() {
    if (rows) return true;
    ({ rows, cols } = state.scanShape());
    Object.assign(sheet, { width: cols, height: rows });
    return rows > 0;
  }

  /** @param {Run[]} runs @param {boolean} on */
  function stamp(runs, on) {
    const ctx = ctxOf();
    ctx.fillStyle = "#5ce1e6";
    for (const [row, from, to] of runs) {
      if (on) ctx.fillRect(from, row, to - from, 1);
      else ctx.clearRect(from, row, to - from, 1);
    }
    view?.drawOverlays();
  }

  /** A disc, as runs inside the frame. @param {number} row @param {number} col @returns {Run[]} */
  function disc(row, col) {
    /** @type {Run[]} */
    const out = [];
    const r = radius - 0.5;
    for (let d = -Math.floor(r); d <= Math.floor(r); d++) {
      const half = Math.floor(Math.sqrt(r * r - d * d));
      const [from, to] = [Math.max(0, col - half), Math.min(cols, col + half + 1)];
      if (row + d >= 0 && row + d < rows && to > from) out.push([row + d, from, to]);
    }
    return out;
  }

  /** @param {Point} p */
  function extend(p) {
    const from = last ?? p;
    const steps = Math.max(1, Math.ceil(Math.hypot(p.row - from.row, p.col - from.col) / Math.max(1, radius / 2)));
    for (let i = last ? 1 : 0; i <= steps; i++) {
      const t = i / steps;
      const runs = disc(
        Math.round(from.row + t * (p.row - from.row)),
        Math.round(from.col + t * (p.col - from.col)),
      );
      stroke.push(...runs);
      stamp(runs, tool() === "paint");
    }
    last = p;
  }

  /**
   * @param {string} op
   * @param {Run[]} runs
   * @returns {Promise<{painted: Run[], erased: Run[]}|null>} what it changed
   */
  async function send(op, runs) {
    begins();
    const sent = api.post("api/mask", { op, runs }).finally(ends);
    try {
      const { masked, painted, erased } = await sent;
      onChange(masked);
      if (outdated) load().catch(onError);
      return { painted, erased };
    } catch (error) {
      onError(error);
      await load().catch(() => {});
      return null;
    }
  }

  /** One that can be taken back. @param {string} op @param {Run[]} runs */
  async function change(op, runs) {
    const changed = await send(op, runs);
    if (!changed?.painted.length && !changed?.erased.length) return;
    const { painted, erased } = changed;
    const back = async () => {
      if (painted.length) await send("erase", painted);
      if (erased.length) await send("paint", erased);
      await load().catch(onError);
    };
    const again = async () => (await send(op, runs)) && (await load().catch(onError));
    state.did({ back, again });
  }

  /** @returns {Promise<void>} */
  async function load() {
    const scan = state.get().session?.scan;
    if (!scan) return;
    const before = changes;
    const { data, shape } = await api.getArray("api/mask", { channel: "mask" });
    outdated = open > 0 || changes !== before;
    if (outdated) return open ? undefined : load();
    [rows, cols] = shape;
    sheet.width = cols;
    sheet.height = rows;
    const image = new ImageData(cols, rows);
    const [r, g, b] = rgb("#5ce1e6");
    let masked = 0;
    for (let i = 0; i < data.length; i++) {
      if (!data[i]) continue;
      masked++;
      image.data.set([r, g, b, 255], 4 * i);
    }
    ctxOf().putImageData(image, 0, 0);
    onChange(masked);
    view?.drawOverlays();
  }

  return {
    attach(to) {
      view = to;
    },
    radius: () => radius,
    setRadius(next) {
      radius = Math.min(64, Math.max(1, Math.round(next)));
      view?.drawOverlays();
    },
    load,
    clear() {
      if (rows) ctxOf().clearRect(0, 0, cols, rows);
      view?.drawOverlays();
      change("clear", []);
    },
    drag(phase, p) {
      if (phase === "down") {
        if (!tool() || !laid()) return false;
        begins();
        stroke = [];
        last = null;
        extend(p);
        return true;
      }
      if (phase === "move") extend(p);
      else {
        ends();
        change(tool() ?? "paint", merged(stroke));
      }
      pointer = p;
      return true;
    },
    hover(p) {
      pointer = p;
      if (tool()) view?.drawOverlays();
    },
    overlay(ctx, on) {
      if (rows) {
        on.inPicture(ctx);
        ctx.imageSmoothingEnabled = false;
        ctx.globalAlpha = tool() ? 0.7 : 0.4;
        ctx.drawImage(sheet, 0, 0);
        ctx.globalAlpha = 1;
        on.onScreen(ctx);
      }
      if (!tool() || !pointer) return;
      const at = on.toPicture(pointer.x, pointer.y);
      const middle = on.toScreen(Math.floor(at.col) + 0.5, Math.floor(at.row) + 0.5);
      ctx.beginPath();
      ctx.arc(middle.x, middle.y, Math.max(2, (radius - 0.5) * on.view.sx), 0, 2 * Math.PI);
      ctx.lineWidth = 1.5;
      ctx.strokeStyle = colour("--on-picture-mask");
      ctx.setLineDash(tool() === "erase" ? [3, 3] : []);
      ctx.stroke();
    },
  };
}

/** Runs without overlaps, so that little is sent. @param {Run[]} runs @returns {Run[]} */
function merged(runs) {
  const sorted = [...runs].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  /** @type {Run[]} */
  const out = [];
  for (const [row, from, to] of sorted) {
    const before = out.at(-1);
    if (before && before[0] === row && from <= before[2]) before[2] = Math.max(before[2], to);
    else out.push([row, from, to]);
  }
  return out;
}
