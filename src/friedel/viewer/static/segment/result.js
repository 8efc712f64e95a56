// What the parameters give: counts, scope, two settings to compare, the legend.

import { segmented } from "../lib/controls.js";
import { el, icon } from "../lib/dom.js";
import { brief, number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { CLASS_COLOURS, countsByClass, REASON_CLASSES, reasonText } from "./reasons.js";

/**
 * @param {HTMLElement} host
 * @param {{onScope: (scope: string) => void, onSlot: (name: "A"|"B") => void}} hooks
 * @returns {{busy: (on: boolean) => void, late: (on: boolean) => void, draw: (shown:
 *   import("./solver.js").Shown|null) => void, fail: (text: string) => void}}
 */
export function resultPanel(host, hooks) {
  const kept = el("b.kept-count", {}, "–");
  const rest = el("span.rest");
  const busy = el("i.busy", { title: "Solving", hidden: true });
  const took = el("span.took");
  const scope = segmented(
    "What is solved",
    [
      { value: "sub", text: "Sub-volume", title: "The frames around this one, at once" },
      { value: "whole", text: "Whole scan", title: "Every frame of the scan" },
    ],
    hooks.onScope,
  );
  const span = el("span.span");
  const slots = compare(hooks.onSlot);
  const undo = tool("undo", "Undo (Ctrl Z)", () => state.undo());
  const redo = tool("redo", "Redo (Ctrl Shift Z)", () => state.redo());
  const trouble = el("p.trouble-line", { role: "status" });
  host.append(
    el("div.counts", {}, kept, el("span.kept-word", {}, "blobs"), rest, el("span.gap"), busy, took),
    el("div.row", {}, scope.element, el("span.gap"), undo, redo),
    slots.element,
    el("div.note", {}, span, trouble),
  );
  return {
    busy(on) {
      busy.hidden = !on;
    },
    /** What is shown is not of the parameters that are set. */
    late(on) {
      host.setAttribute("aria-busy", String(on));
      host.closest(".segment")?.classList.toggle("late", on);
    },
    fail(text) {
      trouble.textContent = text;
      host.classList.toggle("wrong", Boolean(text));
    },
    draw(shown) {
      const s = state.get();
      const history = state.history();
      const others = state.lookingOn();
      undo.disabled = others || !history.undo;
      redo.disabled = others || !history.redo;
      scope.set(s.scope);
      span.textContent = spanText(shown, s);
      slots.draw();
      if (!shown) return;
      const { answer } = shown;
      const rejected = Object.values(answer.rejected).reduce((sum, n) => sum + n, 0);
      kept.textContent = number(answer.kept, 9);
      rest.textContent = `${number(rejected, 9)} rejected`;
      took.textContent = `${Math.max(1, Math.round(1000 * answer.seconds))} ms`;
      took.title = `Solved in ${number(1000 * answer.seconds, 3)} ms, drawn after ${number(1000 * shown.wall, 3)} ms`;
    },
  };
}

/** @param {import("./solver.js").Shown|null} shown @param {import("../lib/state.js").State} s */
function spanText(shown, s) {
  const scanPass = s.progress?.pass;
  if (s.scope === "whole" && (scanPass?.state !== "done" || shown?.answer.scope === "sub")) {
    if (scanPass?.state === "failed")
      return `The whole scan cannot be solved: ${scanPass.text || "the pass failed"}. Shown are the frames around this one.`;
    const share = scanPass?.total ? `, ${Math.floor((100 * scanPass.done) / scanPass.total)} %` : "";
    return `Not ready: bright voxels of the whole scan are being collected${share}. Shown are the frames around this one.`;
  }
  if (!shown) return "";
  const [start, stop] = shown.answer.window ?? [0, 0];
  const bright = `${number(100 * shown.answer.bright_fraction, 2)} % bright`;
  const frames = `frames ${start}–${stop - 1}, ${bright}${shown.answer.preview ? ", preview: backgrounds are not known yet" : ""}`;
  const { grow_min: low, seed_threshold: seed } = s.segment;
  const turned = low > seed && seed > 0 ? ["c min is above T: blobs grow down to T only"] : [];
  return [frames, ...turned, ...(shown.answer.warnings ?? [])].join(". ");
}

/** @param {import("../lib/dom.js").IconName} name @param {string} title @param {() => void} onclick */
function tool(name, title, onclick) {
  return el("button.quiet", { type: "button", title, "aria-label": title, onclick }, icon(name));
}

/**
 * A and B: two settings, each with its count; a key changes from one to the other.
 * @param {(name: "A"|"B") => void} onSlot
 */
function compare(onSlot) {
  const make = (/** @type {"A"|"B"} */ name) => {
    const count = el("span.n");
    const button = el(
      "button.slot",
      { type: "button", "aria-pressed": "false", data: { slot: name }, onclick: () => onSlot(name) },
      el("b", {}, name),
      count,
    );
    return { name, button, count };
  };
  const both = [make("A"), make("B")];
  const gain = el("span.difference");
  return {
    element: el(
      "div.slots",
      { role: "group", "aria-label": "Two settings to compare" },
      both[0].button,
      both[1].button,
      gain,
    ),
    draw() {
      const { slots } = state.get();
      const others = state.lookingOn();
      for (const { name, button, count } of both) {
        const kept = slots[name]?.kept;
        button.disabled = others;
        button.setAttribute("aria-pressed", String((slots.shown ?? "A") === name));
        count.textContent = slots[name] ? (kept === undefined ? "…" : `${number(kept, 9)}`) : "keep as it is";
        button.title = others
          ? "Somebody else changes the recipe"
          : slots[name]
            ? `Setting ${name}. X changes between the two.`
            : `Begin a second setting ${name}, to compare with this one (X)`;
      }
      const [a, b] = [slots.A?.kept, slots.B?.kept];
      const difference = a !== undefined && b !== undefined ? b - a : null;
      gain.textContent = difference === null ? "" : `${difference >= 0 ? "+" : "−"}${brief(Math.abs(difference))}`;
      gain.title = "How many more blobs B keeps than A";
    },
  };
}

/**
 * The legend: classes with their counts, which it shows and hides.
 * @param {HTMLElement} host
 * @param {(shown: boolean[]) => void} onChange
 * @returns {{shown: boolean[], draw: (answer: import("../lib/types.js").Answer) => void, toggle: (kind: number) =>
 *   void}}
 */
export function legendOf(host, onChange) {
  const shown = REASON_CLASSES.map(() => true);
  const items = REASON_CLASSES.map((one, kind) => {
    const count = el("span.n", {}, "–");
    const button = el(
      "button.legend-item",
      { type: "button", "aria-pressed": "true", data: { kind: one.name }, onclick: () => toggle(kind) },
      el("i.swatch", { style: { background: CLASS_COLOURS[kind] } }),
      el("span", {}, one.text),
      count,
    );
    return { button, count };
  });
  host.append(...items.map((item) => item.button));
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", "Blobs by reason: shown or hidden");

  /** @param {number} kind */
  function toggle(kind) {
    shown[kind] = !shown[kind];
    items[kind].button.setAttribute("aria-pressed", String(shown[kind]));
    onChange(shown);
  }
  return {
    shown,
    toggle,
    draw(answer) {
      const counts = countsByClass(answer.kept, answer.rejected);
      items.forEach(({ button, count }, kind) => {
        const one = REASON_CLASSES[kind];
        count.textContent = number(counts[kind], 9);
        button.classList.toggle("none", counts[kind] === 0);
        const parts =
          one.reasons.length > 1
            ? one.reasons.map((reason) => `${reasonText(reason)}: ${answer.rejected[reason] ?? 0}`)
            : [];
        button.title = [one.says, ...parts, "Click to hide or show."].join("\n");
      });
    },
  };
}
