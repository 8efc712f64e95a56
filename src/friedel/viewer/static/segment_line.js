// The double threshold on one line (figure 9 of the deck): counts along a row of the frame, and what was claimed there.

import { along, number, ticks, valueAt } from "./axes.js";
import { CLASS_COLOURS } from "./segment_reasons.js";
import { colour, font, onTheme, rem } from "./theme.js";

/**
 * @typedef {Object} Line
 * @property {Float32Array} values  counts by column
 * @property {number} row
 * @property {{x0: number, sx: number, width: number}} view  that of the frame above: the columns lie below its own
 * @property {{from: number, to: number, kind: number, main: boolean}[]} claimed  kind: class of the reason
 * @property {import("./segment_levels.js").Levels} levels
 * @property {number} sigma
 * @property {number|null} col  under the pointer
 *
 * @typedef {"seed_threshold"|"grow_min"|"grow_max"} Name
 */

export class LinePlot {
  /**
   * @param {HTMLElement} host
   * @param {{onDrag: (name: Name, counts: number) => void}} options
   */
  constructor(host, { onDrag }) {
    this.host = host;
    /** @type {Line|null} */
    this.line = null;
    this.canvas = host.appendChild(document.createElement("canvas"));
    this.ctx = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.chip = host.appendChild(Object.assign(document.createElement("span"), { className: "chip bottom-left" }));
    host.classList.add("chart");
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", "Counts along the row of the frame, with the thresholds and the voxels that blobs claimed");
    this.planned = false;
    /** @type {Name|null} */
    this.held = null;
    /** @type {{name: Name, y: number}[]} */
    this.grips = [];
    new ResizeObserver(() => this.draw()).observe(host);
    onTheme(() => this.draw());
    this.#listen(onDrag);
  }

  /** @param {Line} line */
  set(line) {
    this.line = line;
    this.draw();
  }

