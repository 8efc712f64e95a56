// Spots on the detector and over eta and omega: dots in the colours of their grains, lines between Friedel
// partners.

import { el } from "../lib/dom.js";
import { ImageView } from "../lib/image.js";
import { number } from "../lib/numbers.js";
import { counters } from "../lib/state.js";
import { colour, onTheme, pixel, rgb } from "../lib/theme.js";
import { angleAxes, angleFrame, detectorFrame } from "./backdrops.js";
import { nearestDot, Scatter, SIZES, sizesOf } from "./scatter.js";

const REACH_PX = 9;

/**
 * @typedef {import("../lib/types.js").Spots} Spots
 * @typedef {import("../lib/image.js").Point} Point
 * @typedef {{x: Float32Array, y: Float32Array}} Dots  in picture coordinates
 * @typedef {{chosen: number|null, spot: number|null, pairs: import("./layout.js").PairLines, loose: boolean, hexes:
 *   string[]}} Look
 * chosen: a grain; spot: a blob; loose: spots without a grain are shown
 * @param {HTMLElement} detectorHost
 * @param {HTMLElement} angleHost
 * @param {{onSpot: (spot: number|null) => void}} hooks
 */
export function spotPlots(detectorHost, angleHost, hooks) {
  /** @type {Spots|null} */
  let spots = null;
  /** @type {Look} */
  let look = { chosen: null, spot: null, pairs: "chosen", loose: true, hexes: [] };
  let hovered = -1;
  let shared = {
    size: new Uint8Array(),
    colour: new Uint32Array(),
    order: new Uint32Array(),
    strength: new Uint8Array(),
  };
  /** by intensity */
  let sizes = new Uint8Array();
  /** @type {Uint32Array} spots whose partner comes after them */
  let firsts = new Uint32Array();

  const detector = plot(detectorHost, "Detector: spots by row and column", false, detectorFrame);
  const angles = plot(angleHost, "Spots by eta and omega", true, angleFrame);
  const both = [detector, angles];

  /**
   * @param {HTMLElement} host
   * @param {string} label
   * @param {boolean} stretch
   * @param {(ctx: CanvasRenderingContext2D, view: ImageView, meta: Spots["meta"]|undefined) => void} frame
   */
  function plot(host, label, stretch, frame) {
    const tip = el("div.chart-tip", { hidden: true });
    const scatter = new Scatter();
    /** @type {Dots} */
    const dots = { x: new Float32Array(), y: new Float32Array() };
    /** @type {ImageView} */
    const view = new ImageView(host, {
      label,
      stretch,
      onCursor: (point) => hover(point),
      onClick: (point) => hooks.onSpot(found(point)),
      onHover: (point) => (found(point) !== null ? "pointer" : "crosshair"),
      overlays: [
        (ctx, it) => {
          const began = performance.now();
          frame(ctx, it, spots?.meta);
          scatter.draw(ctx, { ...dots, ...shared }, it.view, radius(it));
          lines(ctx, it);
          rings(ctx, it);
          margins(ctx, it);
          part.took = performance.now() - began;
          if (spots) counters.spots++;
        },
      ],
    });
    host.append(tip);
    /** @param {Point} point */
    const found = (point) => {
      const i = spots
        ? nearestDot({ ...dots, strength: shared.strength }, view.view, point.x, point.y, REACH_PX)
        : -1;
      return i < 0 ? null : i;
    };
    /** @param {Point|null} point */
    const hover = (point) => {
      const i = point ? (found(point) ?? -1) : -1;
      both.forEach((each) => (each.tip.hidden = true));
      if (point && i >= 0) showTip(tip, host, point, i);
      if (i === hovered) return;
      hovered = i;
      both.forEach((each) => each.view.drawOverlays());
    };
    const lines = (/** @type {CanvasRenderingContext2D} */ ctx, /** @type {ImageView} */ it) =>
      pairLines(ctx, it, dots);
    const rings = (/** @type {CanvasRenderingContext2D} */ ctx, /** @type {ImageView} */ it) =>
      marked(ctx, it, dots);
    const margins = (/** @type {CanvasRenderingContext2D} */ ctx, /** @type {ImageView} */ it) =>
      stretch && angleAxes(ctx, it);
    const part = { view, dots, tip, took: 0 };
    return part;
  }

  /** @param {ImageView} view */
  function radius(view) {
    const few = 3.1 - 0.42 * Math.log10(Math.max(10, spots?.count ?? 0));
    const near = view.options.stretch ? view.view.sy / 1.2 : view.view.sx;
    return Math.max(0.8, few * Math.min(3.5, Math.max(1, Math.sqrt(near))));
  }

  /**
   * Lines from spots to their partners half a turn later.
   * @param {CanvasRenderingContext2D} ctx
   * @param {ImageView} view
   * @param {Dots} dots
   */
  function pairLines(ctx, view, { x, y }) {
    if (!spots) return;
    const { partner, grain } = spots.columns;
    const draw = (
      /** @type {ArrayLike<number>} */ which,
      /** @type {string} */ ink,
      /** @type {number} */ alpha,
      /** @type {number} */ width,
    ) => {
      ctx.beginPath();
      for (let k = 0; k < which.length; k++) {
        const i = which[k];
        const j = partner[i];
        if (j < 0) continue;
        const [a, b] = [view.toScreen(x[i], y[i]), view.toScreen(x[j], y[j])];
        ctx.moveTo(a.x, a.y);
        ctx.lineTo(b.x, b.y);
      }
      ctx.strokeStyle = ink;
      ctx.globalAlpha = alpha;
      ctx.lineWidth = width;
      ctx.stroke();
      ctx.globalAlpha = 1;
    };
    if (look.pairs === "all")
      draw(
        firsts.filter((i) => shared.strength[i] > 0),
        colour("--soft"),
        Math.max(0.1, Math.min(0.5, 120 / firsts.length)),
        0.8,
      );
    if (look.pairs !== "none" && look.chosen !== null)
      draw(
        firsts.filter((i) => grain[i] === look.chosen),
        look.hexes[look.chosen] ?? colour("--ink"),
        0.75,
        1,
      );
    const one = hovered >= 0 ? hovered : (look.spot ?? -1);
    if (one >= 0) draw([one], colour("--ink"), 0.9, 1.4);
  }

  /**
   * Rings about the spots of the chosen grain, and about those under the pointer.
   * @param {CanvasRenderingContext2D} ctx
   * @param {ImageView} view
   * @param {Dots} dots
   */
  function marked(ctx, view, { x, y }) {
    if (!spots) return;
    const { partner } = spots.columns;
    const ring = (/** @type {number} */ i, /** @type {number} */ more) => {
      if (i < 0) return;
      const { x: px, y: py } = view.toScreen(x[i], y[i]);
      const r = radius(view) * (0.68 + 0.2 * shared.size[i]) + more;
      ctx.moveTo(px + r, py);
      ctx.arc(px, py, r, 0, 7);
    };
    if (look.chosen !== null) {
      ctx.beginPath();
      for (const i of mine()) ring(i, 0.6);
      ctx.strokeStyle = colour("--ink");
      ctx.lineWidth = 0.9;
      ctx.stroke();
    }
    for (const one of [look.spot ?? -1, hovered]) {
      if (one < 0) continue;
      ctx.beginPath();
      ring(one, 3);
      ctx.strokeStyle = colour("--ink");
      ctx.lineWidth = 1.6;
      ctx.stroke();
      ctx.beginPath();
      ring(partner[one], 3);
      ctx.setLineDash([3, 2.5]);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }

  function mine() {
    const { grain } = spots?.columns ?? { grain: [] };
    const found = [];
    for (let i = 0; i < grain.length; i++) if (grain[i] === look.chosen) found.push(i);
    return found;
  }

  /** @param {HTMLElement} tip @param {HTMLElement} host @param {Point} point @param {number} i */
  function showTip(tip, host, point, i) {
    if (!spots) return;
    const c = spots.columns;
    const grain = c.grain[i];
    const angle = (/** @type {number} */ v, /** @type {number} */ digits) =>
      Number.isNaN(v) ? "–" : `${v.toFixed(digits).replace("-", "−")}°`;
    tip.replaceChildren(
      el(
        "div",
        {},
        el("i", { style: { background: look.hexes[grain] ?? "var(--soft)" } }),
        el("b", {}, grain >= 0 ? `Grain ${grain + 1}` : "No grain"),
        ` · blob ${number(i, 9)}${c.partner[i] >= 0 ? `, partner ${number(c.partner[i], 9)}` : ", no partner"}`,
      ),
      el(
        "div",
        {},
        `frame ${Math.round(c.frame[i])} · eta ${angle(c.eta_deg[i], 1)} · 2θ ${angle(c.two_theta_deg[i], 2)}`,
        ` · ${number(c.intensity[i], 3)} counts`,
      ),
    );
    tip.hidden = false;
    const left = point.x + 14 + tip.offsetWidth > host.clientWidth ? point.x - 14 - tip.offsetWidth : point.x + 14;
    tip.style.left = `${Math.max(2, left)}px`;
    tip.style.top = `${Math.max(2, Math.min(host.clientHeight - tip.offsetHeight - 2, point.y + 14))}px`;
  }

  /** Colours, order and strength of all dots. */
  function prepare() {
    if (!spots) return;
    const { grain } = spots.columns;
    const soft = (colour("--soft").match(/[\d.]+/g) ?? []).map(Number);
    const grey = pixel(soft[0], soft[1], soft[2]);
    const inks = look.hexes.map((hex) => pixel(.../** @type {[number, number, number]} */ (rgb(hex))));
    const { count } = spots;
    const some = look.chosen !== null;
    for (let i = 0; i < count; i++) {
      const g = grain[i];
      shared.colour[i] = g >= 0 ? (inks[g] ?? grey) : grey;
      shared.size[i] = Math.min(SIZES - 1, sizes[i] + (some && g === look.chosen ? 2 : 0));
      shared.strength[i] =
        g < 0
          ? look.loose
            ? some
              ? 34
              : look.hexes.length
                ? 80
                : 190
            : 0
          : some && g !== look.chosen
            ? 60
            : 255;
    }
    // what is faint lies below
    /** @type {number[]} */
    const faint = [];
    /** @type {number[]} */
    const full = [];
    for (let i = 0; i < count; i++) (shared.strength[i] === 255 ? full : faint).push(i);
    shared.order = Uint32Array.from([...faint, ...full]);
  }

  function redraw() {
    both.forEach((each) => each.view.draw());
  }

  onTheme(() => {
    prepare();
    redraw();
  });

  return {
    detector: detector.view,
    angles: angles.view,
    timings: () => ({ detector: detector.took, angles: angles.took }),
    fit: () => both.forEach((each) => each.view.fit()),
    /** @param {Spots} next */
    setSpots(next) {
      spots = next;
      const { count, meta, columns } = next;
      const { row, col, eta_deg: eta, omega_deg: omega, partner } = columns;
      sizes = sizesOf(columns.intensity);
      shared = {
        size: new Uint8Array(count),
        colour: new Uint32Array(count),
        order: new Uint32Array(count),
        strength: new Uint8Array(count),
      };
      detector.dots.x = Float32Array.from(col, (v) => v + 0.5);
      detector.dots.y = Float32Array.from(row, (v) => v + 0.5);
      angles.dots.x = eta;
      angles.dots.y = Float32Array.from(omega, (v) => -v);
      firsts = Uint32Array.from(Array.from({ length: count }, (_, i) => i).filter((i) => partner[i] > i));
      let [low, high] = [Infinity, -Infinity];
      for (const v of omega) [low, high] = [Math.min(low, v), Math.max(high, v)];
      if (!(high > low)) [low, high] = [0, 360];
      const edge = 0.03 * Math.max(meta.rows, meta.cols);
      detector.view.setArray(null, {
        extent: { left: -edge, top: -edge, width: meta.cols + 2 * edge, height: meta.rows + 2 * edge },
      });
      const pad = 0.02 * (high - low);
      angles.view.setArray(null, {
        extent: { left: -219, top: -high - 2 * pad, width: 416, height: high - low + 6 * pad },
      });
      prepare();
      redraw();
    },
    /** @param {Partial<Look>} next */
    setLook(next) {
      look = { ...look, ...next };
      prepare();
      redraw();
    },
  };
}
