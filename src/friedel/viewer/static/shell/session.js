// The session, asked for again whenever something has changed; edits go to the server as a draft.

import * as api from "../lib/api.js";
import * as state from "../lib/state.js";
import { showTroubles } from "./header.js";
import { complain } from "./toasts.js";

/** @typedef {import("../lib/state.js").Section} Section */

/** So long after the last edit the draft is sent. */
const WAIT_MS = 250;

/** Timers of drafts that wait or are on their way. @type {Map<Section, number>} */
const pending = new Map();

/** Those of them that are on their way. @type {Map<Section, number>} */
const leaving = new Map();

/** Whether an edit has not reached the server yet. */
export function unsent() {
  return pending.size > 0;
}

/** Grows with every edit, and with every draft that the server took. */
let edits = 0;

/** Ask for the session again. */
export async function reload() {
  const asked = edits;
  /** @type {import("../lib/types.js").Session} */
  const session = await api.getJson("api/session", { channel: "session" });
  const patch = { session };
  for (const section of state.EDITED) {
    const mine = pending.has(section) || asked !== edits; // what was asked for before an edit does not know of it
    if (!mine && state.get().draftError?.section !== section)
      Object.assign(patch, { [section]: session.recipe?.[section] ?? {} });
  }
  const before = state.get().session;
  if (before && resultsOf(before) !== resultsOf(session)) {
    const { blob } = state.get().selection;
    Object.assign(patch, { spot: null, selection: { blob, grain: null } }); // their numbers mean others now
  }
  const last = (session.scan?.frames ?? 1) - 1;
  state.set({ ...patch, frame: Math.min(state.get().frame, Math.max(0, last)) });
  document.title = `${session.name} · friedel`;
  showTroubles(/** @type {HTMLElement} */ (document.getElementById("troubles")), session.troubles ?? []);
}

/** Which blobs, pairs and grains there are. @param {import("../lib/types.js").Session} session */
function resultsOf({ out, stages }) {
  return [out, ...["segment", "match", "index"].map((name) => stages?.[name]?.started)].join();
}

/** Send what is edited, from now on. */
export function sendDrafts() {
  for (const section of state.EDITED) {
    state.on(section, (s, changed) => {
      const known = s.session?.recipe?.[section];
      if (changed.has("session")) return;
      if (!state.same(known, s[section])) sendDraft(section);
      else takenBack(section);
    });
  }
}

/** What the server has is what is wanted: nothing needs to be sent. @param {Section} section */
function takenBack(section) {
  if (!leaving.has(section)) {
    window.clearTimeout(pending.get(section));
    pending.delete(section);
  }
  if (state.get().draftError?.section === section) state.set({ draftError: null });
}

/** @param {Section} section */
function sendDraft(section) {
  edits++;
  window.clearTimeout(pending.get(section));
  const timer = window.setTimeout(async () => {
    const values = state.get()[section];
    leaving.set(section, timer);
    try {
      const { recipe } = await api.post("api/draft", { section, values }, { channel: `draft-${section}` });
      edits++; // a session that is on its way was asked for before this was known
      const { session } = state.get();
      state.set({ session: session && { ...session, recipe }, draftError: null });
      state.counters.draft++;
    } catch (error) {
      if (api.overtaken(error)) return;
      const { status, key } = api.refusalOf(error);
      state.set({ draftError: { section, key, text: api.messageOf(error) } });
      if (status !== 422) complain(error);
      if (status === 409) {
        takeBack(section);
        return;
      }
    } finally {
      if (leaving.get(section) === timer) leaving.delete(section);
    }
    if (pending.get(section) !== timer) return; // a newer one is on its way
    pending.delete(section);
    // Taken back while it was on its way: then it looked like what the server had, and was not sent.
    if (!state.same(values, state.get()[section])) sendDraft(section);
  }, WAIT_MS);
  pending.set(section, timer);
}

/** Somebody else is in control: show what holds again. @param {Section} section */
function takeBack(section) {
  pending.delete(section);
  state.set({ [section]: state.get().session?.recipe?.[section] ?? {}, draftError: null });
}
