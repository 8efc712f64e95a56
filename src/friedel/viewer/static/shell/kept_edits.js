// What a reload would lose while the draft stays: undo and redo, and the second of the two settings.

import * as state from "../lib/state.js";

const NAME = "friedel-edits";

/** Before the page goes. */
export function keepEdits() {
  const { session, segment, preprocess, slots } = state.get();
  const kept = { of: session?.recipe_path, segment, preprocess, slots, steps: state.steps() };
  try {
    sessionStorage.setItem(NAME, JSON.stringify(kept));
  } catch {
    sessionStorage.removeItem(NAME); // no room: it is a comfort only
  }
}

/** Taken again where the draft is still the one that they led to. */
export function restoreEdits() {
  const text = sessionStorage.getItem(NAME);
  sessionStorage.removeItem(NAME);
  const kept = text ? JSON.parse(text) : null;
  const { session, segment, preprocess } = state.get();
  if (
    !kept ||
    kept.of !== session?.recipe_path ||
    !state.same(kept.segment, segment) ||
    !state.same(kept.preprocess, preprocess)
  )
    return;
  state.takeSteps(kept.steps);
  state.set({ slots: kept.slots });
}
