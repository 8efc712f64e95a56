// Start: the session, the tabs, the progress of what runs on the server, keys and the address.

import * as address from "./address.js";
import * as api from "./api.js";
import { el, icon } from "./dom.js";
import { mountHeader, showTroubles } from "./header.js";
import { showHelp } from "./help.js";
import { keepEdits, restoreEdits } from "./kept.js";
import * as keys from "./keys.js";
import * as state from "./state.js";
import { setTheme, theme } from "./theme.js";

const TABS = [
  { name: "frames", title: "Frames", module: "./frames.js" },
  { name: "segment", title: "Segment", module: "./segment.js" },
  { name: "grains", title: "Pairs & grains", module: "./grains.js" },
  { name: "volume", title: "Volume", module: "./volume.js" },
  { name: "run", title: "Run", module: "./run.js" },
  { name: "save", title: "Save", module: "./save.js" },
];
const POLL_MS = 400;

/**
 * What every tab gets: `export function mount(host, app) -> {show(), hide()}`.
 * @typedef {Object} App
 * @property {typeof import("./state.js")} state
 * @property {typeof import("./api.js")} api
 * @property {typeof import("./keys.js")} keys  `keys.bind(tab, combos, says, run)`
 * @property {typeof import("./address.js")} address  `address.remember(name, part)` keeps more in the URL
 * @property {(text: string, kind?: "info"|"note"|"bad") => void} toast  a line that goes by itself
 * @property {(error: any) => void} complain  says an error, unless it was only overtaken
 * @property {(name: string) => void} open  another tab
 * @property {() => Promise<void>} reload  ask for the session again
 * @property {(file: string) => void} style  load a style sheet of this folder, once
 */

/** @type {App} */
const app = { state, api, keys, address, toast, complain, open, reload, style };
/** @type {Map<string, {host: HTMLElement, tab: Promise<{show: () => void, hide: () => void}|null>}>} */
const mounted = new Map();
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = mountHeader(/** @type {HTMLElement} */ (document.getElementById("header")), TABS, open);

Object.assign(window, { friedel: { ready: false, counters: state.counters, timings: state.timings, state } });

/** @param {string} name */
function open(name) {
  state.set({ tab: TABS.some((tab) => tab.name === name) ? name : "frames" });
}

/** Mount a tab when it is first shown. @param {string} name */
function mount(name) {
  const found = mounted.get(name);
  if (found) return found;
  const host = el("section.panel-host", {
    id: `panel-${name}`,
    role: "tabpanel",
    "aria-labelledby": `tab-${name}`,
    data: { tab: name },
  });
  main.append(host);
  const path = TABS.find((tab) => tab.name === name)?.module ?? "./frames.js";
  const tab = import(path)
    .then((module) => module.mount(host, app))
    .catch((error) => {
      host.replaceChildren(
        el(
          "div.empty",
          {},
          icon("warn"),
          el("h2", {}, "This page could not be shown"),
          el("p", {}, String(error.message ?? error)),
        ),
      );
      return null;
    });
  const entry = { host, tab };
  mounted.set(name, entry);
  return entry;
}

/** @type {string|null} */
let shown = null;

async function showTab() {
  const { tab } = state.get();
  header.update();
  if (shown === tab) return;
  const before = shown && mounted.get(shown);
  shown = tab;
  if (before) {
    before.host.hidden = true;
    (await before.tab)?.hide();
  }
  const now = mount(tab);
  now.host.hidden = false;
  const module = await now.tab;
  if (shown === tab) module?.show();
}

async function reload() {
  const asked = edits;
  const session = await api.getJson("api/session", { channel: "session" });
  const patch = { session };
  for (const section of state.EDITED) {
    const mine = pending.has(section) || asked !== edits; // what was asked for before an edit does not know of it
    if (!mine && state.get().draftError?.section !== section)
      Object.assign(patch, { [section]: session.recipe?.[section] ?? {} });
  }
  const last = (session.scan?.frames ?? 1) - 1;
  state.set({ ...patch, frame: Math.min(state.get().frame, Math.max(0, last)) });
  document.title = `${session.name} · friedel`;
  showTroubles(/** @type {HTMLElement} */ (document.getElementById("troubles")), session.troubles ?? []);
}

// ---- edits go to the server as a draft -----------------------------------------------------------------------

/** @type {Map<string, number>} */
const pending = new Map();

let edits = 0;

/** @param {string} section */
function sendDraft(section) {
  edits++;
  window.clearTimeout(pending.get(section));
  const timer = window.setTimeout(async () => {
    const values = state.get()[/** @type {"segment"} */ (section)];
    try {
      const { recipe } = await api.post("api/draft", { section, values }, { channel: `draft-${section}` });
      edits++; // a session that is on its way was asked for before this was known
      state.set({ session: { ...state.get().session, recipe }, draftError: null });
      state.counters.draft++;
    } catch (error) {
      if (api.overtaken(error)) return;
      state.set({
        draftError: { section, key: /** @type {any} */ (error).key, text: /** @type {any} */ (error).message },
      });
      if (/** @type {any} */ (error).status !== 422) complain(error);
      if (/** @type {any} */ (error).status === 409) return takeBack(section);
    }
    if (pending.get(section) !== timer) return; // a newer one is on its way
    pending.delete(section);
    // Taken back while it was on its way: then it looked like what the server had, and was not sent.
    if (!state.same(values, state.get()[/** @type {"segment"} */ (section)])) sendDraft(section);
  }, 250);
  pending.set(section, timer);
}

