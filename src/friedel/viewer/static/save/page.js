// Save: the difference first, then the recipe; the command that runs it; how others can look.

import * as address from "../lib/address.js";
import * as api from "../lib/api.js";
import { el } from "../lib/dom.js";
import { emptyPage } from "../lib/empty.js";
import * as state from "../lib/state.js";
import { buildLayout } from "./layout.js";

/**
 * @typedef {{diff: string, command: string, path: string, mask_path?: string}} Saving  what would be written, or
 *   was
 */

/** @type {import("../lib/types.js").Mount} */
export function mount(host, app) {
  return new SavePage(host, app);
}

class SavePage {
  /** @param {HTMLElement} host @param {import("../lib/types.js").App} app */
  constructor(host, app) {
    this.app = app;
    this.visible = false;
    this.layout = buildLayout(host, { write: () => this.#ask(true) });
    state.on("session", () => this.visible && this.#ask(false));
  }

  show() {
    this.visible = true;
    this.#links();
    this.#ask(false);
  }

  hide() {
    this.visible = false;
  }

  /** What would be written; `write` it. @param {boolean} write */
  async #ask(write) {
    try {
      /** @type {Saving} */
      const answer = await api.post("api/save", { write }, { channel: "save" });
      this.#tell(answer, write);
      if (write) {
        this.app.toast(`Saved ${answer.path}`);
        await this.app.reload();
      }
    } catch (error) {
      if (api.overtaken(error)) return;
      if (api.refusalOf(error).status === 409) this.layout.note.textContent = api.messageOf(error);
      else this.app.complain(error);
    }
  }

  /** @param {Saving} answer @param {boolean} written */
  #tell(answer, written) {
    const { name, path, command, write, title, note, diff } = this.layout;
    name.textContent = answer.path;
    path.title = answer.path;
    command.set(answer.command);
    const lines = (answer.diff ?? "").split("\n").filter((line, i, all) => line || i < all.length - 1);
    const changes = lines.filter((line) => /^[+-](?![+-]{2})/.test(line)).length;
    const nothing = written || !changes;
    const first = state.get().session?.file?.exists === false;
    write.disabled = nothing && !answer.mask_path;
    title.textContent = written
      ? "Saved"
      : !changes
        ? "Nothing to save"
        : first
          ? "What would be in the new file"
          : "What would change";
    note.textContent = nothing ? "" : answer.mask_path ? `The mask goes to ${answer.mask_path}` : "";
    diff.replaceChildren(...(nothing ? [nothingToSay(written)] : lines.map(diffLine)));
  }

  /** Addresses for others. */
  #links() {
    const { session } = state.get();
    const page = location.href.split("#")[0];
    this.layout.view.set(`${page.includes("token=") ? page : (session?.address ?? page)}${address.written()}`);
    this.layout.tunnel.set(session?.ssh ?? "");
    this.layout.tunnel.element.hidden = !session?.ssh;
  }
}

/** @param {boolean} written */
function nothingToSay(written) {
  return written
    ? emptyPage("check", "The recipe is saved", "The command below runs exactly what this page shows.")
    : emptyPage(
        "check",
        "The recipe is as it was saved",
        "Changes made under Frames and Segment appear here, line by line, before anything is written.",
      );
}

/** One line of a unified difference. @param {string} line */
function diffLine(line) {
  const kind = line.startsWith("@@")
    ? "hunk"
    : /^(\+\+\+|---)/.test(line)
      ? "file"
      : line[0] === "+"
        ? "added"
        : line[0] === "-"
          ? "removed"
          : "kept";
  const says = kind === "added" || kind === "removed" ? `${kind}: ` : null;
  return el(
    `div.${kind}`,
    {},
    el("i", { "aria-hidden": "true" }, kind === "hunk" || kind === "file" ? "" : (line[0] ?? " ")),
    says ? el("span.hearing", {}, says) : null,
    el("span", {}, kind === "hunk" ? "⋯" : kind === "file" ? line : line.slice(1)),
  );
}
