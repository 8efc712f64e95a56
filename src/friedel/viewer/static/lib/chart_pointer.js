// The pointer on a chart.

import { nearest, row } from "./marks.js";
import { number } from "./numbers.js";

/**
 * Lines are taken within some pixels, elsewhere a click says where.
 * @param {import("./chart.js").Chart} chart
 */
export function listen(chart) {
  const { host, options } = chart;
  const at = (/** @type {PointerEvent} */ event) => event.clientX - host.getBoundingClientRect().left;
  const grabbed = (/** @type {number} */ x) => {
    const near = (chart.content.lines ?? [])
      .filter((line) => line.drag)
      .map((line) => ({ id: line.id, far: Math.abs(chart.px(line.x) - x) }));
    return near.sort((a, b) => a.far - b.far).find((line) => line.far < 9)?.id ?? null;
  };
  host.addEventListener("pointerdown", (event) => {
    if (!chart.scales.x || event.button) return;
    chart.held = grabbed(at(event));
    if (chart.held) host.setPointerCapture(event.pointerId);
    else options.onClick?.(chart.valueAt(at(event)));
  });
  host.addEventListener("pointermove", (event) => {
    if (!chart.scales.x) return;
    chart.pointer = at(event);
    host.style.cursor =
      chart.held || grabbed(chart.pointer) ? "ew-resize" : options.onClick ? "pointer" : "default";
    if (chart.held) options.onDrag?.(chart.held, chart.valueAt(chart.pointer), false);
    else options.onHover?.(chart.valueAt(chart.pointer));
    chart.draw();
  });
  const drop = (/** @type {PointerEvent} */ event) => {
    const id = chart.held;
    chart.held = null;
    if (id) options.onDrag?.(id, chart.valueAt(at(event)), true);
    chart.draw();
  };
  host.addEventListener("pointerup", drop);
  host.addEventListener("pointercancel", drop);
  host.addEventListener("pointerleave", () => {
    chart.pointer = null;
    options.onHover?.(null);
    chart.draw();
  });
}

/**
 * Values under the pointer, beside a line through it.
 * @param {import("./chart.js").Chart} chart
 * @param {import("./marks.js").Series[]} series
 */
export function readout(chart, series) {
  const { pointer, tip, box, ctx } = chart;
  tip.hidden = pointer === null || chart.held !== null || !chart.options.readout;
  if (pointer === null || tip.hidden) return;
  const at = Math.min(box.left + box.width, Math.max(box.left, pointer));
  const v = chart.valueAt(at);
  chart.rule(Math.round(at) + 0.5, box.top, Math.round(at) + 0.5, box.top + box.height, "--soft");
  const { x = {}, y = {}, y2 } = chart.content;
  const rows = series
    .filter((one) => one.name)
    .map((one) => row(one.name, ((one.axis === "y2" ? y2 : y)?.format ?? number)(nearest(one, v)), one.colour));
  tip.replaceChildren(row("", `${(x.format ?? number)(v)}${x.label ? ` ${x.label}` : ""}`), ...rows);
  const room = chart.host.clientWidth - at;
  tip.style.left = room > tip.offsetWidth + 12 ? `${at + 8}px` : `${Math.max(0, at - tip.offsetWidth - 8)}px`;
  tip.style.top = `${box.top}px`;
  ctx.lineWidth = 1;
}
