// The key of a colouring by orientation: the sector of directions, every grain a dot.

import { contextOf, el } from "../lib/dom.js";
import { grainData } from "../lib/grain_data.js";
import * as state from "../lib/state.js";
import { colour } from "../lib/theme.js";

/** More grains than these would cover the key. */
const MOST_DOTS = 400;

/**
 * @typedef {import("../lib/types.js").Colours} Colours
 * @typedef {import("../lib/types.js").Columns} Columns
 * @typedef {{x: number, y: number, colour: string, chosen: boolean}} Dot  places as parts of the key's width and
 *   height
 */

/**
 * The key of the colours in force; that of the chosen grain's phase where there are several.
 * @param {HTMLElement} host
 */
export function orientationKey(host) {
  const key = sector(host);
  return {
    /** @param {{colours: Colours, columns: Columns}} shown */
    async draw({ colours, columns }) {
      const { paint, selection } = state.get();
      const axis = paint.startsWith("ipf_") ? paint.slice(4) : null;
      const mine = columns.phase?.[selection.grain ?? -1];
      const keyed = colours.keys.flatMap((k, row) => (k.keyed && k.grains ? [{ ...k, row }] : []));
      const row = (keyed.find((k) => k.phase === mine) ?? keyed[0])?.row ?? -1;
      key.element.hidden = row < 0 || (!axis && paint !== "grain");
      if (key.element.hidden) return;
      const drawn = await grainData.key(row, 260);
      const { phase } = colours.keys[row];
      const inks = axis === "x" || axis === "y" || axis === "z" ? colours[`ipf_${axis}`] : colours.grain;
      const name = axis ?? "z";
      const dots = colours.places[name].flatMap((place, grain) => {
        if (!place || columns.phase?.[grain] !== phase) return [];
        return [{ x: place[0], y: place[1], colour: inks[grain], chosen: grain === selection.grain }];
      });
      const some = dots.length > MOST_DOTS ? dots.filter((dot) => dot.chosen) : dots;
      key.draw(drawn, `direction along ${name}${colours.keys.length > 1 ? `, ${phase}` : ""}`, some);
    },
  };
}

/** @param {HTMLElement} host */
function sector(host) {
  const canvas = el("canvas");
  const title = el("small");
  const names = [0, 1, 2].map((i) => el("span.corner", { data: { corner: String(i) } }));
  const frame = el("div.sector", {}, canvas, ...names);
  const element = el("div.ipf-key", {}, frame, title);
  host.append(element);
  return {
    element,
    /** @param {import("../lib/types.js").Key} key @param {string} says @param {Dot[]} dots */
    draw(key, says, dots) {
      const { width, height } = key.image;
      const margin = 0.05 * width;
      Object.assign(canvas, { width: width + 2 * margin, height: height + 2 * margin });
      element.style.setProperty("--ratio", String(canvas.width / canvas.height));
      drawSector(canvas, key, margin, dots);
      key.corners.forEach(([x, y], i) => {
        names[i].textContent = key.names[i];
        names[i].style.left = `${(100 * (margin + x * width)) / canvas.width}%`;
        names[i].style.top = `${(100 * (margin + y * height)) / canvas.height}%`;
      });
      title.textContent = says;
    },
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("../lib/types.js").Key} key
 * @param {number} margin
 * @param {Dot[]} dots
 */
function drawSector(canvas, { image, edge }, margin, dots) {
  const { width, height } = image;
  const ctx = contextOf(canvas);
  const store = el("canvas", { width, height });
  contextOf(store).putImageData(image, 0, 0);
  ctx.translate(margin, margin);
  ctx.beginPath();
  edge.forEach(([x, y], i) => (i ? ctx.lineTo(x * width, y * height) : ctx.moveTo(x * width, y * height)));
  ctx.closePath();
  ctx.save();
  ctx.clip();
  ctx.globalAlpha = dots.length ? 0.62 : 1;
  ctx.drawImage(store, 0, 0);
  ctx.restore();
  ctx.lineWidth = width / 110;
  ctx.lineJoin = "round";
  ctx.strokeStyle = colour("--soft");
  ctx.stroke();
  const radius = Math.max(width / 60, Math.min(width / 30, width / (4 * Math.sqrt(dots.length + 1))));
  for (const dot of [...dots].sort((a, b) => Number(a.chosen) - Number(b.chosen))) {
    ctx.beginPath();
    ctx.arc(dot.x * width, dot.y * height, dot.chosen ? 1.9 * radius : radius, 0, 7);
    ctx.fillStyle = dot.colour;
    ctx.fill();
    ctx.lineWidth = dot.chosen ? width / 60 : width / 170;
    ctx.strokeStyle = dot.chosen ? colour("--ink") : "rgb(0 0 0 / 65%)";
    ctx.stroke();
  }
}
