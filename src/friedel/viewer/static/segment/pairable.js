// Friedel pairs against the scrambled null: a free label for the thresholds, and a search that goes by it.

import * as api from "../lib/api.js";
import { el } from "../lib/dom.js";
import { number } from "../lib/numbers.js";
import * as state from "../lib/state.js";

/**
 * @typedef {import("../lib/types.js").Pairable} Pairable
 * @typedef {import("../lib/types.js").Search} Search
 * @typedef {import("../lib/types.js").Segment} Segment
 */

const QUIET_MS = 700;
/** @type {Object<string, string>} */
const NAMES = {
  seed_threshold: "seed T",
  tolerance: "tolerance",
  grow_min: "c min",
  grow_max: "c max",
  seed_min_voxels: "seed voxels",
};

/**
 * @param {HTMLElement} host
 * @param {import("../lib/types.js").App} app
 * @param {(values: Object<string, unknown>) => void} onApply
 * @returns {{draw: () => void, changed: () => void}}  changed: the parameters are others
 */
export function pairablePanel(host, app, onApply) {
  const [foundBar, chanceBar, triedBar] = [el("i.found"), el("i.null"), el("i")];
  const meter = el("div.pair-meter", {}, foundBar, chanceBar);
  const text = el("p.pair-text");
  const button = el("button.button.small", { type: "button", onclick: () => start() }, "Propose");
  const stop = el(
    "button.button.small",
    { type: "button", hidden: true, onclick: () => api.post("api/propose", { stop: true }).catch(app.complain) },
    "Stop",
  );
  const progress = el("div.meter", { hidden: true }, triedBar);
  const result = el("div.proposal", { hidden: true });
  host.append(
    el(
      "header",
      {},
      el(
        "h3",
        {
          title:
            "Friedel pairs found, against what scrambled angles give: good thresholds find many of the first and few of the second.",
        },
        "Pairable",
      ),
      button,
      stop,
    ),
    meter,
    text,
    progress,
    result,
  );
  let timer = 0;
  /** @type {Pairable|null} */
  let known = null;
  /** @type {string|null} */
  let waited = null;
  /** The proposal that was applied or dismissed. */
  let done = "";

  const ask = api.newest(
    async () => {
      known = await api.post("api/pairable", { segment: state.get().segment });
      host.classList.remove("stale");
      text.classList.remove("bad");
      draw();
    },
    (error) => {
      known = null;
      host.classList.remove("stale");
      const refused = api.refusalOf(error).status === 422; // the field says why
      text.textContent = refused ? "Waits for parameters that can be used." : api.messageOf(error);
      text.classList.toggle("bad", !refused);
      show(0, 0);
    },
  );

  function start() {
    waited = "asked";
    done = "";
    api.post("api/propose", {}).catch((error) => {
      waited = null;
      app.complain(error);
    });
  }

  /** @param {number} found @param {number} chance */
  function show(found, chance) {
    foundBar.style.width = `${100 * Math.min(1, found)}%`;
    chanceBar.style.width = `${100 * Math.min(1, chance)}%`;
  }

  /** @param {Search|undefined} search */
  function drawSearch(search) {
    const running = search?.state === "running";
    button.hidden = running;
    stop.hidden = !running;
    progress.hidden = !running;
    if (running) triedBar.style.width = `${(100 * (search.done ?? 0)) / (search.total || 1)}%`;
    const { best } = search ?? {};
    const told = JSON.stringify([best, running ? "" : search?.text]);
    const key = told + JSON.stringify([known?.pairs, known?.null, running]);
    if (result.dataset.key === key || told === done) return;
    result.dataset.key = key;
    const close = () => {
      done = told;
      result.hidden = true;
    };
    const parts = offer(
      search,
      state.get().segment,
      known,
      (values) => {
        onApply(values);
        close();
      },
      close,
    );
    result.hidden = !parts.length;
    result.replaceChildren(...parts);
  }

  function draw() {
    const { session, progress: now } = state.get();
    const ready = Boolean(session?.has?.geometry);
    button.disabled = stop.disabled = state.lookingOn();
    button.disabled ||= !ready || now?.pass?.state !== "done";
    button.title = ready ? "Search for the thresholds that give the most pairs above chance" : "";
    host.classList.toggle("off", !ready);
    if (!ready) {
      text.textContent = "With [setup] and [[phase]] in the recipe, pairs would say how good the thresholds are.";
      return;
    }
    drawSearch(now?.propose);
    for (const apply of result.querySelectorAll(".primary"))
      /** @type {HTMLButtonElement} */ (apply).disabled = stop.disabled;
    if (now?.pass?.state !== "done") text.textContent = "Waits for the whole scan.";
    else if (known) {
      const { blobs } = known;
      const share = (/** @type {number} */ n) => (blobs ? (2 * n) / blobs : 0);
      show(share(known.pairs), share(known.null));
      text.textContent = `${number(100 * known.fraction, 3)} % of ${number(known.blobs, 9)} blobs beyond chance: ${number(known.pairs, 9)} pairs, ${number(known.null, known.null < 10 ? 2 : 3)} with scrambled angles`;
    } else if (!text.textContent || waited === null) text.textContent = "Counting pairs …";
    if (!known && now?.pass?.state === "done" && waited === null) {
      waited = "first";
      changed();
    }
  }

  function changed() {
    const { session, progress: now } = state.get();
    if (!session?.has?.geometry || now?.pass?.state !== "done") return;
    host.classList.add("stale");
    clearTimeout(timer);
    timer = window.setTimeout(() => ask(undefined), QUIET_MS);
  }
  return { draw, changed };
}

