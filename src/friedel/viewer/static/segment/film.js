// A blob's frames as a film strip: the crops, the blob's contour on each, a click goes to the frame.

import { contextOf, el } from "../lib/dom.js";
import { colourMap } from "../lib/theme.js";
import { contoursOf } from "./contours.js";

/**
 * @typedef {Object} Film
 * @property {import("../lib/api.js").Numbers} data  [frames, rows, cols]
 * @property {number[]} shape
 * @property {number} scale
 * @property {number} offset
 * @property {{start: number, row0: number, col0: number, runs: number[][], step?: number}} meta  runs: frame, row,
 *   first col, length
 */

/**
 * Show a film.
 * @param {HTMLElement} host
 * @param {Film} film
 * @param {{colour: string, top: number, low: number, frames: number, current: number, onFrame: (frame: number) =>
 *   void,
 *   omega: (frame: number) => string}} look  low, top: ends of the grey scale in counts; frames: of the scan
 */
export function showFilm(host, film, look) {
  const [count, rows, cols] = film.shape;
  host.style.setProperty("--film-aspect", `${cols} / ${rows}`);
  host.dataset.wide = String(cols > 2.2 * rows);
  const table = lookup(look);
  host.replaceChildren(
    ...Array.from({ length: count }, (_, i) => {
      const unwrapped = film.meta.start + i * (film.meta.step ?? 1);
      const frame = ((unwrapped % look.frames) + look.frames) % look.frames;
      const canvas = el("canvas", { width: cols, height: rows });
      paint(canvas, film, i, table);
      const lines = el("canvas.over");
      const button = el(
        "button.still",
        {
          type: "button",
          title: `Frame ${frame}, ${look.omega(frame)}`,
          "aria-pressed": String(frame === look.current),
          data: { frame: String(frame) },
          onclick: () => look.onFrame(frame),
        },
        el("span.picture", {}, canvas, lines),
        el("small", {}, String(frame)),
      );
      requestAnimationFrame(() => outline(lines, film, frame, unwrapped, rows, cols, look.colour));
      return button;
    }),
  );
}

/** Mark the frame that is shown. @param {HTMLElement} host @param {number} frame */
export function markFilm(host, frame) {
  for (const still of host.querySelectorAll(".still"))
    still.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (still).dataset.frame === String(frame)));
}

/** Grey levels bent so that the faint rim shows. @param {{low: number, top: number}} look */
function lookup({ low, top }) {
  const colours = colourMap("grey");
  return (/** @type {number} */ v) => {
    const t = Math.min(1, Math.max(0, (v - low) / (top - low || 1)));
    return colours[Number.isNaN(t) ? 0 : Math.round(255 * Math.sqrt(t))];
  };
}

/** @param {HTMLCanvasElement} canvas @param {Film} film @param {number} i @param {(v: number) => number} table */
function paint(canvas, film, i, table) {
  const [, rows, cols] = film.shape;
  const image = new ImageData(cols, rows);
  const out = new Uint32Array(image.data.buffer);
  const from = i * rows * cols;
  for (let k = 0; k < out.length; k++) out[k] = table(film.data[from + k] * film.scale + film.offset);
  contextOf(canvas).putImageData(image, 0, 0);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Film} film
 * @param {number} frame
 * @param {number} unwrapped
 * @param {number} rows
 * @param {number} cols
 * @param {string} colour
 */
function outline(canvas, film, frame, unwrapped, rows, cols, colour) {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const runs = film.meta.runs
    .filter((run) => run[0] === frame || run[0] === unwrapped)
    .flatMap(([, row, col, length]) => [row - film.meta.row0, col - film.meta.col0, length, 0]);
  const { edges } = contoursOf(Int32Array.from(runs), () => 0);
  const ctx = canvas.getContext("2d");
  if (!ctx || !canvas.width) return;
  const [sx, sy] = [canvas.width / cols, canvas.height / rows];
  const inside = (/** @type {number} */ v, /** @type {number} */ size) =>
    Math.min(size - 1, Math.max(0, Math.round(v))) + 0.5;
  ctx.strokeStyle = colour;
  ctx.lineWidth = Math.max(1, Math.round(ratio));
  ctx.beginPath();
  for (let i = 0; i < edges[0].length; i += 5) {
    const [x0, y0, x1, y1] = edges[0].subarray(i, i + 4);
    ctx.moveTo(inside(x0 * sx, canvas.width), inside(y0 * sy, canvas.height));
    ctx.lineTo(inside(x1 * sx, canvas.width), inside(y1 * sy, canvas.height));
  }
  ctx.stroke();
}
