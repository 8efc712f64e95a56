// Small controls of the map's page: switches with a colour, sliders with two ends, the key of colours.

import { el } from "./dom.js";

/**
 * A button that is on or off.
 * @param {{text: string, title: string, swatch?: string, on: boolean, keys?: string}} what
 * @param {(on: boolean) => void} onChange
 */
export function toggle({ text, title, swatch, on }, onChange) {
  const note = el("small");
  const element = el(
    "button.toggle",
    { type: "button", title, "aria-pressed": String(on) },
    swatch ? el("i.swatch", { style: { background: swatch } }) : null,
    el("span", {}, text),
    note,
  );
  const set = (/** @type {boolean} */ next) => element.setAttribute("aria-pressed", String(next));
  element.addEventListener("click", () => {
    const next = element.getAttribute("aria-pressed") !== "true";
    set(next);
    onChange(next);
  });
  return {
    element,
    set,
    note: (/** @type {string} */ says) => (note.textContent = says),
    get on() {
      return element.getAttribute("aria-pressed") === "true";
    },
  };
}

/**
 * A slider with two ends.
 * @param {string} name
 * @param {(low: number, high: number) => void} onChange
 */
export function twoEnds(name, onChange) {
  const low = el("input", { type: "range", "aria-label": `${name} from` });
  const high = el("input", { type: "range", "aria-label": `${name} to` });
  const says = el("output");
  const track = el("span.track");
  const element = el("div.two-ends", { data: { axis: name } }, el("b", {}, name), el("div.ends", {}, track, low, high), says);
  let unit = (/** @type {number} */ v) => String(v);
  const show = () => {
    const [a, b, most] = [Number(low.value), Number(high.value), Number(low.max)];
    track.style.setProperty("--from", String(a / most));
    track.style.setProperty("--to", String(b / most));
    says.textContent = a === 0 && b === most ? "all" : `${unit(a)} … ${unit(b)}`;
    element.classList.toggle("narrowed", a > 0 || b < most);
  };
  const changed = (/** @type {HTMLInputElement} */ mine) => {
    if (Number(low.value) >= Number(high.value)) {
      if (mine === low) low.value = String(Math.max(0, Number(high.value) - 1));
      else high.value = String(Math.min(Number(high.max), Number(low.value) + 1));
    }
    show();
    onChange(Number(low.value), Number(high.value));
  };
  for (const each of [low, high]) each.addEventListener("input", () => changed(each));
  element.addEventListener("dblclick", () => {
    set(0, Number(low.max));
    onChange(0, Number(low.max));
  });
  const set = (/** @type {number} */ a, /** @type {number} */ b) => {
    low.value = String(a);
    high.value = String(b);
    show();
  };
  return {
    element,
    set,
    /** @param {number} most @param {(v: number) => string} says */
    range(most, says) {
      unit = says;
      for (const each of [low, high]) Object.assign(each, { min: "0", max: String(most), step: "1" });
      set(0, most);
    },
  };
}

/**
 * The key of a colouring by orientation: the sector of directions, every grain a dot.
 * @param {HTMLElement} host
 */
export function drawnKey(host) {
  const canvas = el("canvas");
  const title = el("small");
  const names = [0, 1, 2].map((i) => el("span.corner", { data: { corner: String(i) } }));
  const frame = el("div.sector", {}, canvas, ...names);
  const element = el("div.ipf-key", {}, frame, title);
  host.append(element);
  return {
    element,
    /**
     * @param {{image: ImageData, names: string[], corners: number[][], edge: number[][]}} key
     * @param {{says: string, dots: {x: number, y: number, colour: string, chosen: boolean}[], line: string, ink: string}} look
     */
    draw(key, { says, dots, line, ink }) {
      const { width, height } = key.image;
      const margin = 0.05 * width;
      Object.assign(canvas, { width: width + 2 * margin, height: height + 2 * margin });
      frame.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
      const ctx = canvas.getContext("2d");
      const store = document.createElement("canvas");
      Object.assign(store, { width, height });
      store.getContext("2d")?.putImageData(key.image, 0, 0);
      ctx.translate(margin, margin);
      ctx.beginPath();
      key.edge.forEach(([x, y], i) => (i ? ctx.lineTo(x * width, y * height) : ctx.moveTo(x * width, y * height)));
      ctx.closePath();
      ctx.save();
      ctx.clip();
      ctx.globalAlpha = dots.length ? 0.62 : 1;
      ctx.drawImage(store, 0, 0);
      ctx.restore();
      ctx.lineWidth = width / 110;
      ctx.lineJoin = "round";
      ctx.strokeStyle = line;
      ctx.stroke();
      const radius = Math.max(width / 60, Math.min(width / 30, width / (4 * Math.sqrt(dots.length + 1))));
      for (const { x, y, colour, chosen } of [...dots].sort((a, b) => Number(a.chosen) - Number(b.chosen))) {
        ctx.beginPath();
        ctx.arc(x * width, y * height, chosen ? 1.9 * radius : radius, 0, 7);
        ctx.fillStyle = colour;
        ctx.fill();
        ctx.lineWidth = chosen ? width / 60 : width / 170;
        ctx.strokeStyle = chosen ? ink : "rgb(0 0 0 / 65%)";
        ctx.stroke();
      }
      key.corners.forEach(([x, y], i) => {
        names[i].textContent = key.names[i];
        names[i].style.left = `${(100 * (margin + x * width)) / canvas.width}%`;
        names[i].style.top = `${(100 * (margin + y * height)) / canvas.height}%`;
      });
      title.textContent = says;
    },
  };
}
