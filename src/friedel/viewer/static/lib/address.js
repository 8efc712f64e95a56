// The address bar holds what is shown, so that it can be shared: state to and from the URL's hash.

import * as state from "./state.js";

/**
 * @typedef {import("./state.js").State} State
 * @typedef {{write: (s: State) => string|null|undefined, read: (text: string, s: State) => Partial<State>}} Part
 * write: the text, or nothing where it is as by default; read: a patch of the state
 */

/** What of the state the address holds. */
export const KEPT = /** @type {const} */ ([
  "tab",
  "frame",
  "kind",
  "cursor",
  "map",
  "curve",
  "contrasts",
  "zoom",
  "selection",
  "scope",
  "paint",
  "spot",
  "cross",
]);

const place = (/** @type {string} */ text) => {
  const [row, col] = text.split(",").map(Number);
  return Number.isFinite(row) && Number.isFinite(col) ? { row, col } : null;
};

/** Of a table; nothing where it is none. @param {string} text */
const rowOf = (text) => (/^\d{1,12}$/.test(text) ? Number(text) : null);

/** @type {Map<string, Part>} */
const parts = new Map(
  Object.entries(
    /** @type {Object<string, Part>} */ ({
      tab: { write: (s) => s.tab, read: (tab) => ({ tab: /^[a-z]+$/.test(tab) ? tab : "frames" }) },
      frame: {
        write: (s) => String(s.frame),
        read: (text) => ({ frame: Math.max(0, Math.round(Number(text)) || 0) }),
      },
      kind: {
        write: (s) => s.kind,
        read: (kind) => (["raw", "background", "clean"].includes(kind) ? { kind } : {}),
      },
      at: {
        write: (s) => s.cursor && `${s.cursor.row},${s.cursor.col}`,
        read: (text) => ({ cursor: place(text) }),
      },
      look: {
        write: (s) => (s.map === "grey" && s.curve === "linear" ? null : `${s.map},${s.curve}`),
        read: (text) => ({ map: text.split(",")[0], curve: text.split(",")[1] ?? "linear" }),
      },
      contrast: {
        write: (s) =>
          Object.entries(s.contrasts)
            .filter(([, c]) => !c.auto)
            .map(([kind, c]) => [kind, +c.low.toPrecision(5), +c.high.toPrecision(5)].join(","))
            .join(";") || null,
        read: (text, s) => ({
          contrasts: {
            ...s.contrasts,
            ...Object.fromEntries(
              text
                .split(";")
                .map((one) => one.split(","))
                .filter((one) => one[0] in s.contrasts && one[2])
                .map(([kind, low, high]) => [kind, { low: Number(low), high: Number(high), auto: false }]),
            ),
          },
        }),
      },
      zoom: {
        write: (s) => s.zoom && [s.zoom.x0, s.zoom.y0, s.zoom.scale].map((v) => +v.toPrecision(6)).join(","),
        read: (text) => {
          const [x0, y0, scale] = text.split(",").map(Number);
          return scale > 0 ? { zoom: { x0, y0, scale } } : {};
        },
      },
      blob: {
        write: (s) => s.selection.blob?.toString(),
        read: (text, s) => ({ selection: { ...s.selection, blob: rowOf(text) } }),
      },
      grain: {
        // the grain's number, as everywhere; within the page a grain is a row of its table
        write: ({ selection: { grain } }) => (grain === null ? null : String(grain + 1)),
        read: (text, s) => {
          const grain = Number(text) - 1;
          return { selection: { ...s.selection, grain: grain >= 0 ? grain : null } };
        },
      },
      scope: {
        write: (s) => (s.scope === "sub" ? null : s.scope),
        read: (scope) => (["sub", "whole"].includes(scope) ? { scope } : {}),
      },
      paint: { write: ({ paint }) => (paint === "ipf_z" ? null : paint), read: (paint) => ({ paint }) },
      spot: { write: (s) => s.spot?.toString(), read: (text) => ({ spot: rowOf(text) }) },
      voxel: { write: (s) => s.cross?.join(","), read: (text) => ({ cross: text.split(",").map(Number) }) },
    }),
  ),
);

let writing = 0;

/** Take the state from the address. What is chosen is what it names: nothing that was chosen before is mixed in. */
export function readAddress() {
  /** @type {State} */
  let next = { ...state.get(), ...state.NOTHING };
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    const part = parts.get(name);
    if (part) next = { ...next, ...part.read(text, next) };
  }
  state.set(next);
}

/** The state as the hash of an address. */
export function written() {
  const query = new URLSearchParams();
  for (const [name, part] of parts) {
    const text = part.write(state.get());
    if (text) query.set(name, text);
  }
  return `#${query.toString().replaceAll("%2C", ",").replaceAll("%3B", ";")}`;
}

/**
 * Write the state into the address, soon. Another tab is an entry in the history: the browser's back key leads
 * there.
 */
export function writeAddress() {
  clearTimeout(writing);
  writing = window.setTimeout(() => {
    const before = new URLSearchParams(location.hash.slice(1)).get("tab");
    const moved = before !== null && before !== state.get().tab;
    window.history[moved ? "pushState" : "replaceState"](null, "", written());
  }, 250);
}
