// Elements in one line, and the few icons.

/**
 * @template {string} What
 * @typedef {What extends `${infer Tag}.${string}` ? Tag : What} TagOf
 */
/**
 * @template {string} What
 * @typedef {TagOf<What> extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[TagOf<What>] : HTMLElement}
 *   ElementOf
 */

/** @typedef {Node|string|null|undefined|false} Child  what is not there is left out */

/**
 * An element: `el("button.primary", {onclick: fn, ariaLabel: "Play"}, "text", child)`.
 * @template {string} What
 * @param {What} what  tag, then classes after dots
 * @param {Object<string, any>} [properties]  `data`, `style`, attributes with a dash or `role`, else properties
 * @param {...Child} children
 * @returns {ElementOf<What>}
 */
export function el(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style")
      for (const [key, v] of Object.entries(value)) element.style.setProperty(key, String(v));
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else Object.assign(element, { [name]: value });
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
  return /** @type {ElementOf<What>} */ (element);
}

/**
 * The drawing context of a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export function contextOf(canvas, settings) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", settings));
}

/**
 * Does `fn` at the next frame of the display, once however often it is asked for.
 * @param {() => void} fn
 */
export function atNextFrame(fn) {
  let planned = false;
  return () => {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      fn();
    });
  };
}

/**
 * Give a canvas the size of its host in device pixels, empty it, and let its context count CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2D} ctx  of the canvas
 * @param {HTMLElement} host
 */
export function cleared(canvas, ctx, host) {
  const { clientWidth: width, clientHeight: height } = host;
  const ratio = devicePixelRatio;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
}

const PATHS = {
  play: "M5 3.5v9l7.5-4.5z",
  pause: "M4.5 3.5v9M11.5 3.5v9",
  previous: "M10.5 3.5 6 8l4.5 4.5",
  next: "M5.5 3.5 10 8l-4.5 4.5",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  look: "M8 1.5v4M8 10.5v4M1.5 8h4M10.5 8h4",
  box: "M2.5 4.5h11v7h-11z",
  boxes: "M2.5 4.5h3v7h-3zM10.5 4.5h3v7h-3z",
  brush: "M13.5 2.5 7.5 8.5M7.5 8.5c-1.6-.6-3 .3-3.2 1.8-.1 1-.7 1.8-1.8 2.2 2 1 5.2.6 5.9-1.6.2-.8 0-1.7-.9-2.4z",
  eraser: "M9.5 3 13 6.5 7 12.5H4.5L2.5 10.5zM6.3 6.2l3.5 3.5",
  undo: "M3 6.5h6.5a3.25 3.25 0 0 1 0 6.5H6M3 6.5 6 3.5M3 6.5l3 3",
  redo: "M13 6.5H6.5a3.25 3.25 0 0 0 0 6.5H10M13 6.5l-3-3M13 6.5l-3 3",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  help: "M5.7 6a2.3 2.3 0 1 1 3.4 2c-.7.4-1.1.8-1.1 1.7M8 12.3v.3",
  sun: "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6M8 1.5v1.3M8 13v1.5M1.5 8H3M13 8h1.5M4 4l.5.5M11.5 11.5l.5.5M4 12l.5-.5M12 4l-.5.5",
  moon: "M12.8 9.7A5.3 5.3 0 0 1 6.3 3.2a5.3 5.3 0 1 0 6.5 6.5z",
  half: "M8 2.5a5.5 5.5 0 1 1 0 11zM8 2.5a5.5 5.5 0 1 0 0 11",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  warn: "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.2",
  lock: "M4.5 7.5h7v5.5h-7zM5.8 7.5V5.3a2.2 2.2 0 0 1 4.4 0v2.2",
  stop: "M4.5 4.5h7v7h-7z",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9",
};

/** @typedef {keyof PATHS} IconName */

/** An icon of 16 x 16, drawn in the text's colour. @param {IconName} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
