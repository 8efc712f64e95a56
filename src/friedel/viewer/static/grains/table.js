// The list of grains: the least trusted first, sorted and filtered as one likes, only what is seen is built.

import { el } from "../lib/dom.js";
import { trustBar } from "../lib/grain_card.js";
import { number } from "../lib/numbers.js";

/** @typedef {{name: string, text: string, title: string, digits?: number, worst?: "low"|"high"}} Column */

/** @type {Column[]} */
const COLUMNS = [
  { name: "grain_id", text: "grain", title: "As in the map (grain_id); the row of grains.h5 is one less" },
  {
    name: "trust",
    text: "trust",
    title: "1 minus the mean rank over all that is known about grains. It compares them and says no more.",
  },
  { name: "completeness", text: "compl.", title: "Spots found over spots expected on the detector", digits: 2 },
  { name: "blobs", text: "spots", title: "Spots that it was given" },
  { name: "pairs", text: "pairs", title: "Friedel pairs among them" },
  {
    name: "residual_px",
    text: "off / px",
    title: "Median distance of its spots from where they are predicted",
    digits: 2,
  },
  { name: "orientation_error_deg", text: "± °", title: "How well the orientation is known", digits: 4 },
  { name: "position_error_um", text: "± µm", title: "How well the position is known", digits: 2 },
  { name: "diameter_um", text: "⌀ µm", title: "Diameter of the sphere of the same volume in the map", digits: 0 },
];
const COMPARE = /^([a-zµ°/._ -]+?)\s*(<=|>=|<|>|=)\s*(-?[\d.]+)$/i;

/**
 * @param {HTMLElement} host
 * @param {{onGrain: (grain: number|null) => void}} hooks
 */
export function grainTable(host, { onGrain }) {
  /** @type {import("../lib/types.js").Columns} */
  let columns = {};
  /** @type {number[]} rows of the grain table as they are listed */
  let listed = [];
  /** @type {string[]} */
  let hexes = [];
  let sort = { name: "trust", up: true };
  let chosen = /** @type {number|null} */ (null);
  const filter = el("input", {
    type: "text",
    placeholder: "Filter: 17, Al, compl. < 0.6",
    "aria-label": "Filter grains",
    spellcheck: false,
  });
  const count = el("small");
  const heads = COLUMNS.map((column) =>
    el(
      "th",
      { title: column.title, "aria-sort": "none", class: "n" },
      el("button", { type: "button", onclick: () => order(column.name) }, column.text),
    ),
  );
  heads.forEach((head, i) => (head.className = i > 1 ? "n" : ""));
  const body = el("tbody");
  const scroll = el(
    "div.scroll",
    { tabIndex: 0, role: "region", "aria-label": "Grains" },
    el("table", {}, el("thead", {}, el("tr", {}, ...heads)), body),
  );
  host.append(el("div.filter", {}, filter, count), scroll);
  filter.addEventListener("input", list);
  scroll.addEventListener("scroll", build);
  new ResizeObserver(build).observe(scroll);

  /** @param {string} name */
  function order(name) {
    sort = { name, up: sort.name === name ? !sort.up : name !== "completeness" || sort.up };
    list();
  }

  /** @returns {((grain: number) => boolean)} */
  function wanted() {
    const text = filter.value.trim().toLowerCase();
    filter.classList.remove("wrong");
    if (!text) return () => true;
    const found = text.match(COMPARE);
    if (found) {
      const [, name, sign, value] = found;
      const column =
        COLUMNS.find((each) => each.name === name || each.text.toLowerCase() === name) ??
        COLUMNS.find((each) => each.name.startsWith(name) || each.text.startsWith(name));
      const values = columns[column?.name ?? name];
      if (!values) {
        filter.classList.add("wrong");
        return () => true;
      }
      const limit = Number(value);
      const test = {
        "<": (/** @type {number} */ v) => v < limit,
        ">": (/** @type {number} */ v) => v > limit,
        "<=": (/** @type {number} */ v) => v <= limit,
        ">=": (/** @type {number} */ v) => v >= limit,
        "=": (/** @type {number} */ v) => v === limit,
      }[sign];
      return (grain) => values[grain] !== null && Boolean(test?.(values[grain]));
    }
    const numbers = text.split(/[\s,]+/).filter(Boolean);
    if (numbers.every((n) => /^\d+$/.test(n))) return (grain) => numbers.includes(String(columns.grain_id[grain]));
    return (grain) => String(columns.phase[grain]).toLowerCase().includes(text);
  }

  function list() {
    const all = columns.id ?? [];
    const keep = wanted();
    const values = columns[sort.name] ?? all;
    const sign = sort.up ? 1 : -1;
    const known = (/** @type {number|null|undefined} */ v) => v ?? Infinity;
    listed = all.filter(keep).sort((a, b) => sign * (known(values[a]) - known(values[b])) || a - b);
    heads.forEach((head, i) =>
      head.setAttribute("aria-sort", COLUMNS[i].name !== sort.name ? "none" : sort.up ? "ascending" : "descending"),
    );
    count.textContent =
      listed.length === all.length
        ? `${number(all.length)} grains`
        : `${number(listed.length)} of ${number(all.length)}`;
    build();
  }

  function rowHeight() {
    return 1.75 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  function build() {
    const tall = rowHeight();
    const from = Math.max(0, Math.floor(scroll.scrollTop / tall) - 6);
    const to = Math.min(listed.length, from + Math.ceil(scroll.clientHeight / tall) + 14);
    const space = (/** @type {number} */ rows) =>
      el("tr.space", { "aria-hidden": "true", style: { height: `${rows * tall}px` } });
    body.replaceChildren(space(from), ...listed.slice(from, to).map(row), space(listed.length - to));
  }

  /** @param {number} grain */
  function row(grain) {
    const cells = COLUMNS.map(({ name, digits }) => {
      const value = columns[name]?.[grain];
      if (name === "grain_id")
        return el("td", {}, el("i.swatch", { style: { background: hexes[grain] ?? "" } }), String(value));
      if (name === "trust") return el("td", {}, trustBar(value));
      return el(
        "td.n",
        {},
        value === null || value === undefined ? "–" : digits === undefined ? number(value) : value.toFixed(digits),
      );
    });
    return el(
      "tr",
      {
        "aria-selected": String(grain === chosen),
        data: { grain: String(grain) },
        onclick: () => onGrain(grain === chosen ? null : grain),
      },
      ...cells,
    );
  }

  /** @param {number} grain */
  function reveal(grain) {
    const at = listed.indexOf(grain);
    if (at < 0) return;
    const tall = rowHeight();
    const head = tall;
    const top = at * tall;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + tall + head > scroll.scrollTop + scroll.clientHeight)
      scroll.scrollTop = top + tall + head - scroll.clientHeight + tall;
  }

  return {
    /** @param {import("../lib/types.js").Columns} next */
    setColumns(next) {
      columns = next;
      list();
    },
    /** @param {string[]} next */
    setColours(next) {
      hexes = next;
      build();
    },
    /** @param {number|null} grain */
    choose(grain) {
      chosen = grain;
      if (grain !== null) reveal(grain);
      build();
    },
    /** The next in the list. @param {number} by */
    step(by) {
      if (!listed.length) return;
      const at = chosen === null ? (by > 0 ? -1 : listed.length) : listed.indexOf(chosen);
      onGrain(listed[Math.max(0, Math.min(listed.length - 1, at + by))]);
    },
    focusFilter: () => filter.focus(),
    /** @param {string} text */
    filter(text) {
      filter.value = text;
      list();
    },
  };
}
