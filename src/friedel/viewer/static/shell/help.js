// The list of shortcuts, how the pointer works and what the angles are, under "?".

import { el, icon } from "../lib/dom.js";
import { bound } from "../lib/keys.js";

/** @type {Object<string, string>} */
const TITLES = {
  "*": "Everywhere",
  frames: "Frames",
  segment: "Segment",
  grains: "Pairs and grains",
  volume: "Volume",
  run: "Run",
  save: "Save",
};

const POINTER = [
  ["Wheel", "zoom at the pointer"],
  ["Drag", "pan the picture"],
  ["Click", "put the cross there: sections and course go through it"],
  ["Double click", "fit the picture"],
  ["Hover a name", "what a parameter means, its range and default"],
];
const ANGLES = [
  ["omega", "the rotation, as the stage records it; elsewhere also psi or phi"],
  ["eta", "around the direct beam, from the vertical"],
  ["two-theta", "between the diffracted and the direct beam"],
];

/** Open the help. @param {string} here  the tab whose keys come first */
export function showHelp(here) {
  const order = Object.keys(TITLES).sort(
    (a, b) => Number(b === "*") - Number(a === "*") || Number(b === here) - Number(a === here),
  );
  /** @type {[string, string[][]][]} */
  const groups = order.map((tab) => [
    TITLES[tab],
    bound()
      .filter((each) => each.tab === tab && each.says)
      .map((each) => [each.shown, each.says]),
  ]);
  groups.splice(1, 0, ["Pictures", POINTER], ["Angles", ANGLES]);
  const dialog = el("dialog.help", { "aria-label": "Help" });
  dialog.append(
    el(
      "header",
      {},
      el("h2", {}, "Keyboard, pointer, angles"),
      el("button.quiet", { type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close")),
    ),
    el(
      "div.help-groups",
      {},
      ...groups
        .filter(([, rows]) => rows.length)
        .map(([title, rows]) =>
          el(
            "section",
            {},
            el("h3", {}, title),
            el(
              "dl",
              {},
              ...rows.flatMap(([keys, says]) => [
                el("dt", {}, ...(rows === ANGLES ? [keys] : keyed(keys))),
                el("dd", {}, says),
              ]),
            ),
          ),
        ),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (/** @type {MouseEvent} */ event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** Keys as keys, and what stands between them. @param {string} keys  such as "→ or ←" */
function keyed(keys) {
  return keys.split(" or ").flatMap((each, i) => [i ? " or " : "", el("kbd", {}, each)]);
}
