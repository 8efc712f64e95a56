// What the 3D view needs to know about a map: which voxels are shown, how full places are, where nothing is.

/** Empty voxels around the map, so that its surface is closed. */
export const PAD = 4;
/** Voxels along an edge of the blocks that are skipped where they are empty. */
export const BLOCK = 4;

/**
 * @typedef {{data: Uint16Array|Int32Array, status: Uint8Array, shape: number[]}} Labels  [z, y, x]; 0 is no grain
 * @typedef {{shown: Uint16Array|Int32Array, solid: Uint8Array, padded: number[], empty: Uint8Array, blocks:
 *   number[],
 *   count: number}} Field  `solid` and `empty` (in blocks) are padded; count: voxels shown
 */

/**
 * @typedef {{x: number, y: number, z: number, label: number, depth: number, axis: number}} Hit  axis: of the face
 *   that was met
 */

/**
 * @param {Labels} labels
 * @param {{statuses: boolean[], only: number}} choice  statuses: by code, which are shown; only: a label, or 0 for
 *   all
 * @returns {Field}
 */
export function fieldOf({ data, status, shape }, { statuses, only }) {
  const shown = data.slice();
  let count = 0;
  let hidden = false;
  for (let i = 0; i < shown.length; i++) {
    if (!shown[i]) continue;
    if (!statuses[status[i]] || (only && shown[i] !== only)) {
      shown[i] = 0;
      hidden = true;
    } else count++;
  }
  const [depth, rows, cols] = shape;
  const padded = [depth, rows, cols].map((n) => Math.ceil((n + 2 * PAD) / BLOCK) * BLOCK);
  let solid = new Uint8Array(padded[0] * padded[1] * padded[2]);
  for (let z = 0, from = 0; z < depth; z++)
    for (let y = 0; y < rows; y++) {
      let to = ((z + PAD) * padded[1] + y + PAD) * padded[2] + PAD;
      for (let x = 0; x < cols; x++, from++, to++) if (shown[from]) solid[to] = 255;
    }
  // what is left when statuses are hidden is a voxel thin: it must not be smoothed away
  const thin = hidden && !only;
  for (const step of [1, padded[2], padded[1] * padded[2]]) solid = smoothed(solid, step, thin);
  if (thin) for (let i = 0; i < solid.length; i++) solid[i] = Math.min(255, 1.35 * solid[i]);
  const { empty, blocks } = emptiness(solid, padded);
  return { shown, solid, padded, empty, blocks, count };
}

/**
 * Binomial weights along one axis: 1 6 15 20 15 6 1, or 1 6 1 where what is thin must stay.
 * @param {Uint8Array} values @param {number} step @param {boolean} thin
 */
function smoothed(values, step, thin) {
  const out = new Uint8Array(values.length);
  const [a, b, c] = [step, 2 * step, 3 * step];
  // the map is padded: the ends of the array are empty
  if (thin)
    for (let i = a, end = values.length - a; i < end; i++)
      out[i] = (6 * values[i] + values[i - a] + values[i + a] + 4) >> 3;
  else
    for (let i = c, end = values.length - c; i < end; i++)
      out[i] =
        (20 * values[i] +
          15 * (values[i - a] + values[i + a]) +
          6 * (values[i - b] + values[i + b]) +
          values[i - c] +
          values[i + c] +
          32) >>
        6;
  return out;
}

/**
 * Distance in blocks (king's moves) to the nearest block that is not empty.
 * @param {Uint8Array} solid
 * @param {number[]} padded
 */
