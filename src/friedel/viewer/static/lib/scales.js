// Scales of axes: linear, logarithmic, and logarithmic beyond a knee; round values along them.

/**
 * @typedef {"linear"|"log"|"asinh"} ScaleKind
 * @typedef {{kind: ScaleKind, min: number, max: number, knee?: number}} Scale  knee: where asinh turns to log
 */

/** @param {Scale} scale @param {number} v */
function bent({ kind, knee = 1 }, v) {
  if (kind === "log") return Math.log10(Math.max(v, 1e-12));
  return kind === "asinh" ? Math.asinh(v / knee) : v;
}

/** @param {Scale} scale @param {number} t */
function straight({ kind, knee = 1 }, t) {
  if (kind === "log") return 10 ** t;
  return kind === "asinh" ? Math.sinh(t) * knee : t;
}

/** Where a value lies on a scale, 0 to 1. @param {Scale} scale @param {number} v */
export function along(scale, v) {
  const [low, high] = [bent(scale, scale.min), bent(scale, scale.max)];
  return (bent(scale, v) - low) / (high - low || 1);
}

/** The value at a part of a scale. @param {Scale} scale @param {number} t */
export function valueAt(scale, t) {
  const [low, high] = [bent(scale, scale.min), bent(scale, scale.max)];
  return straight(scale, low + t * (high - low));
}

/**
 * Round values inside a scale, at most about `most`.
 * @param {Scale} scale
 * @param {number} most
 * @returns {number[]}
 */
export function ticks(scale, most) {
  const { kind, min, max } = scale;
  if (!(max > min) || most < 1) return [];
  if (kind === "linear") return even(min, max, most);
  const powers = [];
  for (let e = -3; e <= 9; e++) for (const m of [1, 2, 5]) powers.push(m * 10 ** e, -m * 10 ** e);
  powers.push(0);
  const inside = powers.filter((v) => v >= min && v <= max && (kind === "asinh" || v > 0)).sort((a, b) => a - b);
  const tens = inside.filter((v) => v === 0 || Math.log10(Math.abs(v)) % 1 === 0);
  let chosen = inside.length <= most ? inside : tens;
  if (chosen.length < 2) chosen = even(min, max, most);
  /** @type {number[]} */
  const spaced = [];
  const ordered =
    kind === "asinh"
      ? [...chosen].sort((a, b) => (a === 0 ? -1 : b === 0 ? 1 : Math.abs(b) - Math.abs(a)))
      : chosen;
  for (const v of ordered) {
    if (spaced.every((w) => Math.abs(along(scale, v) - along(scale, w)) > 0.7 / most)) spaced.push(v);
  }
  return spaced.sort((a, b) => a - b);
}

/** @param {number} min @param {number} max @param {number} most */
function even(min, max, most) {
  const rough = (max - min) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough * 0.999) ?? 10);
  const out = [];
  for (let v = Math.ceil(min / step - 1e-9) * step; v <= max + step * 1e-9; v += step)
    out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
}
