// Spots, grains, colours and the map, asked for once and shared by the pages that show them.

import * as api from "./api.js";
import * as state from "./state.js";
import { same } from "./state.js";

/**
 * @typedef {import("./types.js").Columns} Columns
 * @typedef {import("./types.js").Spots} Spots
 * @typedef {import("./types.js").Colours} Colours
 * @typedef {import("./types.js").GrainMap} GrainMap
 */

/** Voxels of a map that a page holds; of larger ones it takes every second, third, ... voxel. */
const MOST_VOXELS = 40e6;

/** What a run has found, one for all pages. */
export class GrainData {
  constructor() {
    /** @type {Map<string, Promise<any>>} */
    this.asked = new Map();
    /** @type {Object<string, unknown>|null} of what results it was asked for */
    this.of = null;
  }

  /** Whether the results have changed since they were asked for; forgets them then. */
  stale() {
    const { session } = state.get();
    const now = { stages: session?.stages, has: session?.has, out: session?.out };
    if (same(now, this.of)) return false;
    this.of = now;
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
      const { data, shape, meta } = await api.getArray("api/spots");
      const count = shape[0];
      const columns = Object.fromEntries(
        meta.columns.map((/** @type {string} */ name, /** @type {number} */ c) => {
          const values = new Float32Array(count);
          for (let i = 0; i < count; i++) values[i] = data[i * shape[1] + c];
          return [name, values];
        }),
      );
      return { count, meta: /** @type {Spots["meta"]} */ (meta), columns };
    });
  }

  /** @returns {Promise<{columns: Columns, notes: string[]}>} */
  grains() {
    return this.once("grains", () => api.getJson("api/grains"));
  }

  /** @returns {Promise<Colours>} */
  colours() {
    return this.once("colours", () => api.getJson("api/colours"));
  }

  /** @param {number} id @returns {Promise<import("./types.js").Grain>} */
  grain(id) {
    return this.once(`grain ${id}`, () => api.getJson("api/grain", { params: { id } }));
  }

  /**
   * @param {number} phase
   * @param {number} size
   * @returns {Promise<import("./types.js").Key>}
   */
  key(phase, size) {
    return this.once(`key ${phase} ${size}`, async () => {
      const { data, shape, meta } = await api.getArray("api/key", { params: { phase, size } });
      const image = new ImageData(new Uint8ClampedArray(data), shape[1], shape[0]);
      return { image, names: meta.names, corners: meta.corners, edge: meta.edge };
    });
  }

  /** @returns {Promise<GrainMap>} */
  map() {
    return this.once("map", async () => {
      const ask = (/** @type {string} */ layer, /** @type {number} */ step) =>
        api.getArray("api/volume", { params: { layer, step, pack: 1 } });
      let label = await ask("grain_id", 1);
      const all = label.meta.whole.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
      const step = Math.ceil(Math.cbrt(all / MOST_VOXELS));
      if (step > label.meta.step) label = await ask("grain_id", step);
      const status = await ask("status", label.meta.step);
      const { shape, meta } = label;
      return {
        data: /** @type {GrainMap["data"]} */ (label.data),
        status: /** @type {Uint8Array} */ (status.data),
        shape,
        voxel_um: meta.voxel_um,
        origin_um: meta.origin_um,
        step: meta.step,
      };
    });
  }
}

/** The data that all pages share. */
export const grainData = new GrainData();

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

/**
 * Colours of grains by row.
 * @param {string} paint
 * @param {Colours} colours
 * @param {Columns} columns
 * @returns {string[]}
 */
export function paintOf(paint, colours, columns) {
  if (paint === "trust") {
    const trust = columns.trust ?? [];
    const order = trust.map((_, i) => i).sort((a, b) => trust[a] - trust[b]);
    const out = new Array(trust.length);
    order.forEach((grain, rank) => (out[grain] = trustColour(trust.length > 1 ? rank / (trust.length - 1) : 1)));
    return out;
  }
  return paint === "ipf_x" || paint === "ipf_y" || paint === "ipf_z" ? colours[paint] : colours.grain;
}

/**
 * The voxel (x, y, z) of a map at a place of the sample, inside of the map.
 * @param {GrainMap} map
 * @param {number[]} place  um
 */
export function voxelAt({ origin_um, voxel_um, shape }, place) {
  const size = [...shape].reverse();
  return place.map((v, k) => Math.max(0, Math.min(size[k] - 1, Math.floor((v - origin_um[k]) / voxel_um))));
}
