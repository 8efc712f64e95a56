// Scales, ticks and numbers in the way people write them.

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

/**
 * A number for people: thin spaces between thousands, a true minus sign, no needless digits.
 * @param {number|null|undefined} v
 * @param {number} [digits]  significant ones
 */
export function number(v, digits = 4) {
  if (v === null || v === undefined || Number.isNaN(v)) return "–";
  if (!Number.isFinite(v)) return v > 0 ? "∞" : "−∞";
  const size = Math.abs(v);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) {
    const [mantissa, exponent] = v.toExponential(Math.min(2, digits - 1)).split("e");
    return `${mantissa.replace("-", "−")} × 10${raised(Number(exponent))}`;
  }
  const decimals =
    Number.isInteger(v) || size >= 10 ** digits ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size || 1)));
  let text = size.toFixed(Math.min(decimals, 8));
  if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  const [whole, part] = text.split(".");
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") : whole;
  return `${v < 0 && Number(text) !== 0 ? "−" : ""}${grouped}${part ? `.${part}` : ""}`;
}

/** Short, for axes: 20k, 1.5M. @param {number} v */
export function brief(v) {
  const size = Math.abs(v);
  if (size >= 1e6) return `${number(v / 1e6, 3)}M`;
  if (size >= 1e4) return `${number(v / 1e3, 3)}k`;
  return number(v, 4);
}

/** @param {number} n */
function raised(n) {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return String(n)
    .replace("-", "⁻")
    .replace(/\d/g, (d) => digits[Number(d)]);
}

/** Seconds as people say them. @param {number} s */
export function duration(s) {
  if (!Number.isFinite(s)) return "–";
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 60) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  const [m, h] = [Math.floor(s / 60), Math.floor(s / 3600)];
  return h ? `${h} h ${m - 60 * h} min` : `${m} min ${Math.round(s - 60 * m)} s`;
}

/** Places of labels, in order and apart. @param {number[]} wanted @param {number} gap @param {number} top @param {number} bottom */
export function spread(wanted, gap, top, bottom) {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  let last = top - gap;
  for (const one of order) last = one.y = Math.max(one.y, last + gap);
  let next = bottom + gap;
  for (const one of order.reverse()) next = one.y = Math.min(one.y, next - gap);
  const out = /** @type {number[]} */ ([]);
  for (const { y, i } of order) out[i] = y;
  return out;
}
