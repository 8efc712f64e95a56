// Three cuts through the map at the crosshair, one beside the other, with the lines between grains.

import { el } from "../lib/dom.js";
import { ImageView } from "../lib/image.js";
import { colour, onTheme, pixel } from "../lib/theme.js";

/** The two axes of each slice, across and upwards, and the one that it cuts. 0, 1, 2: x, y, z */
const SLICES = [
  { name: "xy", across: 0, upwards: 1, cut: 2 },
  { name: "xz", across: 0, upwards: 2, cut: 1 },
  { name: "yz", across: 1, upwards: 2, cut: 0 },
];

/**
 * @typedef {Object} Part  one of the three slices
 * @property {typeof SLICES[0]} slice
 * @property {HTMLElement} host
 * @property {ImageView} view
 * @property {HTMLElement} label
 * @property {{lines: Path2D, mine: Path2D}} cached  lines between grains, and around the chosen one
 */

/**
 * @param {{onCross: (cross: number[]) => void, onPick: (voxel: number[]) => void, onHover: (voxel: number[]|null)
 *   => void}} hooks
 */
export function slices(hooks) {
  /** @type {import("../lib/types.js").GrainMap|null} */
  let map = null;
  let cross = [0, 0, 0];
  /** @type {Uint32Array} */
  let paint = new Uint32Array(1);
  let byStatus = false;
  let statuses = [false, true, true, true];
  let chosen = 0;
  let box = { low: [0, 0, 0], high: [1, 1, 1] };
  /** @type {{x: number, y: number}|null} */
  let pressed = null;

  /** @type {Part[]} */
  const parts = SLICES.map((slice) => {
    const label = el("span.chip.top-left");
    const host = el("div.slice", { data: { slice: slice.name } });
    const view = new ImageView(host, {
      label: `Slice ${slice.name}`,
      onDrag: (phase, point) => {
        if (phase === "down") pressed = { x: point.x, y: point.y };
        if (phase !== "up") move(slice, point);
        else if (pressed && Math.hypot(point.x - pressed.x, point.y - pressed.y) < 4)
          hooks.onPick(voxelOf(slice, point));
        return true;
      },
      onCursor: (point) => hooks.onHover(point && voxelOf(slice, point)),
      onHover: () => "crosshair",
      overlays: [(ctx, it) => overlay(slice, ctx, it)],
    });
    host.append(label);
    return { slice, host, view, label, cached: { lines: new Path2D(), mine: new Path2D() } };
  });

  /** @param {typeof SLICES[0]} slice @param {{row: number, col: number}} point */
  function voxelOf({ across, upwards, cut }, { row, col }) {
    const size = sizes();
    const voxel = [...cross];
    voxel[across] = Math.max(0, Math.min(size[across] - 1, col));
    voxel[upwards] = Math.max(0, Math.min(size[upwards] - 1, size[upwards] - 1 - row));
    voxel[cut] = cross[cut];
    return voxel;
  }

  /** @param {typeof SLICES[0]} slice @param {import("../lib/image.js").Point} point */
  function move(slice, point) {
    if (!map) return;
    const next = voxelOf(slice, point);
    if (next.some((v, k) => v !== cross[k])) hooks.onCross(next);
  }

  function sizes() {
    return map ? [...map.shape].reverse() : [1, 1, 1];
  }

  /** Labels of a slice, upper row first. @param {typeof SLICES[0]} slice */
  function cutOut({ across, upwards, cut }) {
    const size = sizes();
    const strides = [1, size[0], size[0] * size[1]];
    const [wide, tall] = [size[across], size[upwards]];
    const label = new Int32Array(wide * tall);
    const state = new Uint8Array(wide * tall);
    if (!map) return { label, state, wide, tall };
    const { data, status } = map;
    for (let row = 0, i = 0; row < tall; row++) {
      let from = cross[cut] * strides[cut] + (tall - 1 - row) * strides[upwards];
      for (let col = 0; col < wide; col++, i++, from += strides[across]) {
        if (!data[from] || !statuses[status[from]]) continue;
        label[i] = data[from];
        state[i] = status[from];
      }
    }
    return { label, state, wide, tall };
  }

  /** @param {Part} part */
  function redraw(part) {
    if (!map) return;
    const { slice, view, label: chip, cached } = part;
    const { label, state, wide, tall } = cutOut(slice);
    const numbers = (colour("--picture").match(/[\d.]+/g) ?? ["0", "0", "0"]).map(Number);
    const nothing = pixel(numbers[0], numbers[1], numbers[2]);
    const pixels = new Uint32Array(wide * tall);
    for (let i = 0; i < pixels.length; i++) {
      const base = label[i] ? (byStatus ? paint[state[i]] : paint[label[i]]) : nothing;
      pixels[i] = chosen && label[i] && label[i] !== chosen ? dimmed(base) : base;
    }
    const margin = Math.ceil(0.05 * Math.max(wide, tall));
    view.setArray(
      { data: pixels, shape: [tall, wide] },
      { extent: { left: -margin, top: -margin, width: wide + 2 * margin, height: tall + 2 * margin } },
    );
    cached.lines = borders(label, wide, tall, 0);
    cached.mine = borders(label, wide, tall, chosen);
    const um = map.origin_um[slice.cut] + (cross[slice.cut] + 0.5) * map.voxel_um;
    chip.textContent = `${"xyz"[slice.across]}–${"xyz"[slice.upwards]} at ${"xyz"[slice.cut]} = ${um.toFixed(1).replace("-", "−")} µm`;
    mark(part);
  }

  /** @param {Part} part */
  function mark({ slice, view }) {
    view.setCrosshair({ col: cross[slice.across], row: sizes()[slice.upwards] - 1 - cross[slice.upwards] });
  }

  /** @param {typeof SLICES[0]} slice @param {CanvasRenderingContext2D} ctx @param {ImageView} view */
  function overlay(slice, ctx, view) {
    const { cached } = parts.find((part) => part.slice === slice) ?? {};
    if (!cached) return;
    const scale = view.view.sx;
    view.inPicture(ctx);
    ctx.lineCap = "square";
    ctx.strokeStyle = "#12161d";
    ctx.lineWidth = Math.min(1, 0.22 * scale + 0.3) / scale;
    ctx.stroke(cached.lines);
    if (chosen) {
      ctx.strokeStyle = colour("--chosen");
      ctx.lineWidth = 2 / scale;
      ctx.stroke(cached.mine);
    }
    const size = sizes();
    const [left, right] = [box.low[slice.across], box.high[slice.across]];
    const [top, bottom] = [
      size[slice.upwards] - box.high[slice.upwards],
      size[slice.upwards] - box.low[slice.upwards],
    ];
    if (left > 0 || top > 0 || right < size[slice.across] || bottom < size[slice.upwards]) {
      ctx.strokeStyle = colour("--warm");
      ctx.lineWidth = 1.2 / scale;
      ctx.setLineDash([5 / scale, 3 / scale]);
      ctx.strokeRect(left, top, right - left, bottom - top);
    }
  }

  onTheme(() => parts.forEach(redraw));

  return {
    hosts: parts.map((part) => part.host),
    views: parts.map((part) => part.view),
    /** @param {import("../lib/types.js").GrainMap} next */
    setMap(next) {
      map = next;
      cross = sizes().map((n) => Math.floor(n / 2));
      box = { low: [0, 0, 0], high: sizes() };
      parts.forEach(redraw);
    },
    /** @param {{paint?: Uint32Array, byStatus?: boolean, statuses?: boolean[], chosen?: number}} look */
    setLook(look) {
      ({ paint = paint, byStatus = byStatus, statuses = statuses, chosen = chosen } = look);
      parts.forEach(redraw);
    },
    /** @param {number[]} next */
    setCross(next) {
      const moved = next.map((v, k) => v !== cross[k]);
      cross = [...next];
      parts.forEach((part) => (moved[part.slice.cut] ? redraw(part) : mark(part)));
    },
    /** @param {number[]} low @param {number[]} high */
    setBox(low, high) {
      box = { low, high };
      parts.forEach((part) => part.view.drawOverlays());
    },
  };
}

