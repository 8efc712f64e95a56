// What a run would say of direct beam and margin, said beside the picture while they are dragged.

import * as api from "../lib/api.js";
import { el, icon } from "../lib/dom.js";
import * as state from "../lib/state.js";

/**
 * @typedef {import("../lib/types.js").Preprocess} Preprocess
 * @typedef {{refused: string, warnings: string[]}} Told
 */

/** What the light of the frames depends on. */
const KEYS = /** @type {const} */ (["beam", "margin", "normalise"]);

/**
 * @param {HTMLElement} host
 * @returns {{dragged: (values: Partial<Preprocess>|null) => void, update: () => void, ask: () => void}}
 * dragged: values under the pointer, null when it has let go; ask: the frames are going to be needed
 */
export function lightNote(host) {
  /** @type {Told|null} the newest answer */
  let known = null;
  /** What was asked for last. */
  let asked = "";
  /** @type {Partial<Preprocess>|null} */
  let live = null;
  /** @type {string|undefined} of the pass over the scan that has said its part last */
  let generation;

  const values = () => ({ ...state.get().preprocess, ...live });
  const ask = api.newest(async (/** @type {Preprocess} */ preprocess) => {
    /** @type {Told} */
    const told = await api.post("api/light", { preprocess });
    if (!asked) return; // the pass has said it meanwhile
    known = told;
    draw();
  });

  function askFor(/** @type {Preprocess} */ preprocess) {
    asked = keyOf(preprocess);
    ask(preprocess);
  }

  function update() {
    const { session } = state.get();
    if (session?.baseline && session.generation !== generation && !live) {
      generation = session.generation;
      known = null;
      asked = "";
    }
    const now = values();
    if (keyOf(now) !== asked && (asked || unknown(now))) askFor(now);
    draw();
  }

  /** What holds for what is shown: the newest answer, before there is one what the pass has heard. @returns {Told} */
  function told() {
    if (known) return known;
    const heard = state.get().session?.baseline?.warnings ?? [];
    return { refused: "", warnings: heard.filter((text) => /^preprocess\.(beam|margin|normalise)\b/.test(text)) };
  }

  function draw() {
    const { refused, warnings } = told();
    const texts = refused ? [refused] : warnings;
    host.hidden = !texts.length;
    host.dataset.state = refused ? "refused" : "warned";
    host.replaceChildren(...texts.map((text) => el("p", {}, icon("warn"), el("span", {}, text))));
  }

  return {
    dragged(next) {
      live = next;
      update();
    },
    update,
    ask: () => void (asked || askFor(values())),
  };
}

/** These are not the values that the pass over the scan knows, or it could do nothing with them. @param {Preprocess} now */
function unknown(now) {
  const { session, progress } = state.get();
  return progress?.pass?.state === "failed" || keyOf(session?.recipe?.preprocess ?? now) !== keyOf(now);
}

/** @param {Partial<Preprocess>} preprocess */
function keyOf(preprocess) {
  return JSON.stringify(KEYS.map((key) => preprocess[key]));
}
