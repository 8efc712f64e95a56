// Where no blobs are looked for: boxes on the frame.

import { colour } from "../lib/theme.js";

/**
 * Boxes [col0, row0, col1, row1] that [segment] excludes.
 * @param {import("../lib/types.js").Segment} segment
 * @param {import("../lib/types.js").Session|null} session
 * @returns {number[][]}
 */
export function excludedBoxes(segment, session) {
  const given = segment.exclude ?? "beam";
  const items = Array.isArray(given) && typeof given[0] !== "number" ? given : [given];
  const boxes = items.map((item) => (item === "beam" ? (session?.baseline?.beam ?? null) : item));
  return /** @type {number[][]} */ (boxes.filter((box) => Array.isArray(box) && box.length === 4));
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {import("../lib/image.js").ImageView} view
 * @param {number[][]} boxes
 */
export function drawExcluded(ctx, view, boxes) {
  ctx.strokeStyle = colour("--on-picture-beam");
  ctx.lineWidth = 1;
  for (const [col0, row0, col1, row1] of boxes) {
    const [a, b] = [view.toScreen(col0, row0), view.toScreen(col1, row1)];
    const [x, y, w, h] = [
      Math.round(a.x) + 0.5,
      Math.round(a.y) + 0.5,
      Math.round(b.x - a.x),
      Math.round(b.y - a.y),
    ];
    ctx.save();
    ctx.beginPath();
    ctx.rect(x, y, w, h);
    ctx.fillStyle = "rgb(5 7 10 / 45%)";
    ctx.fill();
    ctx.setLineDash([4, 3]);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.clip();
    ctx.globalAlpha = 0.35;
    ctx.beginPath();
    for (let at = x - h; at < x + w; at += 9) {
      ctx.moveTo(at, y + h);
      ctx.lineTo(at + h, y);
    }
    ctx.stroke();
    ctx.restore();
  }
}
