// What the pointer does on a picture, and the crosshair it leaves.

import { colour, rem } from "./theme.js";

/** @typedef {import("./image.js").ImageView} ImageView */

/** @param {CanvasRenderingContext2D} ctx @param {ImageView} view @param {{row: number, col: number}} at */
export function drawCrosshair(ctx, view, at) {
  const { x, y } = view.toScreen(at.col + 0.5, at.row + 0.5);
  const gap = Math.max(7, view.view.sx);
  const gapY = Math.max(7, view.view.sy);
  ctx.beginPath();
  for (const [x1, y1, x2, y2] of [
    [0, y, x - gap, y],
    [x + gap, y, view.size.width, y],
    [x, 0, x, y - gapY],
    [x, y + gapY, x, view.size.height],
  ]) {
    ctx.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    ctx.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
  }
  ctx.lineWidth = Math.max(1, Math.round(rem() / 14));
  ctx.strokeStyle = colour("--crosshair-under");
  ctx.setLineDash([]);
  ctx.stroke();
  ctx.strokeStyle = colour("--crosshair");
  ctx.setLineDash([3, 3]);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** Pointer and wheel of a view: drags pan, the wheel zooms, a double click fits. @param {ImageView} view */
export function listen(view) {
  const { host, options } = view;
  /** @type {{x: number, y: number, moved: boolean, taken: boolean}|null} */
  let press = null;
  let last = { x: 0, y: 0 };
  const point = (/** @type {MouseEvent} */ event) => {
    const box = host.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const at = view.toPicture(x, y);
    const { left, top, width, height } = view.extent;
    const inside = at.col >= left && at.row >= top && at.col < left + width && at.row < top + height;
    return { x, y, row: Math.floor(at.row), col: Math.floor(at.col), inside, event };
  };
  host.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    const at = point(event);
    host.setPointerCapture(event.pointerId);
    last = at;
    press = { x: at.x, y: at.y, moved: false, taken: event.button === 0 && options.onDrag?.("down", at) === true };
  });
  host.addEventListener("pointermove", (event) => {
    const at = point(event);
    options.onCursor?.(at.inside ? at : null);
    if (!press) {
      host.style.cursor = options.onHover?.(at) ?? "crosshair";
      return;
    }
    if (Math.hypot(at.x - press.x, at.y - press.y) > 3) press.moved = true;
    if (press.taken) options.onDrag?.("move", at);
    else if (press.moved) {
      host.style.cursor = "grabbing";
      view.pan(at.x - last.x, at.y - last.y);
      last = at;
    }
  });
  const release = (/** @type {PointerEvent} */ event) => {
    const done = press;
    press = null;
    if (!done) return;
    const at = point(event);
    if (done.taken) options.onDrag?.("up", at);
    else if (!done.moved && at.inside && event.type === "pointerup" && event.button === 0) options.onClick?.(at);
    host.style.cursor = options.onHover?.(at) ?? "crosshair";
  };
  host.addEventListener("pointerup", release);
  host.addEventListener("pointercancel", release);
  host.addEventListener("pointerleave", () => options.onCursor?.(null));
  host.addEventListener("dblclick", () => view.fit());
  host.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 30 : 1;
      view.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * unit)) / 300), point(event));
    },
    { passive: false },
  );
}
