// The parameters of [segment] as a form, in the order in which they are thought of.

import { makeForm } from "../lib/form.js";
import * as state from "../lib/state.js";
import { inUnit, rangesOf } from "./levels.js";

const GROUPS = [
  {
    title: "Double threshold",
    names: ["seed_threshold", "tolerance", "grow_min", "grow_max", "growth", "unit", "noise"],
  },
  {
    title: "What is a blob",
    names: ["seed_min_voxels", "min_size", "max_size", "connectivity", "overlap", "saddle"],
  },
];
const LABELS = {
  seed_threshold: "seed threshold T",
  tolerance: "tolerance τ",
  grow_min: "grow min, c min",
  grow_max: "grow max, c max",
  seed_min_voxels: "seed voxels",
  min_size: "smallest box",
  max_size: "largest box",
};

/**
 * @param {HTMLElement} host
 * @param {HTMLElement} note  for errors that are about no field
 * @returns {{draw: () => void, fail: (refused: {key?: string, text: string}|null) => void}}
 */
export function thresholdForm(host, note) {
  const sigma = () => state.get().session?.baseline?.sigma ?? 0;
  const fields = (state.get().session?.schema?.segment ?? []).map((field) => ({
    ...field,
    unit: field.unit === "counts or sigma" ? "" : field.unit,
  }));
  const form = makeForm(host, fields, {
    values: state.get().segment,
    onChange: (name, value) =>
      state.edit("segment", name === "unit" ? inUnit(state.get().segment, value, sigma()) : { [name]: value }),
    groups: GROUPS,
    labels: LABELS,
    ranges: rangesOf(state.get().segment, sigma()),
    exclude: ["method"],
  });
  /** @type {Object<string, string>} */
  let refused = {};
  let ranged = "";
  /** @type {unknown[]} what the fields hold: they are left alone while somebody types */
  let held = [];

  function draw() {
    const { segment, session } = state.get();
    const saved = session?.saved?.segment;
    const key = `${segment.unit} ${sigma()}`;
    if (key !== ranged)
      for (const [name, range] of Object.entries(rangesOf(segment, sigma()))) form.setRange(name, range);
    ranged = key;
    if (!state.same(held, [segment, saved])) form.update(segment, saved);
    held = [segment, saved];
    const draft = state.get().draftError;
    const own = draft?.section === "segment" && draft.key ? { [named(draft.key)]: draft.text } : {};
    form.setErrors({ ...own, ...refused });
    form.disable(state.lookingOn());
  }
  return {
    draw,
    fail(error) {
      refused = error?.key ? { [named(error.key)]: error.text } : {};
      note.textContent = error && !error.key ? error.text : "";
      draw();
    },
  };
}

/** The parameter of "section.parameter". @param {string} key */
function named(key) {
  return key.split(".").at(-1) ?? key;
}
