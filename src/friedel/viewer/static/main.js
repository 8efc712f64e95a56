// Start: the pages and their tabs, keys, and the address. Nothing here knows what a page shows.

import * as address from "./lib/address.js";
import * as api from "./lib/api.js";
import { el } from "./lib/dom.js";
import { emptyPage } from "./lib/empty.js";
import * as keys from "./lib/keys.js";
import * as state from "./lib/state.js";
import { setTheme, theme } from "./lib/theme.js";
import { mountHeader } from "./shell/header.js";
import { showHelp } from "./shell/help.js";
import { keepEdits, restoreEdits } from "./shell/kept_edits.js";
import { poll } from "./shell/progress.js";
import { reload, sendDrafts, unsent } from "./shell/session.js";
import { complain, toast } from "./shell/toasts.js";

/** @typedef {import("./lib/types.js").Page} Page */

/** Each is `NAME/page.js` with `NAME/NAME.css`. */
const PAGES = [
  { name: "frames", title: "Frames" },
  { name: "segment", title: "Segment" },
  { name: "grains", title: "Pairs & grains" },
  { name: "volume", title: "Volume" },
  { name: "run", title: "Run" },
  { name: "save", title: "Save" },
];

const friedel = { ready: false, counters: state.counters, timings: state.timings, state, unsent };
Object.assign(window, { friedel });

/** @type {import("./lib/types.js").App} */
const app = { toast, complain, open, reload, reveal: (parts) => void Object.assign(friedel, parts) };
/** @type {Map<string, {host: HTMLElement, page: Promise<Page|null>}>} */
const mounted = new Map();
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = mountHeader(/** @type {HTMLElement} */ (document.getElementById("header")), PAGES, open);

/** @param {string} name */
function open(name) {
  state.set({ tab: PAGES.some((page) => page.name === name) ? name : "frames" });
}

/** Make a page when it is first shown. @param {string} name */
function mount(name) {
  const found = mounted.get(name);
  if (found) return found;
  const known = PAGES.some((page) => page.name === name) ? name : "frames"; // an address may say anything
  const host = el(`section.panel-host.${known}`, {
    id: `panel-${name}`,
    role: "tabpanel",
    "aria-labelledby": `tab-${name}`,
    data: { tab: name },
  });
  document.head.append(
    el("link", { rel: "stylesheet", href: new URL(`${known}/${known}.css`, import.meta.url).href }),
  );
  main.append(host);
  const page = load(known, host);
  mounted.set(name, { host, page });
  return { host, page };
}

/** @param {string} name @param {HTMLElement} host @returns {Promise<Page|null>} */
async function load(name, host) {
  try {
    /** @type {{mount: import("./lib/types.js").Mount}} */
    const module = await import(`./${name}/page.js`);
    return module.mount(host, app);
  } catch (error) {
    host.replaceChildren(emptyPage("warn", "This page could not be shown", api.messageOf(error)));
    return null;
  }
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
    (await before.page)?.hide();
  }
  const now = mount(tab);
  now.host.hidden = false;
  const page = await now.page;
  if (shown === tab) page?.show();
}

function bindKeys() {
  PAGES.forEach((page, i) =>
    keys.bind("*", String(i + 1), i ? "" : "the pages, in order", () => open(page.name), `1 … ${PAGES.length}`),
  );
  keys.bind("*", "?", "this help", () => showHelp(state.get().tab));
  keys.bind("*", "ctrl+z", "undo a change of the recipe or the mask", () => {
    if (!state.undo()) toast("Nothing to undo.", "note");
  });
  keys.bind("*", "ctrl+shift+z|ctrl+y", "redo it", () => {
    if (!state.redo()) toast("Nothing to redo.", "note");
  });
  keys.bind("*", "t", "light, dark, or as the system", () => {
    setTheme(theme() === "light" ? "dark" : theme() === "dark" ? "auto" : "light");
    header.update();
  });
  keys.listen(() => state.get().tab);
}

function goodbye() {
  keepEdits();
  api.post("api/control", { leave: true }, { keepalive: true }).catch(() => {}); // others need not wait for us
}

async function start() {
  const kept = localStorage.getItem("friedel-theme");
  if (kept === "light" || kept === "dark") setTheme(kept);
  bindKeys();
  sendDrafts();
  try {
    await reload();
  } catch (error) {
    main.replaceChildren(emptyPage("warn", "No answer", api.messageOf(error)));
    return;
  }
  address.readAddress();
  restoreEdits();
  state.set({ frame: Math.min(state.get().frame, state.scanShape().frames - 1) });
  state.on(["tab", "session", "progress"], showTab);
  state.on([...address.KEPT], address.writeAddress);
  window.addEventListener("hashchange", address.readAddress);
  window.addEventListener("pagehide", goodbye);
  window.addEventListener("pointerdown", state.endStep, { capture: true }); // two drags are two steps of undo
  poll();
  await showTab();
  friedel.ready = true;
}

start();
