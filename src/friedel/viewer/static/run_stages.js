// Stages of a run and what came out of them.

import { duration, number } from "./axes.js";
import { el } from "./dom.js";

/** Stages in order, and what each does. */
export const STAGES = [
  ["preprocess", "Normalises frames, subtracts the moving median"],
  ["segment", "Finds blobs with the double threshold"],
  ["match", "Pairs blobs half a turn apart"],
  ["index", "Finds the grains behind the pairs"],
  ["reconstruct", "Shapes each grain from its spots"],
  ["assemble", "Puts the grains into one map"],
];

/** What came out, as large numbers: stage, word, its count, what is said below. */
export const RESULTS = [
  [
    "segment",
    "blobs",
    "blobs",
    (/** @type {any} */ c) =>
      `${number(
        Object.values(c.rejected ?? {}).reduce((a, b) => a + b, 0),
        7,
      )} rejected`,
  ],
  [
    "match",
    "Friedel pairs",
    "pairs",
    (/** @type {any} */ c) => (c.null_pairs === undefined ? "" : `${number(c.null_pairs, 2)} by chance`),
  ],
  [
    "index",
    "grains",
    "grains",
    (/** @type {any} */ c) => (c.completeness === undefined ? "" : `completeness ${number(c.completeness, 2)}`),
  ],
  [
    "assemble",
    "voxels in the map",
    "voxels",
    (/** @type {any} */ c) => (c.measured === undefined ? "" : `${number(100 * c.measured, 3)} % measured`),
  ],
];

const SAYS = {
  blobs: "blobs",
  pairs: "pairs",
  grains: "grains",
  shapes: "shapes",
  frames: "frames",
  voxels: "voxels",
};

/**
 * One stage, which can be chosen as the last to run.
 * @param {string} name
 * @param {string} says
 * @param {number} i
 * @param {() => void} choose
 */
export function stageRow(name, says, i, choose) {
  const mark = el("i.mark-stage");
  const facts = el("span.stage-facts");
  const bar = el("i");
  const meter = el("div.meter", {}, bar);
  const element = el(
    "button.stage-row",
    { type: "button", role: "radio", title: `Run up to ${name}`, onclick: choose },
    mark,
    el("span.stage-name", {}, name),
    facts,
    el("span.stage-says", {}, says),
    meter,
  );
  return {
    element,
    /** @param {any} now */
    update({ session, run, busy, chosen, within, possible }) {
      const done = session?.stages?.[name];
      const stale = session?.stale?.includes(name);
      const active = busy && run.stage === name;
      const order = STAGES.findIndex(([each]) => each === run.stage);
      const passed = busy && order > i;
      element.setAttribute("aria-checked", String(chosen));
      element.disabled = busy || !possible;
      element.classList.toggle("within", within && possible);
      element.dataset.state = active ? "running" : passed || (done && !stale) ? "done" : done ? "stale" : "open";
      const share = active && run.total ? run.done / run.total : 0;
      bar.style.width = `${100 * share}%`;
      meter.dataset.on = String(active);
      meter.dataset.unknown = String(active && !run.total);
      facts.textContent = active
        ? progressText(run)
        : !possible
          ? "needs [setup] and [[phase]]"
          : done
            ? resultText(done, passed ? "" : whyStale(session, name))
            : "not run yet";
    },
  };
}

/** @param {any} run */
function progressText({ done, total, text }) {
  return [text, total ? `${number(done, 7)} of ${number(total, 7)}` : ""].filter(Boolean).join("  ");
}

/** Why what a stage left cannot be used; empty where it can. @param {any} session @param {string} name */
export function whyStale(session, name) {
  if (!session?.stale?.includes(name)) return "";
  return session.gone?.includes(name) ? "its files are gone or damaged" : "with other parameters";
}

/** @param {any} done @param {string} stale  why */
function resultText({ counts = {}, seconds }, stale) {
  const told = Object.entries(SAYS)
    .filter(([key]) => typeof counts[key] === "number")
    .slice(0, 2)
    .map(([key, word]) => `${number(counts[key], 7)} ${word}`);
  return [...told, duration(seconds), stale].filter(Boolean).join("  ·  ");
}

/**
 * What came out of a stage, as one large number.
 * @param {any} result  of RESULTS
 * @param {any} counts
 * @param {string} stale  why it is not what a run would give
 */
export function resultTile([, word, key, below], counts, stale) {
  return el(
    "div.result",
    {
      data: { stale: String(Boolean(stale)) },
      title: stale && `Not what a run would give now: ${stale}`,
    },
    el("b", {}, number(counts[key], 7)),
    el("span", {}, word),
    el("small", {}, below(counts)),
  );
}
