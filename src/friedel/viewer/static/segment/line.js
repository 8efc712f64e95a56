// The double threshold on one line (figure 9 of J. Bertoldo, "Segmentation for diffraction contrast tomography",
// 2021): counts along a row of the frame, and what was claimed there.

import { atNextFrame, cleared, contextOf } from "../lib/dom.js";
import { number } from "../lib/numbers.js";
import { along, ticks, valueAt } from "../lib/scales.js";
import * as state from "../lib/state.js";
import { colour, font, onTheme, rem } from "../lib/theme.js";
import { levelsOf, linesOf } from "./levels.js";
import { columnsOf, noiseOver } from "./noise.js";
import { CLASS_COLOURS } from "./reasons.js";
import { stretches } from "./solver.js";

/**
 * @typedef {Object} Line
 * @property {Float32Array} values  counts by column
 * @property {number} row
 * @property {{x0: number, sx: number, width: number}} view  that of the frame above: the columns lie below its own
 * @property {{from: number, to: number, kind: number, main: boolean}[]} claimed  kind: class of the reason
 * @property {import("./levels.js").Levels} levels
 * @property {number|null} maximum  M of the blob, counts at its own pixel
 * @property {number} sigma
 * @property {Float32Array|null} noise  by column, where each pixel has its own (null also as long as none is here)
 * @property {boolean} awaited  the noise of this row will come, and move the lines a little
 * @property {boolean} fixed  no line can be taken
 * @property {number|null} col  under the pointer
 *
 * @typedef {"seed_threshold"|"grow_min"|"grow_max"} Name
 */

