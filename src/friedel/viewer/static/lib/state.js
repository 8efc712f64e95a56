// What the page shows and what is being edited, in one place; everything else listens.

/**
 * @typedef {import("./types.js").Contrast} Contrast
 * @typedef {import("./types.js").Segment} Segment
 * @typedef {import("./types.js").Preprocess} Preprocess
 * @typedef {"preprocess"|"segment"} Section  of the recipe, edited with undo
 * @typedef {{segment: Segment, kept?: number}} Slot  one of two settings to compare
 * @typedef {{section: Section, key?: string, text: string}} DraftError  why the server refused a draft
 *
 * @typedef {Object} State
 * @property {string} tab  frames | segment | grains | volume | run | save
 * @property {number} frame  the frame shown
 * @property {string} kind  raw | background | clean
 * @property {import("./types.js").Place|null} cursor  where the sections go through
 * @property {Contrast} contrast  that of `kind`; per kind in `contrasts` (see `contrastOf`)
 * @property {Object<string, Contrast>} contrasts
 * @property {string} map  name of the colour map
 * @property {string} curve  linear | root | log
 * @property {{x0: number, y0: number, scale: number}|null} zoom  of the frame; null: fitted
 * @property {{blob: number|null, grain: number|null}} selection
 * @property {number|null} spot  the spot that was clicked on the page Pairs & grains
 * @property {string} paint  how grains are coloured: grain | ipf_x | ipf_y | ipf_z | trust | status
 * @property {number[]|null} cross  the voxel (x, y, z) that slices of the map go through
 * @property {Segment} segment  [segment] as edited
 * @property {Preprocess} preprocess  [preprocess] as edited
 * @property {DraftError|null} draftError
 * @property {string} scope  sub | whole
 * @property {{A: Slot|null, B: Slot|null, shown: "A"|"B"|null}} slots
 * @property {import("./types.js").Session|null} session
 * @property {import("./types.js").Progress|null} progress
 * @property {import("./types.js").Answer|null} solution
 */

/** Sections of the recipe that are edited with undo. */
export const EDITED = /** @type {const} */ (["preprocess", "segment"]);

const AUTO = Object.freeze({ low: 0, high: 1, auto: true });

/** @type {State} */
let current = Object.freeze({
  tab: "frames",
  frame: 0,
  kind: "raw",
  cursor: null,
  contrast: AUTO,
  contrasts: Object.freeze({ raw: AUTO, background: AUTO, clean: AUTO }),
  map: "grey",
  curve: "linear",
  zoom: null,
  selection: Object.freeze({ blob: null, grain: null }),
  spot: null,
  paint: "ipf_z",
  cross: null,
  segment: /** @type {Segment} */ (Object.freeze({})),
  preprocess: /** @type {Preprocess} */ (Object.freeze({})),
  draftError: null,
  scope: "sub",
  slots: Object.freeze({ A: null, B: null, shown: null }),
  session: null,
  progress: null,
  solution: null,
});

/** @type {Set<{keys: (keyof State)[], fn: (state: State, changed: Set<keyof State>) => void}>} */
const listeners = new Set();

/** @returns {State} the state, which is never changed in place */
export function get() {
  return current;
}

/**
 * Change some keys and tell those who listen to them; equal values change nothing.
 * @param {Partial<State>} patch
 */
export function set(patch) {
  const next = { ...current, ...patch };
  next.contrast = next.contrasts[next.kind] ?? AUTO;
  const names = /** @type {(keyof State)[]} */ (Object.keys(next));
  const changed = new Set(names.filter((name) => !same(next[name], current[name])));
  if (!changed.size) return;
  current = Object.freeze(next);
  for (const { keys, fn } of [...listeners]) if (keys.some((key) => changed.has(key))) fn(current, changed);
}

/**
 * Listen to some keys.
 * @param {keyof State|(keyof State)[]} keys
 * @param {(state: State, changed: Set<keyof State>) => void} fn
 * @returns {() => void} stops listening
 */
export function on(keys, fn) {
  const entry = { keys: [keys].flat(), fn };
  listeners.add(entry);
  return () => listeners.delete(entry);
}

/**
 * Contrast of one kind of frame, whichever is shown.
 * @param {string} kind
 * @returns {Contrast}
 */
export function contrastOf(kind) {
  return current.contrasts[kind] ?? AUTO;
}

/**
 * Change the contrast of one kind of frame.
 * @param {string} kind
 * @param {Partial<Contrast>} patch
 */
export function setContrast(kind, patch) {
  set({ contrasts: { ...current.contrasts, [kind]: { ...contrastOf(kind), ...patch } } });
}

// What is chosen is one thing: a blob of the solution that is shown (by its row), a blob of the run (`spot`, by its
// row there), a grain. Who chooses one of them says what it belongs to, and lets go of all else.

/** @param {number|null} grain */
export function chooseGrain(grain) {
  if (grain !== current.selection.grain) set({ spot: null, selection: { blob: null, grain } });
}

