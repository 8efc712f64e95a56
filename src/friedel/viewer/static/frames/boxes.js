// Boxes on the picture: direct beam and margin, moved and drawn with the pointer.

import { beamBox } from "../lib/beam.js";
import * as state from "../lib/state.js";
import { colour, font } from "../lib/theme.js";

/**
 * @typedef {import("../lib/types.js").Box} Box
 * @typedef {import("../lib/image.js").Point} Point
 * @typedef {import("../lib/image.js").ImageView} ImageView
 */

const NEAR = 7;

/** The margins as drafted or measured. @returns {Box[]} */
export function marginBoxes() {
  const { preprocess, session } = state.get();
  const { margin } = preprocess;
  if (Array.isArray(margin)) return margin;
  const beam = beamBox();
  if (typeof margin === "number" && beam) {
    const [c0, r0, c1, r1] = beam;
    return [
      [c0, r0, Math.min(c1, c0 + margin), r1],
      [Math.max(c0, c1 - margin), r0, c1, r1],
    ];
  }
  return session?.baseline?.margins ?? [];
}

/**
 * What happens to boxes under the pointer.
 * @param {() => "beam"|"margin"|null} tool
 * @param {(values: Partial<import("../lib/types.js").Preprocess>|null) => void} onLive  while they are dragged; null:
 *   let go
 * @returns {{drag: (phase: string, p: Point) => boolean, hover: (p: Point) => string|null, remove: () => boolean,
 *   overlay: (ctx: CanvasRenderingContext2D, view: ImageView) => void, attach: (view: ImageView) => void}}
 */
export function boxTool(tool, onLive) {
  /** @type {ImageView|null} */
  let view = null;
  let chosen = 0;
  /** @type {{edges: string, box: Box, col: number, row: number}|null} */
  let held = null;
  /** @type {Box[]|null} */
  let live = null;

  const boxes = () => live ?? (tool() === "beam" ? [beamBox()].filter((box) => box !== null) : marginBoxes());

  /**
   * Which edges (letters of "lrtb", "m" for the middle) of which box are near.
   * @param {Point} p
   */
  function hit(p) {
    if (!view) return null;
    const list = boxes();
    const order = list.map((_, i) => i).sort((a, b) => Number(b === chosen) - Number(a === chosen));
    for (const i of order) {
      const [c0, r0, c1, r1] = list[i];
      const a = view.toScreen(c0, r0);
      const b = view.toScreen(c1, r1);
      if (p.x < a.x - NEAR || p.x > b.x + NEAR || p.y < a.y - NEAR || p.y > b.y + NEAR) continue;
      const left = Math.abs(p.x - a.x);
      const right = Math.abs(p.x - b.x);
      const top = Math.abs(p.y - a.y);
      const bottom = Math.abs(p.y - b.y);
      const near = Math.min(NEAR, Math.max(2, (b.x - a.x) / 3), Math.max(2, (b.y - a.y) / 3));
      const across = Math.min(left, right) <= near ? (left <= right ? "l" : "r") : "";
      const down = Math.min(top, bottom) <= near ? (top <= bottom ? "t" : "b") : "";
      return { i, edges: across + down || "m" };
    }
    return null;
  }

  /** @param {Point} p */
  function begin(p) {
    if (!tool() || !view) return false;
    const list = [...boxes()];
    const found = hit(p);
    const at = view.toPicture(p.x, p.y);
    if (found) chosen = found.i;
    else if (!p.inside) return false;
    else {
      const fresh = /** @type {Box} */ ([p.col, p.row, p.col + 1, p.row + 1]);
      if (tool() === "beam") list.splice(0, list.length);
      list.push(fresh);
      chosen = list.length - 1;
    }
    live = list.map((box) => /** @type {Box} */ ([...box]));
    held = { edges: found?.edges ?? "rb", box: [...live[chosen]], ...at };
    return true;
  }

  /** @param {Point} p */
  function move(p) {
    if (!held || !live || !view) return;
    const at = view.toPicture(p.x, p.y);
    const { rows, cols } = state.scanShape();
    let [c0, r0, c1, r1] = held.box;
    let dc = Math.round(at.col - held.col);
    let dr = Math.round(at.row - held.row);
    if (held.edges === "m") {
      dc = Math.min(cols - c1, Math.max(-c0, dc));
      dr = Math.min(rows - r1, Math.max(-r0, dr));
      [c0, r0, c1, r1] = [c0 + dc, r0 + dr, c1 + dc, r1 + dr];
    } else {
      if (held.edges.includes("l")) c0 += dc;
      if (held.edges.includes("r")) c1 += dc;
      if (held.edges.includes("t")) r0 += dr;
      if (held.edges.includes("b")) r1 += dr;
      [c0, c1] = ordered(c0, c1, cols);
      [r0, r1] = ordered(r0, r1, rows);
    }
    live[chosen] = [c0, r0, c1, r1];
    onLive(values(live));
    view.drawOverlays();
  }

  /** What the recipe would have. @param {Box[]} list @returns {Partial<import("../lib/types.js").Preprocess>} */
  function values(list) {
    return tool() === "beam" ? { beam: list[chosen] } : { margin: list };
  }

  function commit() {
    if (live && held) {
      const [c0, r0, c1, r1] = live[chosen];
      const [a, b, c, d] = held.box;
      const tiny = held.edges === "rb" && c - a === 1 && d - b === 1 && (c1 - c0 < 3 || r1 - r0 < 3);
      if (!tiny) state.edit("preprocess", values(live));
    }
    live = held = null;
    onLive(null);
    view?.drawOverlays();
  }

  return {
    attach(to) {
      view = to;
    },
    drag(phase, p) {
      if (phase === "down") return begin(p);
      if (phase === "move") move(p);
      else commit();
      return true;
    },
    hover(p) {
      const edges = tool() && view ? hit(p)?.edges : null;
      if (!edges) return null;
      /** @type {Object<string, string>} */
      const cursors = {
        m: "move",
        l: "ew-resize",
        r: "ew-resize",
        t: "ns-resize",
        b: "ns-resize",
        lt: "nwse-resize",
        rb: "nwse-resize",
        rt: "nesw-resize",
        lb: "nesw-resize",
      };
      return cursors[edges] ?? "crosshair";
    },
    remove() {
      if (tool() !== "margin") return false;
      const list = marginBoxes();
      if (list.length < 2) return false;
      state.edit("preprocess", { margin: list.filter((_, i) => i !== chosen) });
      chosen = 0;
      return true;
    },
    overlay(ctx, on) {
      const beam = tool() === "beam" && live ? live[0] : beamBox();
      const margins = tool() === "margin" && live ? live : marginBoxes();
      margins.forEach((box, i) =>
        drawBox(ctx, on, box, "--on-picture-margin", i === 0 ? "margin" : "", tool() === "margin", i === chosen),
      );
      if (beam) drawBox(ctx, on, beam, "--on-picture-beam", "direct beam", tool() === "beam", true);
    },
  };
}

