// Small charts on a canvas: lines, bars and points, log axes, vertical lines that can be dragged, a readout.

import { listen, readout } from "./chart_pointer.js";
import { atNextFrame, cleared, contextOf } from "./dom.js";
import { dot, paint, scaleOf, steps, stroke, trace, wrapped } from "./marks.js";
import { brief } from "./numbers.js";
import { along, ticks, valueAt } from "./scales.js";
import { colour, font, onTheme, rem } from "./theme.js";

/**
 * @typedef {import("./marks.js").Axis} Axis
 * @typedef {import("./marks.js").Series} Series
 * @typedef {import("./marks.js").Marker} Marker
 * @typedef {import("./marks.js").Content} Content
 */

export class Chart {
  /**
   * @param {HTMLElement} host  its size is the chart's
   * @param {{label: string, onDrag?: (id: string, x: number, done: boolean) => void, onClick?: (x: number) => void,
   *   onHover?: (x: number|null) => void, readout?: boolean, flush?: boolean}} options  flush: no room at the sides
   */
  constructor(host, options) {
    this.host = host;
    this.options = { readout: true, ...options };
    /** @type {Content} */
    this.content = {};
    this.canvas = document.createElement("canvas");
    this.ctx = contextOf(this.canvas);
    this.tip = document.createElement("div");
    this.tip.className = "chart-tip";
    this.tip.hidden = true;
    host.classList.add("chart");
    host.setAttribute("role", "img");
    host.setAttribute("aria-label", options.label);
    host.append(this.canvas, this.tip);
    /** Draw at the next frame of the display. */
    this.draw = atNextFrame(() => this.#paint());
    /** @type {number|null} */
    this.pointer = null;
    /** @type {string|null} */
    this.held = null;
    this.box = { left: 0, top: 0, width: 1, height: 1 };
    /** @type {[string, number, number][]} */
    this.late = [];
    this.scales = /** @type {Object<string, import("./scales.js").Scale>} */ ({});
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(host);
    this.stopTheme = onTheme(() => this.draw());
    listen(this);
  }

  /** Show something else; what is not given stays. @param {Content} content */
  set(content) {
    this.content = { ...this.content, ...content };
    this.draw();
  }

  destroy() {
    this.watcher.disconnect();
    this.stopTheme();
  }

  /** CSS pixel along x of a value. @param {number} v */
  px(v) {
    return this.box.left + along(this.scales.x, v) * this.box.width;
  }

  /** Value at a CSS pixel along x. @param {number} x */
  valueAt(x) {
    return valueAt(this.scales.x, Math.min(1, Math.max(0, (x - this.box.left) / this.box.width)));
  }

  #paint() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (!width || !height) return;
    const { ctx, content } = this;
    cleared(this.canvas, ctx, this.host);
    ctx.font = font(0.84);
    const series = content.series ?? [];
    if (!series.length) return this.#empty(width, height);
    this.#layout(width, height, series);
    this.#axes();
    ctx.save();
    ctx.beginPath();
    ctx.rect(this.box.left, this.box.top - 1, this.box.width, this.box.height + 2);
    ctx.clip();
    for (const band of content.bands ?? []) this.#band(band);
    for (const one of series) this.#series(one);
    ctx.restore();
    this.#inside();
    this.#lines();
    readout(this, series);
  }

