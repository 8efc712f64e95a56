// Keyboard: one list of shortcuts, which the help shows as well.

/**
 * @typedef {{tab: string, keys: string[], shown: string, says: string,
 *   run: (event: KeyboardEvent) => void}} Shortcut
 */

/** @type {Shortcut[]} */
const shortcuts = [];

/**
 * Add a shortcut.
 * @param {string} tab  the tab it works in, or "*"
 * @param {string} combos  e.g. "ctrl+z" or "ArrowLeft|," (any of them); letters match `event.key` in lower case
 * @param {string} says  one phrase for the help; without one the help leaves it out
 * @param {(event: KeyboardEvent) => void} run
 * @param {string} [shown]  how the help shows the keys, where several shortcuts share one phrase
 */
export function bind(tab, combos, says, run, shown) {
  const keys = combos.split("|");
  shortcuts.push({ tab, keys, shown: shown ?? keys.map(pretty).join(" or "), says, run });
}

/** All shortcuts. @returns {Shortcut[]} */
export function bound() {
  return shortcuts;
}

/** @param {string} combo */
function pretty(combo) {
  /** @type {Object<string, string>} */
  const names = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    " ": "Space",
    ctrl: "Ctrl",
    shift: "Shift",
    alt: "Alt",
  };
  return combo
    .split(/\+(?=.)/)
    .map((part) => names[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(" ");
}

/** @param {KeyboardEvent} event */
function combo(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = event.key.length === 1 && event.key.toLowerCase() === event.key.toUpperCase();
  const held = [
    (event.ctrlKey || event.metaKey) && "ctrl",
    event.altKey && "alt",
    event.shiftKey && !letter && "shift",
  ];
  return [...held.filter(Boolean), key].join("+");
}

/** Whether keys belong to the element: text is typed there. @param {EventTarget|null} target */
function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "range", "button"].includes(target.type);
}

/**
 * Listen to the keyboard.
 * @param {() => string} tab  the tab shown
 */
export function listen(tab) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const pressed = combo(event);
    if (typing(event.target) && !pressed.startsWith("ctrl+")) return;
    if (typing(event.target) && /^ctrl\+(z|y|shift\+z|c|v|x|a)$/.test(pressed)) return;
    const ranged = event.target instanceof HTMLInputElement && event.target.type === "range";
    if (ranged && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    const pressable = event.target instanceof HTMLElement && /^(BUTTON|INPUT|SUMMARY)$/.test(event.target.tagName);
    if (event.key === " " && pressable && !ranged) return;
    const found = shortcuts.find((each) => (each.tab === "*" || each.tab === tab()) && each.keys.includes(pressed));
    if (!found) return;
    event.preventDefault();
    found.run(event);
  });
}