/** @param {number|null} spot @param {number|null} grain  whose it is */
export function chooseSpot(spot, grain) {
  set({ spot, selection: { blob: null, grain } });
}

/**
 * @param {number|null} blob
 * @param {{spot: number|null, grains: number[]}} [of]  where it is found in the results, once that is known
 */
export function chooseBlob(blob, of = { spot: null, grains: [] }) {
  const { grain } = current.selection;
  const still = blob === null || (grain !== null && of.grains.includes(grain));
  const mine = still ? grain : (of.grains[0] ?? null);
  set({ spot: of.spot, selection: { blob, grain: mine } });
}

/** Nothing is chosen. */
export const NOTHING = Object.freeze({ spot: null, selection: Object.freeze({ blob: null, grain: null }) });

/** Listen to the pass over the whole scan: it begins anew, goes on, or has ended. @param {() => void} fn */
export function onSweep(fn) {
  let before = "";
  on("progress", ({ progress }) => {
    const scanPass = progress?.pass;
    const now = [scanPass?.generation, scanPass?.state, scanPass?.measured].join();
    if (now === before) return;
    before = now;
    fn();
  });
}

/** Frames, rows and columns of the scan; 1 each where there is none. */
export function scanShape() {
  const { frames = 1, rows = 1, cols = 1 } = current.session?.scan ?? {};
  return { frames, rows, cols };
}

/** Whether somebody else changes the recipe at the moment. */
export function lookingOn() {
  const control = current.progress?.control;
  return Boolean(control?.taken && !control.mine);
}

// ---- edits of the recipe, with undo and redo -------------------------------------------------------------

const MERGE_MS = 700;
/**
 * @typedef {{section: Section, before: Object, after: Object, keys: string, at: number}} Edit
 * @typedef {{back: () => void, again: () => void}} Deed  a change of something else that can be taken back
 */

/** @type {(Edit|Deed)[]} */
let past = [];
/** @type {typeof past} */
let future = [];

/**
 * Change values of one section of the draft recipe. Changes of the same key shortly after one another (a dragged
 * slider) are one step of undo, up to `endStep`.
 * @param {Section} section
 * @param {Object<string, unknown>} values
 */
export function edit(section, values) {
  const before = current[section];
  const after = { ...before, ...values };
  if (same(before, after)) return;
  const keys = `${section}:${Object.keys(values).sort()}`;
  const last = past.at(-1);
  const now = performance.now();
  if (last && "keys" in last && last.keys === keys && now - last.at < MERGE_MS)
    Object.assign(last, { after, at: now });
  else past = [...past.slice(-199), { section, before, after, keys, at: now }];
  future = [];
  set({ [section]: after });
}

/** What comes now is another step of undo, however shortly after the last: the pointer was pressed anew. */
export function endStep() {
  const last = past.at(-1);
  if (last && "at" in last) last.at = -Infinity;
}

/** Something that is not a value of the recipe was changed, and can be taken back. @param {Deed} deed */
export function did(deed) {
  past = [...past.slice(-199), deed];
  future = [];
}

/** Take back the last edit. @returns {boolean} whether there was one */
export function undo() {
  const step = past.at(-1);
  if (!step) return false;
  past = past.slice(0, -1);
  future = [...future, step];
  if ("back" in step) step.back();
  else set({ [step.section]: step.before });
  return true;
}

/** Do again what was taken back. @returns {boolean} whether there was something */
export function redo() {
  const step = future.at(-1);
  if (!step) return false;
  future = future.slice(0, -1);
  past = [...past, { ...step, at: -Infinity }];
  if ("again" in step) step.again();
  else set({ [step.section]: step.after });
  return true;
}

/**
 * The edits that a reload would forget, without what only this page can take back.
 * @returns {{past: Edit[], future: Edit[]}}
 */
export function steps() {
  const last = past.findLastIndex((step) => "back" in step);
  const edits = (/** @type {(Edit|Deed)[]} */ list) => list.filter((step) => "section" in step);
  return { past: edits(past.slice(last + 1)), future: future.some((step) => "back" in step) ? [] : edits(future) };
}

/** @param {{past: Edit[], future: Edit[]}} kept  as `steps` gave them */
export function takeSteps(kept) {
  past = kept.past.map((step) => ({ ...step, at: -Infinity })); // the clock began anew with the page
  future = kept.future;
}

/** @returns {{undo: number, redo: number}} how many steps there are in either direction */
export function history() {
  return { undo: past.length, redo: future.length };
}

/**
 * Whether two plain values are equal in depth; what is large (answers of the server) is compared by identity.
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
export function same(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b) || "schema" in a || "columns" in a) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
}

/** How often each thing happened: tests wait on these. */
export const counters = {
  frame: 0,
  solve: 0,
  draw: 0,
  section: 0,
  outline: 0,
  course: 0,
  contrast: 0,
  draft: 0,
  noise: 0,
  spots: 0,
};

/** Milliseconds that each thing took last: the bench reads these. */
export const timings = { frame: 0, contrast: 0, draw: 0, section: 0, solve: 0 };