/** @param {number} a @param {number} b @param {number} most */
function ordered(a, b, most) {
  const [low, high] = a < b ? [a, b] : [b, a];
  const from = Math.min(most - 1, Math.max(0, low));
  return [from, Math.min(most, Math.max(from + 1, high))];
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {ImageView} view
 * @param {Box} box
 * @param {string} ink
 * @param {string} label
 * @param {boolean} active
 * @param {boolean} chosen
 */
function drawBox(ctx, view, [c0, r0, c1, r1], ink, label, active, chosen) {
  const a = view.toScreen(c0, r0);
  const b = view.toScreen(c1, r1);
  const [x, y, w, h] = [Math.round(a.x) + 0.5, Math.round(a.y) + 0.5, Math.round(b.x - a.x), Math.round(b.y - a.y)];
  ctx.strokeStyle = "rgb(0 0 0 / 40%)";
  ctx.lineWidth = 2.5;
  if (active) ctx.strokeRect(x, y, w, h);
  ctx.strokeStyle = ctx.fillStyle = colour(ink);
  ctx.lineWidth = active ? 1.5 : 1;
  ctx.strokeRect(x, y, w, h);
  if (active) {
    ctx.globalAlpha = 0.1;
    ctx.fillRect(x, y, w, h);
    ctx.globalAlpha = 1;
  }
  if (active && chosen) {
    for (const [hx, hy] of [
      [x, y],
      [x + w, y],
      [x, y + h],
      [x + w, y + h],
      [x + w / 2, y],
      [x + w / 2, y + h],
      [x, y + h / 2],
      [x + w, y + h / 2],
    ]) {
      ctx.beginPath();
      ctx.arc(hx, hy, 3.5, 0, 2 * Math.PI);
      ctx.fillStyle = "#ffffff";
      ctx.fill();
      ctx.stroke();
    }
  }
  if (!label || !active) return;
  ctx.font = font(0.8, 560);
  ctx.fillStyle = colour(ink);
  ctx.textBaseline = "bottom";
  ctx.shadowColor = "rgb(0 0 0 / 80%)";
  ctx.shadowBlur = 3;
  ctx.fillText(label, x, y - 4);
  ctx.shadowBlur = 0;
}