/** Somebody else is in control: show what holds again. @param {string} section */
function takeBack(section) {
  pending.delete(section);
  state.set({ [section]: state.get().session.recipe?.[section] ?? {}, draftError: null });
}

for (const section of state.EDITED) {
  state.on(section, (s, changed) => {
    const known = s.session?.recipe?.[section];
    if (changed.has("session")) return;
    if (!state.same(known, s[/** @type {"segment"} */ (section)])) sendDraft(section);
    else if (/** @type {any} */ (s).draftError?.section === section) state.set({ draftError: null }); // taken back
  });
}

// ---- progress ------------------------------------------------------------------------------------------------

let revision = -1;
let silent = 0;
/** State and stage of the run: when they change, there are new results. */
let running = "";

async function poll() {
  try {
    const progress = await api.getJson("api/progress", { params: { client: api.client, revision } });
    if (silent >= 3) toast("The server answers again.");
    silent = 0;
    state.set({ progress });
    const stage = `${progress.run?.state} ${progress.run?.stage} ${progress.run?.text}`;
    const changed = revision !== -1 && (progress.revision !== revision || stage !== running);
    [revision, running] = [progress.revision, stage];
    // the scan may have been measured since the session was asked for, even before the first look at the progress
    if (changed || progress.sweep?.generation !== state.get().session?.generation) await reload();
  } catch (error) {
    if (++silent === 3) toast(/** @type {any} */ (error).message, "bad");
  }
  document.body.classList.toggle("offline", silent >= 3);
  window.setTimeout(poll, document.hidden ? 4 * POLL_MS : silent ? 2000 : POLL_MS);
}

// ---- small things --------------------------------------------------------------------------------------------

/** @param {string} text @param {"info"|"note"|"bad"} [kind]  note: nothing was done, and nothing is wrong */
function toast(text, kind = "info") {
  const host = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  if ([...host.children].some((each) => each.textContent === text)) return;
  const note = el(`div.toast.${kind}`, {}, kind === "note" ? null : icon(kind === "bad" ? "warn" : "check"), text);
  host.append(note);
  window.setTimeout(() => note.remove(), kind === "bad" ? 7000 : 3500);
}

/** @param {any} error */
function complain(error) {
  if (!api.overtaken(error)) toast(error.message ?? String(error), "bad");
}

/** @param {string} file */
function style(file) {
  const { href } = new URL(file, import.meta.url);
  if ([.../** @type {any} */ (document.querySelectorAll("link"))].some((link) => link.href === href)) return;
  document.head.append(el("link", { rel: "stylesheet", href }));
}

function bindKeys() {
  TABS.forEach((tab, i) =>
    keys.bind("*", String(i + 1), i ? "" : "the pages, in order", () => open(tab.name), `1 … ${TABS.length}`),
  );
  keys.bind("*", "?", "this help", () => showHelp(state.get().tab));
  keys.bind("*", "ctrl+z", "undo a change of the recipe or the mask", () => state.undo() || toast("Nothing to undo.", "note"));
  keys.bind("*", "ctrl+shift+z|ctrl+y", "redo it", () => state.redo() || toast("Nothing to redo.", "note"));
  keys.bind("*", "t", "light, dark, or as the system", () => {
    setTheme(theme() === "light" ? "dark" : theme() === "dark" ? "auto" : "light");
    header.update();
  });
  keys.listen(() => state.get().tab);
}

async function start() {
  const kept = localStorage.getItem("friedel-theme");
  if (kept === "light" || kept === "dark") setTheme(kept);
  bindKeys();
  try {
    await reload();
  } catch (error) {
    main.replaceChildren(
      el("div.empty", {}, icon("warn"), el("h2", {}, "No answer"), el("p", {}, /** @type {any} */ (error).message)),
    );
    return;
  }
  address.readAddress();
  restoreEdits();
  state.set({ frame: Math.min(state.get().frame, Math.max(0, (state.get().session?.scan?.frames ?? 1) - 1)) });
  state.on(["tab", "session", "progress"], showTab);
  state.on(
    ["tab", "frame", "kind", "cursor", "map", "curve", "contrasts", "zoom", "selection", "scope", "segment"],
    address.writeAddress,
  );
  window.addEventListener("hashchange", address.readAddress);
  window.addEventListener("pagehide", () => {
    keepEdits();
    if (state.get().progress?.control?.mine)
      api.post("api/control", { release: true }, { keepalive: true }).catch(() => {});
  });
  poll();
  await showTab();
  /** @type {any} */ (window).friedel.ready = true;
}

start();
