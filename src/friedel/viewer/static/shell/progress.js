// How far things are on the server, asked for all the time; when something has changed, the session is asked for
// too.

import * as api from "../lib/api.js";
import * as state from "../lib/state.js";
import { reload } from "./session.js";
import { toast } from "./toasts.js";

const POLL_MS = 400;

let revision = -1;
let silent = 0;
/** State and stage of the run: when they change, there are new results. */
let running = "";

/** Ask now, and again and again. */
export async function poll() {
  try {
    /** @type {import("../lib/types.js").Progress} */
    const progress = await api.getJson("api/progress", { params: { ...api.names, revision } });
    if (silent >= 3) toast("The server answers again.");
    silent = 0;
    state.set({ progress });
    const stage = `${progress.run?.state} ${progress.run?.stage} ${progress.run?.text}`;
    const changed = revision !== -1 && (progress.revision !== revision || stage !== running);
    [revision, running] = [progress.revision, stage];
    // the scan may have been measured since the session was asked for, even before the first look at the progress
    if (changed || progress.pass?.generation !== state.get().session?.generation) await reload();
  } catch (error) {
    if (++silent === 3) toast(api.messageOf(error), "bad");
  }
  document.body.classList.toggle("offline", silent >= 3);
  window.setTimeout(poll, document.hidden ? 4 * POLL_MS : silent ? 2000 : POLL_MS);
}