function emptiness(solid, [depth, rows, cols]) {
  const blocks = [depth, rows, cols].map((n) => n / BLOCK);
  const [bz, by, bx] = blocks;
  const empty = new Uint8Array(bz * by * bx).fill(255);
  for (let i = 0, z = 0; z < depth; z++)
    for (let y = 0; y < rows; y++) {
      const row = ((z >> 2) * by + (y >> 2)) * bx;
      for (let x = 0; x < cols; x++, i++) if (solid[i]) empty[row + (x >> 2)] = 0;
    }
  for (const sense of [1, -1]) {
    for (let n = 0; n < empty.length; n++) {
      const i = sense === 1 ? n : empty.length - 1 - n;
      let least = empty[i];
      if (!least) continue;
      const [x, y, z] = [i % bx, Math.floor(i / bx) % by, Math.floor(i / (bx * by))];
      for (let k = 0; k < 13 && least > 0; k++) {
        const [dz, dy, dx] = BEFORE[k];
        const [u, v, w] = [x + sense * dx, y + sense * dy, z + sense * dz];
        if (u < 0 || v < 0 || w < 0 || u >= bx || v >= by || w >= bz) continue;
        least = Math.min(least, empty[(w * by + v) * bx + u] + 1);
      }
      empty[i] = least;
    }
  }
  return { empty, blocks };
}

/** @type {number[][]} */
const BEFORE = [];
for (let dz = -1; dz <= 0; dz++)
  for (let dy = -1; dy <= 1; dy++)
    for (let dx = -1; dx <= 1; dx++) if (dz * 9 + dy * 3 + dx < 0) BEFORE.push([dz, dy, dx]);

/**
 * The first voxel that a ray meets; exact, along the faces of voxels.
 * @param {Field} field
 * @param {number[]} shape  [z, y, x]
 * @param {{from: number[], way: number[], low: number[], high: number[], cutLow: number[], cutHigh: number[]}} ray
 *   places (x, y, z) in voxels; what lies outside of low..high or within cutLow..cutHigh is not there
 * @returns {Hit|null}
 */
export function firstVoxel({ shown }, [depth, rows, cols], { from, way, low, high, cutLow, cutHigh }) {
  const size = [cols, rows, depth];
  const slab = (/** @type {number[]} */ a, /** @type {number[]} */ b) => {
    let [enter, leave, through, out] = [-Infinity, Infinity, 0, 0];
    for (let k = 0; k < 3; k++) {
      const w = Math.abs(way[k]) < 1e-9 ? 1e-9 : way[k];
      const [t0, t1] = [(a[k] - from[k]) / w, (b[k] - from[k]) / w];
      if (Math.min(t0, t1) > enter) [enter, through] = [Math.min(t0, t1), k];
      if (Math.max(t0, t1) < leave) [leave, out] = [Math.max(t0, t1), k];
    }
    return { enter, leave, through, out };
  };
  const box = slab(
    low.map((v) => Math.max(v, 0)),
    high.map((v, k) => Math.min(v, size[k])),
  );
  const cut = slab(cutLow, cutHigh);
  let t = Math.max(box.enter, 0) + 1e-6;
  let axis = box.through;
  const at = (/** @type {number} */ k) => from[k] + t * way[k];
  while (t < box.leave) {
    if (t >= cut.enter && t < cut.leave) {
      t = cut.leave + 1e-6;
      axis = cut.out;
      continue;
    }
    const [x, y, z] = [Math.floor(at(0)), Math.floor(at(1)), Math.floor(at(2))];
    const inside = x >= 0 && y >= 0 && z >= 0 && x < cols && y < rows && z < depth;
    const label = inside ? shown[(z * rows + y) * cols + x] : 0;
    if (label) return { x, y, z, label, depth: t, axis };
    let next = Infinity;
    for (let k = 0; k < 3; k++) {
      if (Math.abs(way[k]) < 1e-9) continue;
      const place = at(k);
      const edge = way[k] > 0 ? Math.floor(place) + 1 : Math.ceil(place) - 1;
      const arrives = (edge - from[k]) / way[k];
      if (arrives > t && arrives < next) [next, axis] = [arrives, k];
    }
    t = Math.max(next, t) + 1e-6;
  }
  return null;
}
