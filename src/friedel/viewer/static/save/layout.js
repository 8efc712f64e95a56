// What the page is made of: the difference with what writes it, and lines to copy.

import { el, icon } from "../lib/dom.js";

/** @typedef {ReturnType<typeof buildLayout>} Layout */

/** @param {HTMLElement} host @param {{write: () => void}} on */
export function buildLayout(host, on) {
  const title = el("h2", {}, "What would change");
  const name = el("bdi");
  const path = el("span.soft", {}, name);
  const diff = el("div.diff", {
    tabIndex: 0,
    role: "region",
    "aria-label": "Difference between the saved recipe and the draft",
  });
  const write = el(
    "button.button.primary",
    { type: "button", onclick: on.write },
    icon("check"),
    el("span", {}, "Save the recipe"),
  );
  const note = el("span.soft", { role: "status" });
  const command = copyLine("Run it from a shell");
  const view = copyLine("This view, for others on this computer");
  const tunnel = copyLine("From another computer");
  host.append(
    el("div.card.diff-card", {}, el("header", {}, title, path), diff, el("div.toolbar", {}, write, note)),
    el("div.card.lines", {}, command.element, view.element, tunnel.element),
  );
  return { title, name, path, diff, write, note, command, view, tunnel };
}

/** A line of text with a button that copies it. @param {string} label */
function copyLine(label) {
  const text = el("code", { tabIndex: 0 });
  const button = el(
    "button.quiet",
    { type: "button", title: "Copy", "aria-label": `Copy: ${label}`, onclick: copy },
    icon("copy"),
  );
  async function copy() {
    const done = await navigator.clipboard?.writeText(text.textContent ?? "").then(
      () => true,
      () => false,
    );
    if (!done) getSelection()?.selectAllChildren(text);
    button.replaceChildren(icon(done ? "check" : "copy"));
    window.setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  }
  return {
    element: el("div.copy-line", {}, el("h3", {}, label), el("div", {}, text, button)),
    set: (/** @type {string} */ value) => void (text.textContent = value),
  };
}
