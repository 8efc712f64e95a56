// Why blobs were kept or not, in the few classes that colours can tell apart.

import { OKABE_ITO } from "../lib/theme.js";

/**
 * @typedef {{name: string, text: string, reasons: string[], says: string}} ReasonClass
 */

/** @type {ReasonClass[]} kept first; the rest in the order in which limits are applied */
export const REASON_CLASSES = [
  { name: "kept", text: "kept", reasons: ["kept"], says: "Blobs that go into /peaks." },
  {
    name: "seed",
    text: "seed too small",
    reasons: ["seed_too_small"],
    says: "Seeds with fewer voxels than seed_min_voxels.",
  },
  {
    name: "absorbed",
    text: "absorbed",
    reasons: ["absorbed"],
    says: "Seeds whose peak a brighter blob had claimed.",
  },
  {
    name: "small",
    text: "too small",
    reasons: ["too_small_x", "too_small_y", "too_small_frames"],
    says: "Smaller than min_size.",
  },
  {
    name: "big",
    text: "too big",
    reasons: ["too_big_x", "too_big_y", "too_big_frames"],
    says: "Larger than max_size.",
  },
  { name: "edge", text: "edge", reasons: ["edge"], says: "At the detector's edge (reject_edge)." },
  {
    name: "excluded",
    text: "excluded",
    reasons: ["touches_excluded"],
    says: "Beside masked or excluded pixels (reject_touching_excluded).",
  },
];

/** Reasons by code, as the program numbers them; a table says its own. */
export const REASONS = [
  "kept",
  "seed_too_small",
  "absorbed",
  "too_small_x",
  "too_small_y",
  "too_small_frames",
  "too_big_x",
  "too_big_y",
  "too_big_frames",
  "edge",
  "touches_excluded",
];

const CLASS_OF = REASONS.map((reason) => REASON_CLASSES.findIndex((one) => one.reasons.includes(reason)));

/** Class of a reason's code. @param {number} code */
export function classOf(code) {
  return CLASS_OF[code] ?? REASON_CLASSES.length - 1;
}

/** Class of a reason's name. @param {string} reason */
export function classNamed(reason) {
  const found = REASON_CLASSES.findIndex((one) => one.reasons.includes(reason));
  return found < 0 ? REASON_CLASSES.length - 1 : found;
}

/** Colours by class, bright enough to lie on pictures. */
export const CLASS_COLOURS = REASON_CLASSES.map((_, i) => OKABE_ITO[i]);

/** A reason as people read it. @param {string} reason */
export function reasonText(reason) {
  return reason.replaceAll("_", " ");
}

/**
 * Counts by class.
 * @param {number} kept
 * @param {Object<string, number>} rejected  by reason
 * @returns {number[]}
 */
export function countsByClass(kept, rejected) {
  return REASON_CLASSES.map((one) =>
    one.name === "kept" ? kept : one.reasons.reduce((sum, reason) => sum + (rejected[reason] ?? 0), 0),
  );
}
