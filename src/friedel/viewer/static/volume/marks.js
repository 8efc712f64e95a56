// What is drawn over the solid: the axes of the sample, a scale, the edges of what is not shown.

import { contextOf } from "../lib/dom.js";
import { colour, font } from "../lib/theme.js";

/**
 * The sample's axes and a scale: the picture has no perspective.
 * @param {import("./solid_view.js").SolidView} view
 */
export function drawMarks(view) {
  const ctx = contextOf(view.top);
  const { width, height } = view;
  ctx.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  drawBox(ctx, view);
  const unit = parseFloat(font(1).split(" ")[1]);
  drawTriad(ctx, view, unit);
  drawScale(ctx, view, unit);
}

/**
 * The edges of the whole map, faintly, where only a part of it is shown.
 * @param {CanvasRenderingContext2D} ctx @param {import("./solid_view.js").SolidView} view
 */
function drawBox(ctx, view) {
  const { size } = view.camera;
  const { low, high } = view.scene;
  const clipped = low.some((v) => v > 0) || high.some((v, k) => v < size[k]);
  if (!clipped && !view.only) return;
  const rays = view.camera.rays(view.width, view.height);
  ctx.beginPath();
  for (let k = 0; k < 3; k++)
    for (const a of [0, 1])
      for (const b of [0, 1]) {
        const ends = [0, 1].map((c) => {
          const p = [0, 0, 0];
          p[k] = c * size[k];
          p[(k + 1) % 3] = a * size[(k + 1) % 3];
          p[(k + 2) % 3] = b * size[(k + 2) % 3];
          return view.toScreen(p, rays);
        });
        ctx.moveTo(ends[0].x, ends[0].y);
        ctx.lineTo(ends[1].x, ends[1].y);
      }
  ctx.strokeStyle = colour("--soft");
  ctx.globalAlpha = 0.3;
  ctx.lineWidth = 1;
  ctx.stroke();
  ctx.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {import("./solid_view.js").SolidView} view
 * @param {number} unit  one rem in CSS pixels
 */
function drawTriad(ctx, view, unit) {
  const { height } = view;
  const { right, up, forward } = view.camera.axes;
  const length = 2.3 * unit;
  /** @type {[number, number]} */
  const foot = [3.6 * unit, height - 3.3 * unit];
  ctx.lineWidth = 1.4;
  ctx.font = font(0.9, 560);
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const order = [0, 1, 2].sort((a, b) => forward[b] - forward[a]);
  for (const k of order) {
    const [dx, dy] = [right[k] * length, -up[k] * length];
    const far = 0.55 + 0.45 * (0.5 - forward[k] / 2);
    ctx.globalAlpha = far;
    ctx.strokeStyle = ctx.fillStyle = colour(["--axis-x", "--axis-y", "--axis-z"][k]);
    ctx.beginPath();
    ctx.moveTo(...foot);
    ctx.lineTo(foot[0] + dx, foot[1] + dy);
    ctx.stroke();
    ctx.fillText("xyz"[k], foot[0] + 1.34 * dx + (Math.hypot(dx, dy) < 8 ? 9 : 0), foot[1] + 1.34 * dy);
  }
  ctx.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {import("./solid_view.js").SolidView} view
 * @param {number} unit  one rem in CSS pixels
 */
function drawScale(ctx, view, unit) {
  const { width, height } = view;
  const um = view.camera.scale(width, height) * view.voxel_um;
  const wanted = 0.22 * width * um;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const bar = [5, 2, 1].map((m) => m * power).find((v) => v <= wanted) ?? power;
  const end = width - 1.6 * unit;
  ctx.strokeStyle = ctx.fillStyle = colour("--ink");
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(end - bar / um, height - 1.5 * unit);
  ctx.lineTo(end, height - 1.5 * unit);
  ctx.stroke();
  ctx.font = font(0.86);
  ctx.textAlign = "right";
  ctx.fillText(`${bar} µm`, end, height - 2.4 * unit);
}
