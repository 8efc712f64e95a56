// Two settings, A and B: one is edited, the other kept; undo and redo go through both.

import * as state from "../lib/state.js";

/**
 * @typedef {"A"|"B"} Name
 * @typedef {import("../lib/types.js").Answer} Answer
 * @typedef {import("../lib/types.js").Segment} Segment
 */

/**
 * Keeps `state.slots`; setting A is what is edited at the beginning.
 * @param {import("../lib/types.js").App} app
 * @returns {{choose: (name: Name) => void, other: () => Name, edited: () => void, solved: (answer: Answer, segment:
 *   Segment) => void,
 *   answerOf: (name: Name) => Answer|null}}
 */
export function slotKeeper(app) {
  /**
   * @type {Map<Name, Answer|undefined>} answers by setting, for the counts and curves of the one that is not shown
   */
  const answers = new Map();

  const shown = () => state.get().slots.shown ?? "A";
  const other = () => (shown() === "A" ? "B" : "A");

  /** @param {Name} name @param {Segment} segment @param {number} [kept] */
  function put(name, segment, kept) {
    state.set({
      slots: { ...state.get().slots, shown: shown(), [name]: { segment, ...(kept === undefined ? {} : { kept }) } },
    });
  }

  return {
    other,
    choose(name) {
      const { slots, segment } = state.get();
      if (name === shown()) return;
      if (state.lookingOn()) return app.toast("Somebody else changes the recipe at the moment.", "bad");
      const kept = slots[shown()]?.kept;
      const next = slots[name] ?? { segment, kept };
      if (!slots[name]) answers.set(name, answers.get(shown()));
      state.set({ slots: { ...slots, [shown()]: { segment, kept }, [name]: next, shown: name } });
      state.edit("segment", next.segment);
    },
    edited() {
      const { slots, segment } = state.get();
      if (!slots.A && !slots.B) return;
      const twin = slots[other()];
      const back = twin && state.same(twin.segment, segment) && !state.same(slots[shown()]?.segment, segment);
      if (back) state.set({ slots: { ...slots, shown: other() } });
      else if (!state.same(slots[shown()]?.segment, segment)) put(shown(), segment);
    },
    solved(answer, segment) {
      const { slots } = state.get();
      if (!slots.A && !slots.B) state.set({ slots: { A: { segment, kept: answer.kept }, B: null, shown: "A" } });
      // An answer may come after the other setting was chosen; one that is of neither was for a moment of a drag.
      for (const name of /** @type {Name[]} */ (["A", "B"])) {
        if (!state.same(state.get().slots[name]?.segment, segment)) continue;
        answers.set(name, answer);
        put(name, segment, answer.kept);
      }
    },
    answerOf: (name) => (state.get().slots[name] ? (answers.get(name) ?? null) : null),
  };
}
