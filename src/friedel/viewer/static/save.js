// Save: the difference first, then the recipe; the command that runs it; how others can look.

import { el, icon } from "./dom.js";
import * as state from "./state.js";

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @returns {{show: () => void, hide: () => void}}
 */
export function mount(host, app) {
  app.style("save.css");
  host.classList.add("save");
  let visible = false;
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
    { type: "button", onclick: () => save(true) },
    icon("check"),
    el("span", {}, "Save the recipe"),
  );
  const note = el("span.soft", { role: "status" });
  const command = copyLine("Run it from a shell");
  const address = copyLine("This view, for others on this computer");
  const tunnel = copyLine("From another computer");
  host.append(
    el("div.card.diff-card", {}, el("header", {}, title, path), diff, el("div.toolbar", {}, write, note)),
    el("div.card.lines", {}, command.element, address.element, tunnel.element),
  );

  /** @param {boolean} write_it */
  async function save(write_it) {
    try {
      const answer = await app.api.post("api/save", { write: write_it }, { channel: "save" });
      show(answer, write_it);
      if (write_it) {
        app.toast(`Saved ${answer.path}`);
        await app.reload();
      }
    } catch (error) {
      if (app.api.overtaken(error)) return;
      if (/** @type {any} */ (error).status === 409) note.textContent = /** @type {any} */ (error).message;
      else app.complain(error);
    }
  }

  /**
   * @param {{diff: string, command: string, path: string, mask_path?: string}} answer
   * @param {boolean} written
   */
  function show(answer, written) {
    name.textContent = answer.path;
    path.title = answer.path;
    command.set(answer.command);
    const lines = (answer.diff ?? "").split("\n").filter((line, i, all) => line || i < all.length - 1);
    const changes = lines.filter((line) => /^[+-](?![+-]{2})/.test(line)).length;
    const nothing = written || !changes;
    write.disabled = nothing && !answer.mask_path;
    title.textContent = written ? "Saved" : !changes ? "Nothing to save" : state.get().session?.file?.exists === false ? "What would be in the new file" : "What would change";
    note.textContent = nothing ? "" : answer.mask_path ? `The mask goes to ${answer.mask_path}` : "";
    diff.replaceChildren(...(nothing ? [same(written)] : lines.map(diffLine)));
  }

  function links() {
    const { session } = state.get();
    const page = location.href.split("#")[0];
    address.set(`${page.includes("token=") ? page : (session?.address ?? page)}${app.address.written()}`);
    tunnel.set(session?.ssh ?? "");
    tunnel.element.hidden = !session?.ssh;
  }

  state.on("session", (s, changed) => visible && changed.has("session") && save(false));
  return {
    show() {
      visible = true;
      links();
      save(false);
    },
    hide() {
      visible = false;
    },
  };
}

/** @param {boolean} written */
function same(written) {
  return el(
    "div.empty",
    {},
    icon("check"),
    el("h2", {}, written ? "The recipe is saved" : "The recipe is as it was saved"),
    el(
      "p",
      {},
      written
        ? "The command below runs exactly what this page shows."
        : "Changes made under Frames and Segment appear here, line by line, before anything is written.",
    ),
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
  const says = { added: "added: ", removed: "removed: " }[kind];
  return el(
    `div.${kind}`,
    {},
    el("i", { "aria-hidden": "true" }, kind === "hunk" || kind === "file" ? "" : (line[0] ?? " ")),
    says ? el("span.hearing", {}, says) : null,
    el("span", {}, kind === "hunk" ? "⋯" : kind === "file" ? line : line.slice(1)),
  );
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
