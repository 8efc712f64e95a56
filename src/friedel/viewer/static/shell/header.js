// The top line: what is looked at, the tabs, how far the scan is, who may change, light or dark; troubles below.

import * as api from "../lib/api.js";
import { el, icon } from "../lib/dom.js";
import { number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { setTheme, theme } from "../lib/theme.js";
import { showHelp } from "./help.js";

/** @type {Set<string>} */
const closed = new Set();

/**
 * Fill the header.
 * @param {HTMLElement} host
 * @param {{name: string, title: string}[]} tabs
 * @param {(name: string) => void} open
 * @returns {{update: () => void}}
 */
export function mountHeader(host, tabs, open) {
  const name = el("span.scan-name");
  const facts = el("span.scan-facts");
  const buttons = tabs.map((tab, i) =>
    el(
      "button.tab",
      {
        type: "button",
        role: "tab",
        id: `tab-${tab.name}`,
        "aria-controls": `panel-${tab.name}`,
        title: `${tab.title} (${i + 1})`,
        data: { tab: tab.name },
        onclick: () => open(tab.name),
      },
      tab.title,
    ),
  );
  const list = el("nav.tabs", { role: "tablist", "aria-label": "Pages" }, ...buttons);
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.findIndex((button) => button === document.activeElement);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    next.click();
  });
  const scanPass = passMeter();
  const control = controlBadge();
  const themeButton = el("button.quiet", { type: "button", onclick: turnTheme });
  const help = el(
    "button.quiet",
    {
      type: "button",
      "aria-label": "Help: keyboard and pointer",
      title: "Keyboard and pointer (?)",
      onclick: () => showHelp(state.get().tab),
    },
    icon("help"),
  );
  host.append(
    el("div.brand", {}, el("span.mark", { "aria-hidden": "true" }), el("b", {}, "friedel")),
    el("div.scan", {}, name, facts),
    list,
    el("div.header-right", {}, scanPass.element, control.element, themeButton, help),
  );

  function turnTheme() {
    const order = /** @type {const} */ (["auto", "light", "dark"]);
    setTheme(order[(order.indexOf(theme()) + 1) % 3]);
    showTheme();
  }
  function showTheme() {
    const says = { auto: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" }[theme()];
    themeButton.replaceChildren(icon(/** @type {const} */ ({ auto: "half", light: "sun", dark: "moon" })[theme()]));
    themeButton.title = `${says} (T)`;
    themeButton.setAttribute("aria-label", says);
  }
  showTheme();
  return {
    update() {
      const { session, tab } = state.get();
      const scan = session?.scan;
      name.textContent = session?.name ?? "";
      name.title = [session?.recipe_path, session?.out && `Results: ${session.out}`].filter(Boolean).join("\n");
      facts.textContent = scan ? `${number(scan.frames, 7)} × ${scan.rows} × ${scan.cols}` : "";
      facts.title = scan
        ? `${scan.frames} frames of ${scan.rows} rows and ${scan.cols} columns, ${scan.dtype}; ${anglesOf(scan)}`
        : "";
      buttons.forEach((button) => {
        const chosen = button.dataset.tab === tab;
        button.setAttribute("aria-selected", String(chosen));
        button.tabIndex = chosen ? 0 : -1;
      });
      scanPass.update();
      control.update();
      showTheme();
    },
  };
}

/** @param {import("../lib/types.js").Scan} scan */
function anglesOf(scan) {
  return `omega from ${number(scan.omega_start_deg)}° in steps of ${number(scan.omega_step_deg)}°`;
}

function passMeter() {
  const bar = el("i");
  const text = el("span");
  const element = el("div.scan-pass", { role: "status", "aria-live": "off" }, text, el("div.meter", {}, bar));
  return {
    element,
    update() {
      const scanPass = state.get().progress?.pass;
      const share = scanPass?.total ? scanPass.done / scanPass.total : 0;
      element.dataset.state = scanPass?.state ?? "waiting";
      element.hidden = !scanPass || scanPass.state === "waiting";
      bar.style.width = `${100 * (scanPass?.state === "done" ? 1 : share)}%`;
      /** @type {Object<string, string>} */
      const says = {
        running: `Whole scan ${Math.floor(100 * share)} %`,
        done: "Whole scan ready",
        failed: "Whole scan failed",
        stopped: "Whole scan stopped",
      };
      text.textContent = says[scanPass?.state ?? ""] ?? "";
      element.title =
        scanPass?.text ||
        (scanPass?.state === "done"
          ? "Every frame is clean and its bright voxels are known: changes answer for the whole scan."
          : "Backgrounds and bright voxels of the whole scan are found in the background.");
    },
  };
}

function controlBadge() {
  const element = el("button.badge", { type: "button" });
  element.onclick = async () => {
    const mine = state.get().progress?.control?.mine;
    await api.post("api/control", mine ? { release: true } : { take: true }).catch(() => {});
  };
  return {
    element,
    update() {
      const control = state.get().progress?.control ?? { mine: true, taken: true };
      element.dataset.state = control.mine ? "mine" : control.taken ? "taken" : "free";
      element.replaceChildren(
        ...(control.mine
          ? [icon("check"), "In control"]
          : control.taken
            ? [icon("lock"), "Looking on"]
            : ["Take control"]),
      );
      element.title = control.mine
        ? "Changes made in this browser count. Click to hand over."
        : control.taken
          ? "Somebody else changes the recipe; everything can be looked at. Click to ask for control."
          : "Nobody changes the recipe at the moment: the first to do so is in control. Click to take it.";
    },
  };
}

/**
 * Troubles and warnings as lines that can be closed.
 * @param {HTMLElement} host
 * @param {{where: string, text: string, way_out?: string}[]} troubles
 */
export function showTroubles(host, troubles) {
  const open = troubles.filter((trouble) => !closed.has(trouble.where + trouble.text));
  host.hidden = !open.length;
  host.replaceChildren(
    ...open.map((trouble) => {
      const close = () => {
        closed.add(trouble.where + trouble.text);
        showTroubles(host, troubles);
      };
      return el(
        "div.trouble",
        { role: "alert" },
        icon("warn"),
        el("b", {}, trouble.where),
        el("span", {}, trouble.text, trouble.way_out ? el("em", {}, ` ${trouble.way_out}`) : null),
        el("button.quiet", { type: "button", "aria-label": "Close this notice", onclick: close }, icon("close")),
      );
    }),
  );
}