/** @param {number} colour_  as pixels are stored */
function dimmed(colour_) {
  const [r, g, b] = [colour_ & 255, (colour_ >> 8) & 255, (colour_ >> 16) & 255];
  const grey = 0.3 * r + 0.59 * g + 0.11 * b;
  const to = (/** @type {number} */ v) => Math.round(0.38 * v + 0.62 * (0.9 * grey + 12));
  return pixel(to(r), to(g), to(b));
}

/**
 * Lines where two grains meet, or around one of them.
 * @param {Int32Array} label @param {number} wide @param {number} tall @param {number} only  0: between all
 */
function borders(label, wide, tall, only) {
  const path = new Path2D();
  const at = (/** @type {number} */ row, /** @type {number} */ col) =>
    row < 0 || col < 0 || row >= tall || col >= wide ? 0 : label[row * wide + col];
  const between = (/** @type {number} */ a, /** @type {number} */ b) =>
    a !== b && (only ? a === only || b === only : a > 0 && b > 0);
  const sweep = (
    /** @type {number} */ lines,
    /** @type {number} */ length,
    /** @type {(line: number, i: number) => boolean} */ edge,
    /** @type {(line: number, from: number, to: number) => void} */ stroke,
  ) => {
    for (let line = 0; line <= lines; line++) {
      let from = -1;
      for (let i = 0; i <= length; i++) {
        const on = i < length && edge(line, i);
        if (on && from < 0) from = i;
        if (!on && from >= 0) {
          stroke(line, from, i);
          from = -1;
        }
      }
    }
  };
  sweep(
    tall,
    wide,
    (row, col) => between(at(row - 1, col), at(row, col)),
    (row, from, to) => {
      path.moveTo(from, row);
      path.lineTo(to, row);
    },
  );
  sweep(
    wide,
    tall,
    (col, row) => between(at(row, col - 1), at(row, col)),
    (col, from, to) => {
      path.moveTo(col, from);
      path.lineTo(col, to);
    },
  );
  return path;
}
