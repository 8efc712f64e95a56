// Keys of the page.

import * as keys from "../lib/keys.js";
import * as state from "../lib/state.js";
import { bindTransport } from "../lib/transport.js";
import { KINDS } from "./layout.js";

/** @type {[string, import("./layout.js").Tool, string][]} */
const TOOL_KEYS = [
  ["v", "look", "look around"],
  ["d", "beam", "drag the direct beam's box"],
  ["m", "margin", "drag the margin"],
  ["p", "paint", "paint bad pixels"],
  ["e", "erase", "erase painted pixels"],
];

/** @param {import("./page.js").FramesPage} page */
export function bindKeys(page) {
  const bind = (
    /** @type {string} */ combos,
    /** @type {string} */ says,
    /** @type {() => void} */ run,
    shown = "",
  ) => keys.bind("frames", combos, says, run, shown || undefined);
  bindTransport("frames", page.film);
  for (const { value, text } of KINDS)
    bind(value[0], `${text?.toLowerCase()} frames`, () => state.set({ kind: value }));
  bind("a", "grey levels that suit the frame", () => page.contrast.suit());
  bind("+|=", "zoom", () => page.picture.zoom(1.5), "+ or −");
  bind("-", "", () => page.picture.zoom(1 / 1.5));
  bind("0", "fit the picture", () => page.picture.fit());
  bind("shift+ArrowUp", "move the cross by one pixel", () => nudge(-1, 0), "Shift ← ↑ ↓ →");
  bind("shift+ArrowDown", "", () => nudge(1, 0));
  bind("shift+ArrowLeft", "", () => nudge(0, -1));
  bind("shift+ArrowRight", "", () => nudge(0, 1));
  for (const [key, tool, says] of TOOL_KEYS) bind(key, says, () => page.choose(tool));
  bind("Escape", "back to looking", () => page.choose("look"));
  bind("Delete|Backspace", "remove the margin box chosen last", () => page.boxes.remove());
}

/** Move the cross. @param {number} down @param {number} right */
function nudge(down, right) {
  const { cursor } = state.get();
  if (!cursor) return;
  const { rows, cols } = state.scanShape();
  const kept = (/** @type {number} */ v, /** @type {number} */ most) => Math.min(most - 1, Math.max(0, v));
  state.set({ cursor: { row: kept(cursor.row + down, rows), col: kept(cursor.col + right, cols) } });
}