  /** @param {number} width @param {number} height */
  #empty(width, height) {
    this.ctx.fillStyle = colour("--soft");
    this.ctx.textAlign = "center";
    this.ctx.textBaseline = "middle";
    const lines = wrapped(this.ctx, this.content.empty ?? "", width - 16);
    const step = 1.35 * parseFloat(this.ctx.font.match(/[\d.]+px/)?.[0] ?? "12");
    lines.forEach((line, i) =>
      this.ctx.fillText(line, width / 2, height / 2 + (i - (lines.length - 1) / 2) * step),
    );
    this.tip.hidden = true;
  }

  /** @param {number} width @param {number} height @param {Series[]} series */
  #layout(width, height, series) {
    const { x = {}, y = {}, y2 } = this.content;
    this.scales = {
      x: scaleOf(
        x,
        series.map((s) => s.x),
      ),
      y: scaleOf(
        y,
        series.filter((s) => s.axis !== "y2").map((s) => s.y),
        true,
      ),
    };
    if (y2)
      this.scales.y2 = scaleOf(
        y2,
        series.filter((s) => s.axis === "y2").map((s) => s.y),
        true,
      );
    const em = rem();
    const bottom = (x.bare ? 0.3 : 1.25) * em + (x.label ? 0.95 * em : 0);
    const top = (y.label || y2?.label || this.content.lines?.some((line) => line.label) ? 1.35 : 0.5) * em;
    const box = { top, height: Math.max(8, height - top - bottom), left: 0, width };
    const most = Math.max(2, box.height / (2.1 * em));
    const side = (/** @type {Axis|undefined} */ axis, /** @type {string} */ name) =>
      !axis || axis.bare
        ? 0
        : Math.max(
            ...ticks(this.scales[name], most).map((v) => this.ctx.measureText((axis.format ?? brief)(v)).width),
            em,
          ) +
          0.55 * em;
    const [left, right] = this.options.flush ? [0, 0] : [side(y, "y"), y2 ? side(y2, "y2") : 0.6 * em];
    this.box = { ...box, left, width: Math.max(8, width - left - right) };
  }

  #axes() {
    const { ctx, box } = this;
    const { x = {}, y = {}, y2 } = this.content;
    const em = rem();
    ctx.lineWidth = 1;
    ctx.fillStyle = colour("--soft");
    const across = ticks(this.scales.x, Math.max(2, box.width / (4.6 * em)));
    for (const [name, axis] of /** @type {[string, Axis|undefined][]} */ ([
      ["y", y],
      ["y2", y2],
    ])) {
      if (!axis || axis.bare) continue;
      ctx.textAlign = name === "y" && !this.options.flush ? "right" : "left";
      ctx.textBaseline = "middle";
      for (const v of ticks(this.scales[name], Math.max(2, box.height / (2.1 * em)))) {
        const at = Math.round(box.top + box.height * (1 - along(this.scales[name], v))) + 0.5;
        if (name === "y") this.rule(box.left, at, box.left + box.width, at);
        this.#text(
          (axis.format ?? brief)(v),
          name === "y2" ? box.left + box.width + 0.3 * em : this.options.flush ? 3 : box.left - 0.35 * em,
          this.options.flush ? at - 0.5 * em : at,
        );
      }
    }
    ctx.textBaseline = "top";
    for (const v of across) {
      const at = Math.round(this.px(v)) + 0.5;
      this.rule(at, box.top + box.height, at, box.top + box.height + 4, "--soft");
      if (x.bare) continue;
      const text = (x.format ?? brief)(v);
      const half = ctx.measureText(text).width / 2;
      ctx.textAlign = at - half < 0 ? "left" : at + half > this.host.clientWidth ? "right" : "center";
      ctx.fillText(text, at, box.top + box.height + 0.35 * em);
    }
    this.rule(
      box.left,
      Math.round(box.top + box.height) + 0.5,
      box.left + box.width,
      Math.round(box.top + box.height) + 0.5,
      "--soft",
    );
    this.#titles(x, y, y2);
  }

  /** Text that stays readable on top of a line. @param {string} text @param {number} x @param {number} y */
  #text(text, x, y) {
    if (this.options.flush) this.late.push([text, x, y]);
    else this.ctx.fillText(text, x, y);
  }

  /** Labels inside the plot, over the series. */
  #inside() {
    const { ctx } = this;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.lineWidth = 3;
    ctx.lineJoin = "round";
    for (const [text, x, y] of this.late) {
      ctx.strokeStyle = colour("--card");
      ctx.strokeText(text, x, y);
      ctx.fillStyle = colour("--soft");
      ctx.fillText(text, x, y);
    }
    this.late = [];
  }

  /** @param {Axis} x @param {Axis} y @param {Axis} [y2] */
  #titles(x, y, y2) {
    const { ctx, box } = this;
    ctx.fillStyle = colour("--soft");
    ctx.textBaseline = "alphabetic";
    ctx.textAlign = "left";
    if (y.label) ctx.fillText(y.label, this.options.flush ? 3 : 0, 0.85 * rem());
    ctx.textAlign = "right";
    if (y2?.label) ctx.fillText(y2.label, this.host.clientWidth, 0.85 * rem());
    if (x.label) ctx.fillText(x.label, box.left + box.width, this.host.clientHeight - 0.2 * rem());
  }

  /** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {string} [ink] */
  rule(x1, y1, x2, y2, ink = "--line") {
    this.ctx.strokeStyle = colour(ink);
    this.ctx.beginPath();
    this.ctx.moveTo(x1, y1);
    this.ctx.lineTo(x2, y2);
    this.ctx.stroke();
  }

  /** @param {{from: number, to: number, colour?: string, alpha?: number}} band */
  #band({ from, to, colour: ink = "--blue", alpha = 0.08 }) {
    this.ctx.globalAlpha = alpha;
    this.ctx.fillStyle = paint(ink);
    this.ctx.fillRect(this.px(from), this.box.top, this.px(to) - this.px(from), this.box.height);
    this.ctx.globalAlpha = 1;
  }

  /** @param {Series} series */
  #series({ type, x, y, colour: ink = "--blue", width = 1.4, alpha = 1, dashed = false, axis = "y" }) {
    const { ctx, box } = this;
    const scale = this.scales[axis] ?? this.scales.y;
    const py = (/** @type {number} */ v) =>
      box.top + box.height * (1 - Math.min(1.2, Math.max(-0.2, along(scale, v))));
    ctx.globalAlpha = alpha;
    ctx.strokeStyle = ctx.fillStyle = paint(ink);
    ctx.lineWidth = width * stroke();
    ctx.lineJoin = "round";
    ctx.setLineDash(dashed ? [4, 3] : []);
    const path = new Path2D();
    if (type === "bars") steps(path, x, y, (v) => this.px(v), py, box.top + box.height);
    else if (type === "points") for (let i = 0; i < y.length; i++) dot(path, this.px(x[i]), py(y[i]), width * 1.6);
    else trace(path, x, y, (v) => this.px(v), py);
    if (type === "bars") {
      ctx.globalAlpha = alpha * 0.28;
      ctx.fill(path);
      ctx.globalAlpha = alpha;
    }
    if (type === "points") ctx.fill(path);
    else ctx.stroke(path);
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  #lines() {
    const { ctx, box } = this;
    for (const { id, x, label, colour: ink = "--ink", drag, dashed } of this.content.lines ?? []) {
      if (x < this.scales.x.min || x > this.scales.x.max) continue;
      const at = Math.round(this.px(x)) + 0.5;
      ctx.lineWidth = (this.held === id ? 2 : 1.25) * stroke();
      ctx.setLineDash(dashed ? [4, 3] : []);
      this.rule(at, box.top, at, box.top + box.height, ink.startsWith("--") ? ink : undefined);
      ctx.setLineDash([]);
      ctx.fillStyle = paint(ink);
      if (drag) {
        const grip = new Path2D();
        grip.roundRect(at - 3.5, box.top + box.height / 2 - 9, 7, 18, 3.5);
        ctx.fill(grip);
      }
      if (!label) continue;
      const half = ctx.measureText(label).width / 2;
      ctx.textAlign = "center";
      ctx.textBaseline = "alphabetic";
      ctx.fillText(label, Math.min(this.host.clientWidth - half, Math.max(half, at)), box.top - 3);
    }
    ctx.lineWidth = 1;
  }
}