/**
 * What the search has to offer; nothing as long as it has found nothing better than what is set.
 * @param {Search|undefined} search
 * @param {Segment} segment
 * @param {Pairable|null} known  of what is set
 * @param {(values: Object<string, unknown>) => void} apply
 * @param {() => void} dismiss
 * @returns {HTMLElement[]}
 */
function offer(search, segment, known, apply, dismiss) {
  const { best = null, text, state: is = "" } = search ?? {};
  const close = el("button.button.small", { type: "button", onclick: dismiss }, "Dismiss");
  if (best && known) {
    const names = Object.keys(best.segment).filter(
      (name) => JSON.stringify(best.segment[name]) !== JSON.stringify(segment[name]),
    );
    if (names.length && best.pairs - best.null > known.pairs - known.null) {
      const values = Object.fromEntries(names.map((name) => [name, best.segment[name]]));
      const button = el("button.button.small.primary", { type: "button", onclick: () => apply(values) }, "Apply");
      return [differences(best, names, segment, known), el("div.row", {}, button, close)];
    }
  }
  if (!["done", "failed", "stopped"].includes(is) || (best && !known)) return [];
  const says = text || "Nothing that was tried gives more pairs beyond chance than what is set.";
  return [el("p.pair-text", {}, says), el("div.row", {}, close)];
}

/**
 * The proposal beside what is set.
 * @param {NonNullable<Search["best"]>} best
 * @param {string[]} names  what differs
 * @param {Segment} segment
 * @param {Pairable} known
 */
function differences(best, names, segment, known) {
  const row = (
    /** @type {string} */ kind,
    /** @type {string} */ name,
    /** @type {unknown} */ from,
    /** @type {unknown} */ to,
  ) =>
    el(
      `tr${kind}`,
      {},
      el("th", {}, name),
      el("td.n", {}, said(from)),
      el("td", {}, "→"),
      el("td.n.new", {}, said(to)),
    );
  const rows = names.map((name) =>
    row("", NAMES[name] ?? name.replaceAll("_", " "), segment[name], best.segment[name]),
  );
  rows.push(row(".sum", "pairs", known.pairs, best.pairs), row("", "by chance", known.null, best.null));
  return el("table", {}, el("tbody", {}, ...rows));
}

/** @param {unknown} v */
function said(v) {
  return typeof v === "number"
    ? number(v, 4)
    : v === "inf"
      ? "∞"
      : Array.isArray(v)
        ? v.join(", ")
        : String(v ?? "–");
}
