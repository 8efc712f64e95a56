// Numbers and durations as people write them.

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
