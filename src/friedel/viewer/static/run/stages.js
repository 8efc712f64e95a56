// Stages of a run and what came out of them.

import { el } from "../lib/dom.js";
import { duration, number } from "../lib/numbers.js";

/**
 * @typedef {import("../lib/types.js").Session} Session
 * @typedef {import("../lib/types.js").Run} Run
 */

/** Stages in order, and what each does. @type {[string, string][]} */
export const STAGES = [
  ["preprocess", "Normalises frames, subtracts the moving median"],
  ["segment", "Finds blobs with the double threshold"],
  ["match", "Pairs blobs half a turn apart"],
  ["index", "Finds the grains behind the pairs"],
  ["reconstruct", "Shapes each grain from its spots"],
  ["assemble", "Puts the grains into one map"],
];

/**
 * What came out of a stage, as one large number.
 * @typedef {Object} Result
 * @property {string} stage
 * @property {string} word
 * @property {string} count  which of the stage's counts
 * @property {(counts: import("../lib/types.js").StageCounts) => string} below  what is said below it
 */

/** @type {Result[]} */
export const RESULTS = [
  { stage: "segment", word: "blobs", count: "blobs", below: (c) => `${number(sum(c.rejected ?? {}), 7)} rejected` },
  {
    stage: "match",
    word: "Friedel pairs",
    count: "pairs",
    below: (c) => (c.null_pairs === undefined ? "" : `${number(c.null_pairs, 2)} by chance`),
  },
  {
    stage: "index",
    word: "grains",
    count: "grains",
    below: (c) => (c.completeness === undefined ? "" : `completeness ${number(c.completeness, 2)}`),
  },
  {
    stage: "assemble",
    word: "voxels in the map",
    count: "voxels",
    below: (c) => (c.measured === undefined ? "" : `${number(100 * c.measured, 3)} % measured`),
  },
];

/** @param {Object<string, number>} counts */
function sum(counts) {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

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
    /**
     * @param {{session: Session|null, run: Run, busy: boolean, chosen: boolean, within: boolean, possible:
     *   boolean}} now
     *   within: it would run; possible: the recipe has all that it needs
     */
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

/** @param {Run} run */
function progressText({ done, total, text }) {
  return [text, total ? `${number(done, 7)} of ${number(total, 7)}` : ""].filter(Boolean).join("  ");
}

/** Why what a stage left cannot be used; empty where it can. @param {Session|null} session @param {string} name */
export function whyStale(session, name) {
  if (!session?.stale?.includes(name)) return "";
  return session.gone?.includes(name) ? "its files are gone or damaged" : "with other parameters";
}

/** @param {import("../lib/types.js").Stage} stage @param {string} stale  why */
function resultText({ counts = {}, seconds }, stale) {
  const told = Object.entries(SAYS)
    .filter(([key]) => typeof counts[key] === "number")
    .slice(0, 2)
    .map(([key, word]) => `${number(counts[key], 7)} ${word}`);
  return [...told, duration(seconds), stale].filter(Boolean).join("  ·  ");
}

/**
 * @param {Result} result
 * @param {import("../lib/types.js").StageCounts} counts
 * @param {string} stale  why it is not what a run would give
 */
export function resultTile({ word, count, below }, counts, stale) {
  return el(
    "div.result",
    {
      data: { stale: String(Boolean(stale)) },
      title: stale && `Not what a run would give now: ${stale}`,
    },
    el("b", {}, number(counts[count], 7)),
    el("span", {}, word),
    el("small", {}, below(counts)),
  );
}