export class LinePlot {
  /**
   * @param {HTMLElement} host
   * @param {{onDrag: (name: Name, counts: number) => void}} options  counts: where the noise is `sigma`
   */
  constructor(host, { onDrag }) {
    this.host = host;
    /** @type {Line|null} */
    this.line = null;
    this.canvas = host.appendChild(document.createElement("canvas"));
    this.ctx = contextOf(this.canvas);
    this.chip = host.appendChild(Object.assign(document.createElement("span"), { className: "chip bottom-left" }));
    host.classList.add("chart");
    host.setAttribute("role", "img");
    host.setAttribute(
      "aria-label",
      "Counts along the row of the frame, with the thresholds and the voxels that blobs claimed",
    );
    /** Draw at the next frame of the display. */
    this.draw = atNextFrame(() => this.#paint());
    this.box = { left: 0, top: 0, width: 1, height: 1 };
    /** @type {import("../lib/scales.js").Scale} */
    this.scale = { kind: "linear", min: 0, max: 1 };
    /** @type {Name|null} */
    this.held = null;
    /** @type {{name: Name, v: number}[]} */
    this.grips = [];
    new ResizeObserver(() => this.draw()).observe(host);
    onTheme(() => this.draw());
    this.#listen(onDrag);
  }

  /** @param {Line} line */
  set(line) {
    this.line = line;
    this.host.dataset.drawn = "false";
    this.draw();
  }

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.host;
    const { ctx, line } = this;
    if (!width || !height || !line) return;
    cleared(this.canvas, ctx, this.host);
    ctx.font = font(0.84);
    this.box = { left: 0, top: 0.4 * rem(), width: line.view.width, height: height - 0.8 * rem() };
    if (!this.held) this.scale = this.#scale(line);
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, 0, this.box.width, height);
    ctx.clip();
    this.#noise(line);
    this.#range(line);
    this.#trace(line);
    ctx.restore();
    this.#axis(line);
    this.#levels(line, width);
    this.host.dataset.drawn = String(!line.awaited);
  }

  /** @param {Line} line @returns {import("../lib/scales.js").Scale} */
  #scale({ values, view, levels, maximum, sigma }) {
    const [first, last] = columnsOf({ values, view });
    let top = Math.max(1.6 * levels.seed, 1.15 * (maximum ?? 0), 8 * sigma);
    for (let i = first; i < last; i++) if (values[i] * 1.15 > top) top = values[i] * 1.15;
    return { kind: "asinh", knee: Math.max(2 * sigma, 1e-6), min: -3 * sigma, max: top };
  }

  /** @param {number} counts */
  #y(counts) {
    return this.box.top + this.box.height * (1 - Math.min(1.02, Math.max(-0.02, along(this.scale, counts))));
  }

  /**
   * Lead the pen along a level; backwards where `to` is before `from`.
   * @param {Line} line
   * @param {number} v
   * @param {number} from
   * @param {number} to
   */
  #along(line, v, from, to) {
    const { view } = line;
    const px = (/** @type {number} */ c) => (c - view.x0) * view.sx;
    const step =
      Math.sign(to - from) * (line.noise ? Math.max(1, Math.round(1 / view.sx)) : Math.abs(to - from) || 1);
    for (let c = from; step > 0 ? c < to : c > to; c += step) {
      const end = step > 0 ? Math.min(c + step, to) : Math.max(c + step, to);
      const y = this.#y(v * noiseOver(line, Math.min(c, end)));
      this.ctx.lineTo(px(c), y);
      this.ctx.lineTo(px(end), y);
    }
  }

  /**
   * Fill between two levels.
   * @param {Line} line
   * @param {number} low
   * @param {number} high
   * @param {[number, number]} columns
   */
  #band(line, low, high, [from, to]) {
    const { ctx } = this;
    ctx.beginPath();
    this.#along(line, low, from, to);
    this.#along(line, high, to, from);
    ctx.fill();
  }

  /** Noise in units of sigma. @param {Line} line */
  #noise(line) {
    const { ctx } = this;
    ctx.fillStyle = colour("--soft");
    ctx.globalAlpha = 0.09;
    for (const n of [1, 2, 3]) this.#band(line, -n * line.sigma, n * line.sigma, columnsOf(line));
    ctx.globalAlpha = 1;
  }

  /** What the blob may grow over. @param {Line} line */
  #range(line) {
    const { ctx } = this;
    const { low, high } = line.levels;
    if (low === null || high === null) return;
    for (const { from, to, kind } of line.claimed.filter((one) => one.main)) {
      ctx.fillStyle = ctx.strokeStyle = CLASS_COLOURS[kind];
      ctx.globalAlpha = 0.14;
      this.#band(line, low, Math.max(low, high), [from, to]);
      ctx.globalAlpha = 1;
      ctx.lineWidth = 2;
      ctx.beginPath();
      this.#along(line, low, from, to);
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  /** The counts, filled where a blob claimed them. @param {Line} line */
  #trace(line) {
    const { ctx } = this;
    const { values, view, claimed, col } = line;
    const ground = this.#y(0);
    const px = (/** @type {number} */ c) => (c - view.x0) * view.sx;
    const [first, last] = columnsOf(line);
    for (const { from, to, kind, main } of [...claimed].reverse()) {
      ctx.fillStyle = CLASS_COLOURS[kind];
      ctx.globalAlpha = main ? 0.75 : 0.45;
      const [left, right] = [Math.max(first, from), Math.min(last, to)];
      if (left >= right) continue;
      ctx.beginPath();
      ctx.moveTo(px(left), ground);
      for (let c = left; c < right; c++) {
        const y = this.#y(Number.isNaN(values[c]) ? 0 : values[c]);
        ctx.lineTo(px(c), y);
        ctx.lineTo(px(c + 1), y);
      }
      ctx.lineTo(px(right), ground);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colour("--ink");
    ctx.lineWidth = 1;
    ctx.beginPath();
    let pen = false;
    for (let c = first; c < last; c++) {
      if (Number.isNaN(values[c])) pen = false;
      else {
        const y = this.#y(values[c]);
        if (!pen) ctx.moveTo(px(c), y);
        else ctx.lineTo(px(c), y);
        ctx.lineTo(px(c + 1), y);
        pen = true;
      }
    }
    ctx.stroke();
    if (col === null) return;
    ctx.globalAlpha = 0.5;
    ctx.beginPath();
    ctx.moveTo(Math.round(px(col + 0.5)) + 0.5, 0);
    ctx.lineTo(Math.round(px(col + 0.5)) + 0.5, this.host.clientHeight);
    ctx.setLineDash([2, 3]);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  /** @param {Line} line */
  #axis({ row }) {
    const { ctx, box } = this;
    ctx.fillStyle = colour("--soft");
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const v of ticks(this.scale, box.height / (1.9 * rem()))) ctx.fillText(number(v, 3), 4, this.#y(v));
    this.chip.textContent = `row ${row}`;
  }

  /** Thresholds: lines over the picture's width, named at its right. @param {Line} line @param {number} width */
  #levels(line, width) {
    const { ctx, box } = this;
    const rows = linesOf(line.levels, line.maximum, Boolean(line.noise)).filter((row) => row.v <= this.scale.max);
    const last = columnsOf(line)[1] - 1;
    const ends = rows.map((row) => this.#y((row.even ? 1 : noiseOver(line, last)) * row.v));
    const places = spread(ends, 1.05 * rem(), box.top + 4, box.top + box.height - 2);
    this.grips = [];
    rows.forEach((row, i) => {
      const held = row.name !== null && this.held === row.name;
      ctx.strokeStyle = ctx.fillStyle = colour(row.ink);
      ctx.lineWidth = held ? 2 : 1;
      this.#level(line, row);
      ctx.beginPath();
      ctx.moveTo(box.width, Math.round(ends[i]) + 0.5);
      ctx.lineTo(box.width + 8, places[i]);
      ctx.stroke();
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      ctx.fillText(row.text, box.width + 12, places[i]);
      ctx.textAlign = "right";
      const here = row.v * (row.even ? 1 : noiseOver(line, line.col ?? last));
      ctx.fillText(`${row.says}${number(here, 3)}`, Math.min(width - 4, box.width + 7.2 * rem()), places[i]);
      if (row.name && !row.says && !line.fixed) this.grips.push({ name: row.name, v: row.v }); // where lines still move they cannot be taken
    });
  }

  /**
   * Over the picture's width: with the noise of each pixel, or straight.
   * @param {Line} line
   * @param {import("./levels.js").LevelLine} row
   */
  #level(line, { v, even, dash }) {
    const { ctx, box } = this;
    ctx.save();
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.rect(0, 0, box.width, this.host.clientHeight);
    ctx.clip();
    ctx.beginPath();
    if (line.noise && !even) this.#along(line, v, ...columnsOf(line));
    else {
      const y = Math.round(this.#y(v)) + 0.5;
      ctx.moveTo(0, y);
      ctx.lineTo(box.width, y);
    }
    ctx.stroke();
    ctx.restore();
  }

  /** @param {(name: Name, counts: number) => void} onDrag */
  #listen(onDrag) {
    const { host } = this;
    const at = (/** @type {PointerEvent} */ event) => event.clientY - host.getBoundingClientRect().top;
    const factor = (/** @type {PointerEvent} */ event) => {
      const { line } = this;
      if (!line) return 1;
      const x = Math.min(event.clientX - host.getBoundingClientRect().left, line.view.width - 1);
      return noiseOver(line, Math.min(Math.floor(line.view.x0 + x / line.view.sx), line.values.length - 1));
    };
    const near = (/** @type {PointerEvent} */ event) => {
      const off = (/** @type {{v: number}} */ grip) => Math.abs(this.#y(factor(event) * grip.v) - at(event));
      return [...this.grips].sort((a, b) => off(a) - off(b)).find((grip) => off(grip) < 6)?.name ?? null;
    };
    host.addEventListener("pointerdown", (event) => {
      this.held = event.button ? null : near(event);
      if (this.held) host.setPointerCapture(event.pointerId);
    });
    host.addEventListener("pointermove", (event) => {
      host.style.cursor = this.held || near(event) ? "ns-resize" : "default";
      if (!this.held) return;
      const part = 1 - (at(event) - this.box.top) / this.box.height;
      onDrag(this.held, valueAt(this.scale, Math.min(1, Math.max(0, part))) / factor(event));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      host.addEventListener(end, () => {
        this.held = null;
        this.draw();
      });
    }
  }
}

/**
 * Places of labels, in order and apart.
 * @param {number[]} wanted
 * @param {number} gap
 * @param {number} top
 * @param {number} bottom
 */
function spread(wanted, gap, top, bottom) {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  let last = top - gap;
  for (const one of order) last = one.y = Math.max(one.y, last + gap);
  let next = bottom + gap;
  for (const one of order.reverse()) next = one.y = Math.min(one.y, next - gap);
  const out = /** @type {number[]} */ ([]);
  for (const { y, i } of order) out[i] = y;
  return out;
}

/**
 * The row under the pointer, else the one through the cross; with the levels of the blob there, else of the chosen
 *   one.
 * @param {import("./page.js").SegmentPage} page
 * @returns {Line}
 */
export function lineOf(page) {
  const { legend, views } = page;
  const { shown } = page.solver;
  const { segment, selection } = state.get();
  const { row, col } = page.hover?.side === "frame" ? page.hover.voxel : views.cursor();
  const covered = stretches(shown?.contours.get("frame"), row);
  const under =
    covered.find((one) => col >= one.from && col < one.to)?.row ??
    covered.find((one) => one.row === selection.blob)?.row ??
    null;
  const peak = under === null ? null : (shown?.table.value("peak_level", under) ?? null);
  const { view, size } = views.picture;
  const sigma = page.sigma();
  return {
    values: views.profile(row),
    row,
    col,
    view: { x0: view.x0, sx: view.sx, width: size.width },
    claimed: covered
      .filter((one) => legend.shown[shown?.table.classOf(one.row) ?? 0])
      .map((one) => ({
        from: one.from,
        to: one.to,
        kind: shown?.table.classOf(one.row) ?? 0,
        main: one.row === under,
      })),
    levels: levelsOf(segment, sigma, Number.isNaN(peak) ? null : peak),
    maximum: under === null ? null : (shown?.table.value("IMax_int", under) ?? null),
    sigma,
    fixed: state.lookingOn(),
    ...page.noise.row(shown?.answer, row),
  };
}
