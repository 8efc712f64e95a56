// Lines that say something and go by themselves.

import { messageOf, overtaken } from "../lib/api.js";
import { el, icon } from "../lib/dom.js";

/** @param {string} text @param {"info"|"note"|"bad"} [kind]  note: nothing was done, and nothing is wrong */
export function toast(text, kind = "info") {
  const host = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  if ([...host.children].some((each) => each.textContent === text)) return;
  const note = el(`div.toast.${kind}`, {}, kind === "note" ? null : icon(kind === "bad" ? "warn" : "check"), text);
  host.append(note);
  window.setTimeout(() => note.remove(), kind === "bad" ? 7000 : 3500);
}

/** Say an error, unless it was only overtaken. @param {unknown} error */
export function complain(error) {
  if (!overtaken(error)) toast(messageOf(error), "bad");
}
