// Spots, grains, colours and the map, asked for once and shared by the pages that show them.

import { same } from "./state.js";

/**
 * @typedef {Object<string, any[]>} Columns
 * @typedef {Object} Spots
 * @property {number} count
 * @property {Object<string, any>} meta  rows, cols, frames, pairs, ...
 * @property {Object<string, Float32Array>} columns  blob, row, col, frame, eta_deg, two_theta_deg, grain, partner, intensity, omega_deg
 * @typedef {Object} Colours
 * @property {string[]} grain @property {string[]} ipf_x @property {string[]} ipf_y @property {string[]} ipf_z
 * @property {string[]} status  by code
 * @property {{phase: string, system: string, keyed: boolean, grains: number}[]} keys
 * @property {Object<string, ([number, number]|null)[]>} places  by axis: where each grain stands in its phase's key
 * @typedef {Object} GrainMap
 * @property {Uint16Array|Int32Array} data  [z, y, x], 0 or the grain's row + 1
 * @property {Uint8Array} status @property {number[]} shape @property {number} voxel_um @property {number[]} origin_um
 * @property {number} step  voxels of the stored map that one of these stands for
 * @property {number[]} whole  shape of the stored map
 */

/** Voxels of a map that a page holds; of larger ones it takes every second, third, ... voxel. */
const MOST_VOXELS = 40e6;

/** What one page shows of a run. One for all pages of the program. */
export class GrainData {
  /** @param {import("./main.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<string, Promise<any>>} */
    this.asked = new Map();
    /** @type {any} */
    this.stages = null;
  }

  /** Whether the results have changed since they were asked for; forgets them then. */
  stale() {
    const { session } = this.app.state.get();
    const now = { stages: session?.stages, has: session?.has, out: session?.out };
    if (same(now, this.stages)) return false;
    this.stages = now;
    this.asked.clear();
    return true;
  }

  /** @template T @param {string} name @param {() => Promise<T>} ask @returns {Promise<T>} */
  once(name, ask) {
    let found = this.asked.get(name);
    if (!found) {
      found = ask();
      this.asked.set(name, found);
      found.catch(() => this.asked.delete(name));
    }
    return found;
  }

  /** @returns {Promise<Spots>} */
  spots() {
    return this.once("spots", async () => {
      const { data, shape, meta } = await this.app.api.getArray("api/spots");
      const count = shape[0];
      const columns = Object.fromEntries(meta.columns.map((/** @type {string} */ name, /** @type {number} */ c) => {
        const values = new Float32Array(count);
        for (let i = 0; i < count; i++) values[i] = data[i * shape[1] + c];
        return [name, values];
      }));
      return { count, meta, columns };
    });
  }

  /** @returns {Promise<{columns: Columns, notes: string[]}>} */
  grains() {
    return this.once("grains", () => this.app.api.getJson("api/grains"));
  }

  /** @returns {Promise<Colours>} */
  colours() {
    return this.once("colours", () => this.app.api.getJson("api/colours"));
  }

  /** @param {number} id @returns {Promise<any>} */
  grain(id) {
    return this.once(`grain ${id}`, () => this.app.api.getJson("api/grain", { params: { id } }));
  }

  /**
   * @param {number} phase
   * @param {number} size
   * @returns {Promise<{image: ImageData, names: string[], corners: number[][], edge: number[][]}>}
   */
  key(phase, size) {
    return this.once(`key ${phase} ${size}`, async () => {
      const { data, shape, meta } = await this.app.api.getArray("api/key", { params: { phase, size } });
      const image = new ImageData(new Uint8ClampedArray(data), shape[1], shape[0]);
      return { image, names: meta.names, corners: meta.corners, edge: meta.edge };
    });
  }

  /** @returns {Promise<GrainMap>} */
  map() {
    return this.once("map", async () => {
      const ask = (
        /** @type {string} */ layer,
        /** @type {number} */ step,
      ) => this.app.api.getArray("api/volume", { params: { layer, step, pack: 1 } });
      let label = await ask("grain_id", this.step ?? 1);
      const all = label.meta.whole.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
      const step = Math.ceil(Math.cbrt(all / MOST_VOXELS));
      if (step > label.meta.step) label = await ask("grain_id", step);
      const status = await ask("status", label.meta.step);
      const { shape, meta } = label;
      return {
        data: /** @type {any} */ (label.data),
        status: /** @type {any} */ (status.data),
        shape,
        voxel_um: meta.voxel_um,
        origin_um: meta.origin_um,
        step: meta.step,
        whole: meta.whole,
      };
    });
  }
}

/** @type {GrainData|null} */
let shared = null;

/** @param {import("./main.js").App} app */
export function grainData(app) {
  shared ??= new GrainData(app);
  return shared;
}

/** When the style sheet is there: colours of canvases come from it. */
export async function styled() {
  const link = /** @type {HTMLLinkElement|null} */ (document.querySelector('link[href$="grains.css"]'));
  if (link && !link.sheet) await new Promise(
    (done) => ["load", "error"].forEach((name) => link.addEventListener(name, done, { once: true }))
  );
}

const VIRIDIS = ["#440154", "#472c7a", "#3b518b", "#2c718e", "#21908d", "#27ad81", "#5cc863", "#aadc32", "#fde725"];

/** A colour between dark (0) and light (1). @param {number} t */
export function trustColour(t) {
  const at = Math.max(0, Math.min(1, t)) * (VIRIDIS.length - 1);
  const k = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const parts = [1, 3, 5].map((i) => {
    const [a, b] = [VIRIDIS[k], VIRIDIS[k + 1]].map((hex) => parseInt(hex.slice(i, i + 2), 16));
    return Math.round(a + (at - k) * (b - a));
  });
  return `#${parts.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

/** Ways to colour grains, as the pages offer them. */
export const PAINTS = [
  { value: "grain", text: "Grain", title: "Each grain in a colour of its own" },
  { value: "ipf_x", text: "IPF x", title: "The crystal direction along x, the beam at omega = 0" },
  { value: "ipf_y", text: "IPF y", title: "The crystal direction along y" },
  { value: "ipf_z", text: "IPF z", title: "The crystal direction along z, the rotation axis" },
  {
    value: "trust",
    text: "Trust",
    title: "How grains compare in all that is known about them: dark ones are to be trusted least",
  },
];

/** Colours of grains by row. @param {string} paint @param {Colours} colours @param {Columns} columns @returns {string[]} */
export function paintOf(paint, colours, columns) {
  if (paint === "trust") {
    const trust = columns.trust ?? [];
    const order = trust.map((_, i) => i).sort((a, b) => trust[a] - trust[b]);
    const out = new Array(trust.length);
    order.forEach((grain, rank) => (out[grain] = trustColour(trust.length > 1 ? rank / (trust.length - 1) : 1)));
    return out;
  }
  return /** @type {any} */ (colours)[paint] ?? colours.grain;
}
