// What lies below and beside the dots: the detector, angles and their numbers.

import { number } from "../lib/numbers.js";
import { ticks } from "../lib/scales.js";
import { colour, font } from "../lib/theme.js";

/** @typedef {import("../lib/image.js").ImageView} ImageView */

/**
 * The detector.
 * @param {CanvasRenderingContext2D} ctx
 * @param {ImageView} view
 * @param {import("../lib/types.js").Spots["meta"]|undefined} meta
 */
export function detectorFrame(ctx, view, meta) {
  ctx.fillStyle = colour("--card");
  ctx.fillRect(0, 0, view.size.width, view.size.height);
  if (!meta) return;
  const a = view.toScreen(0, 0);
  const b = view.toScreen(meta.cols, meta.rows);
  ctx.fillStyle = colour("--plot");
  ctx.fillRect(a.x, a.y, b.x - a.x, b.y - a.y);
  ctx.strokeStyle = colour("--edge");
  ctx.lineWidth = 1;
  ctx.strokeRect(Math.round(a.x) + 0.5, Math.round(a.y) + 0.5, Math.round(b.x - a.x), Math.round(b.y - a.y));
}

/**
 * Lines at round angles.
 * @param {CanvasRenderingContext2D} ctx
 * @param {ImageView} view
 * @param {import("../lib/types.js").Spots["meta"]|undefined} meta
 */
export function angleFrame(ctx, view, meta) {
  ctx.fillStyle = colour("--plot");
  ctx.fillRect(0, 0, view.size.width, view.size.height);
  ctx.strokeStyle = colour("--line");
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (const [v, across] of angleTicks(view)) {
    const at = across ? view.toScreen(v, 0).x : view.toScreen(0, -v).y;
    ctx.moveTo(across ? Math.round(at) + 0.5 : 0, across ? 0 : Math.round(at) + 0.5);
    ctx.lineTo(across ? Math.round(at) + 0.5 : view.size.width, across ? view.size.height : Math.round(at) + 0.5);
  }
  ctx.stroke();
  if (!meta || meta.angles) return;
  ctx.fillStyle = colour("--soft");
  ctx.font = font(0.92);
  ctx.textAlign = "center";
  ctx.fillText("Eta is not known: the recipe has no [setup].", view.size.width / 2, view.size.height / 2);
}

/** @param {ImageView} view @returns {[number, boolean][]} */
function angleTicks(view) {
  const { width, height } = view.size;
  const from = view.toPicture(0, 0);
  const to = view.toPicture(width, height);
  const round = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ most) => {
    const step = [90, 45, 30, 15].find((s) => (high - low) / s >= most * 0.6) ?? 0;
    if (!step) return ticks({ kind: "linear", min: low, max: high }, most);
    return Array.from(
      { length: Math.floor(high / step) - Math.ceil(low / step) + 1 },
      (_, i) => (Math.ceil(low / step) + i) * step,
    );
  };
  const across = round(Math.max(-180, from.col), Math.min(180, to.col), width / 70);
  const upwards = round(Math.max(-720, -to.row), Math.min(1080, -from.row), height / 50);
  return [
    ...across.map((v) => /** @type {[number, boolean]} */ ([v, true])),
    ...upwards.map((v) => /** @type {[number, boolean]} */ ([v, false])),
  ];
}

/** Numbers along two edges. @param {CanvasRenderingContext2D} ctx @param {ImageView} view */
export function angleAxes(ctx, view) {
  const { width, height } = view.size;
  ctx.font = font(0.86);
  const tall = 1.5 * parseFloat(ctx.font);
  const wide = 3 * parseFloat(ctx.font);
  ctx.fillStyle = colour("--plot");
  ctx.globalAlpha = 0.86;
  ctx.fillRect(0, height - tall, width, tall);
  ctx.fillRect(0, 0, wide, height - tall);
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour("--soft");
  for (const [v, across] of angleTicks(view)) {
    const text = number(v, 6);
    ctx.textAlign = across ? "center" : "right";
    ctx.textBaseline = "middle";
    const at = across ? view.toScreen(v, 0).x : view.toScreen(0, -v).y;
    if (across && at > wide + 6 && at < width - 12) ctx.fillText(text, at, height - tall / 2);
    if (!across && at > 10 && at < height - tall - 4) ctx.fillText(text, wide - 6, at);
  }
  ctx.fillStyle = colour("--ink");
  ctx.font = font(0.86, 560);
  ctx.textAlign = "right";
  ctx.fillText("eta / °", width - 6, height - tall - 9);
  ctx.textAlign = "left";
  ctx.fillText("omega / °", wide + 6, 11);
}
