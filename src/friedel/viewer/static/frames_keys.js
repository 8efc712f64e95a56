// Kinds, tools and shortcuts of the page Frames.

import * as state from "./state.js";

export const KINDS = [
  { value: "raw", text: "Raw", title: "As stored (R)" },
  { value: "background", text: "Background", title: "The moving median that is subtracted (B)" },
  { value: "clean", text: "Clean", title: "Normalised, background subtracted, despeckled: what is segmented (C)" },
];

export const TOOLS = [
  { value: "look", icon: "look", title: "Look: drag pans, click puts the cross (V)" },
  { value: "beam", icon: "box", title: "Direct beam: drag its box or draw another (D)" },
  { value: "margin", icon: "boxes", title: "Margin: drag its boxes, draw more, Delete removes one (M)" },
  { value: "paint", icon: "brush", title: "Paint bad pixels (P)" },
  { value: "erase", icon: "eraser", title: "Erase painted pixels (E)" },
];

/**
 * Shortcuts of Frames.
 * @param {import("./main.js").App} app
 * @param {any} parts  what they move
 */
export function bindKeys({ keys }, { film, choose, picture, boxes, contrast }) {
  const bind = (/** @type {string} */ combos, /** @type {string} */ says, /** @type {() => void} */ run) =>
    keys.bind("frames", combos, says, run);
  keys.bind("frames", "ArrowRight", "next or previous frame", () => film.step(1), "→ or ←");
  bind("ArrowLeft", "", () => film.step(-1));
  keys.bind("frames", "PageDown", "ten frames on or back", () => film.step(10), "PageDown or PageUp");
  bind("PageUp", "", () => film.step(-10));
  keys.bind("frames", "Home", "first or last frame", () => film.step(-1e9), "Home or End");
  bind("End", "", () => film.step(1e9));
  bind(" ", "play or pause", () => film.toggle());
  for (const { value, text } of KINDS)
    bind(value[0], `${text.toLowerCase()} frames`, () => state.set({ kind: value }));
  bind("a", "grey levels that suit the frame", () => contrast.querySelector("button").click());
  keys.bind("frames", "+|=", "zoom", () => picture.zoom(1.5), "+ or −");
  bind("-", "", () => picture.zoom(1 / 1.5));
  bind("0", "fit the picture", () => picture.fit());
  const nudge = (/** @type {number} */ row, /** @type {number} */ col) => () => {
    const { cursor, session } = state.get();
    if (!cursor) return;
    const kept = (/** @type {number} */ v, /** @type {number} */ most) => Math.min(most - 1, Math.max(0, v));
    state.set({
      cursor: { row: kept(cursor.row + row, session.scan.rows), col: kept(cursor.col + col, session.scan.cols) },
    });
  };
  keys.bind("frames", "shift+ArrowUp", "move the cross by one pixel", nudge(-1, 0), "Shift ← ↑ ↓ →");
  bind("shift+ArrowDown", "", nudge(1, 0));
  bind("shift+ArrowLeft", "", nudge(0, -1));
  bind("shift+ArrowRight", "", nudge(0, 1));
  for (const [key, value, says] of [
    ["v", "look", "look around"],
    ["d", "beam", "drag the direct beam's box"],
    ["m", "margin", "drag the margin"],
    ["p", "paint", "paint bad pixels"],
    ["e", "erase", "erase painted pixels"],
  ])
    bind(key, says, () => choose(value));
  bind("Escape", "back to looking", () => choose("look"));
  bind("Delete|Backspace", "remove the margin box chosen last", () => boxes.remove());
}
