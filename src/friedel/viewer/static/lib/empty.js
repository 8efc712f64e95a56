// What pages say where there is nothing to show, and where to go then.

import { el, icon } from "./dom.js";
import * as state from "./state.js";

/** @typedef {{element: HTMLElement, show: (on: boolean) => void}} Notice  show: instead of what else there is */

/**
 * What stands in place of a whole page.
 * @param {import("./dom.js").IconName} picture
 * @param {string} title
 * @param {...import("./dom.js").Child} says
 */
export function emptyPage(picture, title, ...says) {
  return el(
    "div.empty",
    {},
    icon(picture),
    el("h2", {}, title),
    ...says.map((one) => (typeof one === "string" ? el("p", {}, one) : one)),
  );
}

/**
 * The same, with buttons that lead elsewhere; what it says is asked for whenever it is shown.
 * @param {import("./types.js").App} app
 * @param {string} title
 * @param {[string, string][]} ways  pages to go to, and what their buttons say
 * @param {() => string} why
 * @returns {Notice}
 */
export function notice(app, title, ways, why) {
  const text = el("p");
  const buttons = ways.map(([page, says]) =>
    el("button.button", { type: "button", onclick: () => app.open(page) }, says),
  );
  const element = emptyPage("box", title, text, el("div.toolbar", {}, ...buttons));
  element.hidden = true;
  return {
    element,
    show(on) {
      element.hidden = !on;
      text.textContent = why();
    },
  };
}

/**
 * The page of a scan that could not be opened; it begins anew when the scan is there.
 * @param {HTMLElement} host
 * @param {string} title
 * @param {string} says
 * @returns {import("./types.js").Page}
 */
export function noScan(host, title, says) {
  host.append(emptyPage("warn", title, says));
  state.on("session", ({ session }) => {
    if (session?.scan) location.reload();
  });
  return { show() {}, hide() {} };
}
