// What the page is made of: the stages with their start and stop, the estimate, the log.

import { el, icon } from "../lib/dom.js";

/** @typedef {ReturnType<typeof buildLayout>} Layout */

/**
 * @param {HTMLElement} host
 * @param {HTMLElement[]} rows  of the stages
 * @param {{run: (how?: {restart?: boolean, elsewhere?: boolean}) => void, stop: () => void, estimate: () => void,
 *   save: () => void, restart: () => void}} on
 *   restart: the switch was turned
 */
export function buildLayout(host, rows, on) {
  const estimate = el("div.estimate", { "aria-live": "polite" });
  const restart = el("input.switch", { type: "checkbox", role: "switch", id: "restart", onchange: on.restart });
  const startText = el("span", {}, "Run");
  const start = el("button.button.primary", { type: "button", onclick: () => on.run() }, icon("play"), startText);
  const stop = el("button.button.danger", { type: "button", onclick: on.stop }, icon("stop"), "Stop");
  const again = el(
    "button.button.small",
    { type: "button", title: "Measure again with the recipe as it is now", onclick: on.estimate },
    "Estimate again",
  );
  const command = el("code");
  const unsavedText = el("span");
  const toSave = el("button.link", { type: "button", onclick: on.save }, "See what would be written");
  const unsaved = el("p.unsaved", { hidden: true }, icon("warn"), unsavedText, toSave);
  const refusedText = el("span");
  const replace = el("button.button.small", { type: "button", onclick: () => on.run({ restart: true }) });
  const elsewhere = el("button.button.small", { type: "button", onclick: () => on.run({ elsewhere: true }) });
  const refused = el(
    "div.unsaved.refused",
    { hidden: true, role: "alert" },
    icon("warn"),
    refusedText,
    el("div.toolbar", {}, elsewhere, replace),
  );
  const warnings = el("ul.warnings");
  const results = el("div.results", { "aria-live": "polite" });
  const log = el("pre.log", { tabIndex: 0, role: "log", "aria-label": "Log of the run" });
  const outcome = el("span.outcome", { role: "status" });
  const anew = el(
    "label.check",
    { for: "restart", title: "Forget what earlier runs finished" },
    restart,
    "from the beginning",
  );
  host.append(
    el(
      "div.card.stages",
      {},
      el("header", {}, el("h2", {}, "Stages"), outcome),
      el("div.stage-list", { role: "radiogroup", "aria-label": "Run up to" }, ...rows),
      unsaved,
      refused,
      el("div.toolbar", {}, start, stop, anew, command),
      results,
    ),
    el("div.card", {}, el("header", {}, el("h2", {}, "Estimate"), again), estimate),
    el("div.card.log-card", {}, el("header", {}, el("h2", {}, "Log")), warnings, log),
  );
  return {
    estimate,
    restart,
    start,
    startText,
    stop,
    again,
    command,
    unsaved,
    unsavedText,
    refused,
    refusedText,
    replace,
    elsewhere,
    warnings,
    results,
    log,
    outcome,
  };
}
