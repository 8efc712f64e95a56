// Colours: the page's theme, colour maps for pictures, and palettes that colour-blind people tell apart.

const FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
/** @type {Map<string, string>} */
const resolved = new Map();
/** @type {HTMLElement|null} */
let probe = null;

/**
 * The colour of a CSS variable in today's theme, as canvases need it.
 * @param {string} name  e.g. "--ink"
 */
export function colour(name) {
  let value = resolved.get(name);
  if (value) return value;
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${name})`;
  value = getComputedStyle(probe).color;
  resolved.set(name, value);
  return value;
}

/** @returns {"auto"|"light"|"dark"} */
export function theme() {
  const name = document.documentElement.dataset.theme;
  return name === "light" || name === "dark" ? name : "auto";
}

/** @param {"auto"|"light"|"dark"} name */
export function setTheme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  localStorage.setItem("friedel-theme", name);
  announce();
}

/**
 * Call `fn` when colours changed.
 * @param {() => void} fn
 * @returns {() => void} stops that
 */
export function onTheme(fn) {
  document.addEventListener("friedel-theme", fn);
  return () => document.removeEventListener("friedel-theme", fn);
}

function announce() {
  resolved.clear();
  document.dispatchEvent(new Event("friedel-theme"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);

/** One rem in CSS pixels: text on canvases grows with the page. */
export function rem() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/** Text on canvases. @param {number} size in rem @param {number} [weight] */
export function font(size, weight = 400) {
  return `${weight} ${(size * rem()).toFixed(2)}px ${FAMILY}`;
}

/**
 * Okabe and Ito's colours: blobs kept first, then reasons of rejection in their order, bright enough for pictures.
 */
export const OKABE_ITO = ["#56b4e9", "#e69f00", "#cc79a7", "#f0e442", "#d55e00", "#009e73", "#bbbbbb", "#0072b2"];

/** @type {Object<string, string[]>} */
const STOPS = {
  grey: ["#000000", "#ffffff"],
  "grey inverted": ["#ffffff", "#000000"],
  viridis: [
    "#440154",
    "#482878",
    "#3e4989",
    "#31688e",
    "#26828e",
    "#1f9e89",
    "#35b779",
    "#6ece58",
    "#b5de2b",
    "#fde725",
  ],
  inferno: [
    "#000004",
    "#1b0c41",
    "#4a0c6b",
    "#781c6d",
    "#a52c60",
    "#cf4446",
    "#ed6925",
    "#fb9b06",
    "#f7d13d",
    "#fcffa4",
  ],
  dusk: ["#05070d", "#16233f", "#2f4f7f", "#7d8fae", "#d9cfc0", "#fff8ea"],
};

/** Names of the colour maps. */
export const MAPS = Object.keys(STOPS);

/**
 * A colour map as 256 pixels for a Uint32 view of ImageData (bytes R, G, B, A).
 * @param {string} name  one of MAPS
 * @returns {Uint32Array}
 */
export function colourMap(name) {
  const stops = (STOPS[name] ?? STOPS.grey).map(rgb);
  const out = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(Math.floor(at), stops.length - 2);
    const [r, g, b] = stops[k].map((v, n) => Math.round(v + (at - k) * (stops[k + 1][n] - v)));
    out[i] = pixel(r, g, b);
  }
  return out;
}

/** @param {string} hex "#rrggbb" @returns {number[]} */
export function rgb(hex) {
  const n = parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}

/**
 * One pixel of a Uint32 view of ImageData.
 * @param {number} r
 * @param {number} g
 * @param {number} b
 * @param {number} [a]
 */
export function pixel(r, g, b, a = 255) {
  return ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
