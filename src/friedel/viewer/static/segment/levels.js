// The double threshold in numbers: what [segment] means for one blob, in counts or in units of the noise.

/** @typedef {import("../lib/types.js").Segment} Segment */

/**
 * @typedef {Object} Levels  in counts, where the noise is `sigma`; they rise and fall with the noise of each pixel
 * @property {number} seed  T: a blob starts where voxels reach this
 * @property {number} floor  c_min
 * @property {number} ceiling  c_max
 * @property {number|null} peak  M
 * @property {number|null} part  tolerance x M
 * @property {number|null} low  what the blob grows down to
 * @property {number|null} high  what it grows up to (literal), else M
 * @property {boolean} local  the noise differs from pixel to pixel
 */

/** @param {unknown} value "inf" or a number */
export function finite(value) {
  return value === "inf" || value === undefined || value === null ? Infinity : Number(value);
}

/**
 * Counts that one unit of the thresholds stands for.
 * @param {Pick<Segment, "unit">} segment
 * @param {number} sigma
 */
export function unitOf(segment, sigma) {
  return segment.unit === "sigma" ? sigma || 1 : 1;
}

/**
 * @param {Segment} segment  the section as edited
 * @param {number} sigma  noise of clean frames, counts
 * @param {number|null} level  the blob's maximum in the unit of the thresholds as they are compared (`peak_level`)
 * @returns {Levels}
 */
export function levelsOf(segment, sigma, level) {
  const unit = unitOf(segment, sigma);
  const seed = segment.seed_threshold * unit;
  const floor = segment.grow_min * unit;
  const ceiling = finite(segment.grow_max) * unit;
  const local = isLocal(segment);
  if (level === null) return { seed, floor, ceiling, peak: null, part: null, low: null, high: null, local };
  const peak = local ? level * unit : level;
  const part = segment.tolerance * peak;
  const low = Math.max(floor, part);
  if (segment.growth === "literal")
    return { seed, floor, ceiling, peak, part, low, high: Math.min(ceiling, peak), local };
  return { seed, floor, ceiling, peak, part, low: Math.min(seed, Math.min(ceiling, low)), high: peak, local };
}

/** Whether each pixel has its own noise. @param {Segment} segment */
export function isLocal(segment) {
  return segment.unit === "sigma" && segment.noise !== "scan";
}

/** Three digits, as sliders and dragged lines give. @param {number} v */
export function rounded(v) {
  return Number(v.toPrecision(3));
}

/**
 * One threshold changed, kept in order with the others (grow_min never above grow_max).
 * @param {Segment} segment
 * @param {"seed_threshold"|"grow_min"|"grow_max"|"tolerance"} name
 * @param {number} value  in the unit of the thresholds
 * @returns {Partial<Segment>} what to edit
 */
export function changed(segment, name, value) {
  const v =
    name === "grow_max" && !Number.isFinite(value)
      ? "inf"
      : rounded(Math.max(name === "seed_threshold" ? 1e-3 : 0, value));
  if (name === "grow_min") return { grow_min: Math.min(Number(v), finite(segment.grow_max)) };
  if (name === "grow_max" && v !== "inf") return { grow_max: Math.max(Number(v), segment.grow_min) };
  return { [name]: v };
}

/**
 * The other unit, with the thresholds where they were.
 * @param {Segment} segment
 * @param {"counts"|"sigma"} unit
 * @param {number} sigma
 */
export function inUnit(segment, unit, sigma) {
  if (unit === segment.unit || !(sigma > 0)) return { unit };
  const factor = unit === "sigma" ? 1 / sigma : sigma;
  const turned = (/** @type {unknown} */ v) => (Number.isFinite(finite(v)) ? rounded(finite(v) * factor) : "inf");
  return {
    unit,
    seed_threshold: turned(segment.seed_threshold),
    grow_min: turned(segment.grow_min),
    grow_max: turned(segment.grow_max),
  };
}

/** Ranges of the form's sliders. @param {Segment} segment @param {number} sigma */
export function rangesOf(segment, sigma) {
  const unit = segment.unit === "sigma" ? 1 : sigma || 1;
  const tidy = (/** @type {number} */ v) => Number(v.toPrecision(2));
  const wide = { min: tidy(unit), max: tidy(300 * unit), log: true };
  return {
    seed_threshold: { min: tidy(2 * unit), max: tidy(300 * unit), log: true },
    grow_min: wide,
    grow_max: { ...wide, max: tidy(1000 * unit) },
    tolerance: { min: 0.01, max: 1, log: true },
    seed_min_voxels: { min: 1, max: 300, log: true },
    saddle: { min: 0, max: 1 },
  };
}

/**
 * @typedef {{name: "seed_threshold"|"grow_min"|"grow_max"|null, text: string, says: string, v: number, ink: string,
 *   dash: number[], even: boolean}} LevelLine
 * says: before the number; even: the same for all pixels, whatever their noise
 */

/**
 * What the line plot draws, from the top down.
 * @param {Levels} levels
 * @param {number|null} maximum  counts
 * @param {boolean} known  the noise of these pixels is
 * @returns {LevelLine[]}
 */
export function linesOf(levels, maximum, known) {
  const says = levels.local && !known ? "≈ " : "";
  const each = { says, even: false, name: null, dash: [4, 3] };
  /** @type {(Omit<LevelLine, "v"> & {v: number|null})[]} */
  const rows = [
    { ...each, text: "M", v: maximum, ink: "--soft", dash: [1, 3], says: "", even: true },
    {
      ...each,
      name: "seed_threshold",
      text: "T",
      v: levels.seed > 0 ? levels.seed : null,
      ink: "--warm",
      dash: [],
    },
    {
      ...each,
      name: "grow_max",
      text: "c max",
      v: Number.isFinite(levels.ceiling) ? levels.ceiling : null,
      ink: "--teal",
      dash: [6, 3],
    },
    { ...each, text: "τM", v: levels.part, ink: "--soft" },
    { ...each, name: "grow_min", text: "c min", v: levels.floor, ink: "--teal", dash: [] },
  ];
  return /** @type {LevelLine[]} */ (rows.filter((row) => row.v !== null && !Number.isNaN(row.v)));
}