  draw() {
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      this.#paint();
    });
  }

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.host;
    const { ctx, line } = this;
    if (!width || !height || !line) return;
    const ratio = devicePixelRatio;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    ctx.font = font(0.78);
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
  }

  /** @param {Line} line @returns {import("./axes.js").Scale} */
  #scale({ values, view, levels, sigma }) {
    const first = Math.max(0, Math.floor(view.x0));
    const last = Math.min(values.length, Math.ceil(view.x0 + view.width / view.sx));
    let top = Math.max(1.6 * levels.seed, 1.15 * (levels.peak ?? 0), 8 * sigma);
    for (let i = first; i < last; i++) if (values[i] * 1.15 > top) top = values[i] * 1.15;
    return { kind: "asinh", knee: Math.max(2 * sigma, 1e-6), min: -3 * sigma, max: top };
  }

  /** @param {number} counts */
  #y(counts) {
    return this.box.top + this.box.height * (1 - Math.min(1.02, Math.max(-0.02, along(this.scale, counts))));
  }

  /** Noise in units of sigma. @param {Line} line */
  #noise({ sigma }) {
    const { ctx, box } = this;
    ctx.fillStyle = colour("--soft");
    for (const n of [1, 2, 3]) {
      ctx.globalAlpha = 0.09;
      const top = this.#y(n * sigma);
      ctx.fillRect(0, top, box.width, this.#y(-n * sigma) - top);
    }
    ctx.globalAlpha = 1;
  }

  /** What the blob may grow over. @param {Line} line */
  #range({ levels, claimed, view }) {
    const { ctx } = this;
    if (levels.low === null || levels.high === null) return;
    const [top, bottom] = [this.#y(levels.high), this.#y(levels.low)];
    for (const { from, to, kind } of claimed.filter((one) => one.main)) {
      ctx.fillStyle = CLASS_COLOURS[kind];
      ctx.globalAlpha = 0.14;
      const x = (from - view.x0) * view.sx;
      ctx.fillRect(x, top, (to - from) * view.sx, Math.max(0, bottom - top));
      ctx.globalAlpha = 1;
      ctx.fillRect(x - 3, bottom - 1, (to - from) * view.sx + 6, 2);
    }
    ctx.globalAlpha = 1;
  }

  /** The counts, filled where a blob claimed them. @param {Line} line */
  #trace({ values, view, claimed, col }) {
    const { ctx } = this;
    const ground = this.#y(0);
    const px = (/** @type {number} */ c) => (c - view.x0) * view.sx;
    const first = Math.max(0, Math.floor(view.x0));
    const last = Math.min(values.length, Math.ceil(view.x0 + view.width / view.sx));
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
  #levels({ levels }, width) {
    const { ctx, box } = this;
    const about = levels.rough ? "≈ " : "";
    /** @type {{name: Name|null, text: string, says: string, v: number|null, ink: string, dash: number[]}[]} */
    const rows = [
      { name: null, text: "M", says: "", v: levels.peak, ink: "--soft", dash: [1, 3] },
      { name: "seed_threshold", text: "T", says: about, v: levels.seed, ink: "--warm", dash: [] },
      { name: "grow_max", text: "c max", says: about, v: Number.isFinite(levels.ceiling) ? levels.ceiling : null, ink: "--teal", dash: [6, 3] },
      { name: null, text: "τM", says: "", v: levels.part, ink: "--soft", dash: [4, 3] },
      { name: "grow_min", text: "c min", says: about, v: levels.floor, ink: "--teal", dash: [] },
    ];
    const shown = rows.filter((row) => row.v !== null && /** @type {number} */ (row.v) <= this.scale.max);
    const places = spread(shown.map((row) => this.#y(/** @type {number} */ (row.v))), 1.05 * rem(), box.top + 4, box.top + box.height - 2);
    this.grips = [];
    shown.forEach(({ name, text, says, v, ink, dash }, i) => {
      const y = Math.round(this.#y(/** @type {number} */ (v))) + 0.5;
      const held = name !== null && this.held === name;
      ctx.strokeStyle = ctx.fillStyle = colour(ink);
      ctx.lineWidth = held ? 2 : 1;
      ctx.setLineDash(dash);
      ctx.beginPath();
      ctx.moveTo(0, y);
      ctx.lineTo(box.width, y);
      ctx.setLineDash(dash);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.beginPath();
      ctx.moveTo(box.width, y);
      ctx.lineTo(box.width + 8, places[i]);
      ctx.stroke();
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      ctx.fillText(text, box.width + 12, places[i]);
      ctx.textAlign = "right";
      ctx.fillText(`${says}${number(v, 3)}`, Math.min(width - 4, box.width + 7.2 * rem()), places[i]);
      if (name) this.grips.push({ name, y });
    });
  }

  /** @param {(name: Name, counts: number) => void} onDrag */
  #listen(onDrag) {
    const { host } = this;
    const at = (/** @type {PointerEvent} */ event) => event.clientY - host.getBoundingClientRect().top;
    const near = (/** @type {number} */ y) => [...this.grips].sort((a, b) => Math.abs(a.y - y) - Math.abs(b.y - y)).find((grip) => Math.abs(grip.y - y) < 6)?.name ?? null;
    host.addEventListener("pointerdown", (event) => {
      this.held = event.button ? null : near(at(event));
      if (this.held) host.setPointerCapture(event.pointerId);
    });
    host.addEventListener("pointermove", (event) => {
      host.style.cursor = this.held || near(at(event)) ? "ns-resize" : "default";
      if (!this.held || !this.scale) return;
      const part = 1 - (at(event) - this.box.top) / this.box.height;
      onDrag(this.held, valueAt(this.scale, Math.min(1, Math.max(0, part))));
    });
    for (const end of ["pointerup", "pointercancel"]) {
      host.addEventListener(end, () => {
        this.held = null;
        this.draw();
      });
    }
  }
}

/** Places of labels, in order and apart. @param {number[]} wanted @param {number} gap @param {number} top @param {number} bottom */
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
