// Friedel pairs against the scrambled null: a free label for the thresholds, and a search that goes by it.

import { number } from "./axes.js";
import { el } from "./dom.js";

const QUIET_MS = 700;
const NAMES = { seed_threshold: "seed T", tolerance: "tolerance", grow_min: "c min", grow_max: "c max", seed_min_voxels: "seed voxels" };

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @param {(values: Object) => void} onApply
 * @returns {{draw: () => void, changed: () => void}}  changed: the parameters are others
 */
export function mountPairable(host, app, onApply) {
  const meter = el("div.pair-meter", {}, el("i.found"), el("i.null"));
  const text = el("p.pair-text");
  const button = el("button.button.small", { type: "button", onclick: () => start() }, "Propose");
  const stop = el("button.button.small", { type: "button", hidden: true, onclick: () => app.api.post("api/propose", { stop: true }).catch(app.complain) }, "Stop");
  const progress = el("div.meter", { hidden: true }, el("i"));
  const result = el("div.proposal", { hidden: true });
  host.append(el("header", {}, el("h3", { title: "Friedel pairs found, against what scrambled angles give: good thresholds find many of the first and few of the second." }, "Pairable"), button, stop), meter, text, progress, result);
  let timer = 0;
  /** @type {any} */
  let known = null;
  /** @type {string|null} */
  let waited = null;
  /** The proposal that was applied or dismissed. */
  let done = "";

  const ask = app.api.newest(async () => {
    known = await app.api.post("api/pairable", { segment: app.state.get().segment });
    host.classList.remove("stale");
    text.classList.remove("bad");
    draw();
  }, (error) => {
    known = null;
    host.classList.remove("stale");
    const refused = error.status === 422; // the field says why
    text.textContent = refused ? "Waits for parameters that can be used." : error.message;
    text.classList.toggle("bad", !refused);
    show(0, 0);
  });

  function start() {
    waited = "asked";
    done = "";
    app.api.post("api/propose", {}).catch((error) => {
      waited = null;
      app.complain(error);
    });
  }

  /** @param {number} found @param {number} chance */
  function show(found, chance) {
    /** @type {HTMLElement} */ (meter.children[0]).style.width = `${100 * Math.min(1, found)}%`;
    /** @type {HTMLElement} */ (meter.children[1]).style.width = `${100 * Math.min(1, chance)}%`;
  }

  /** @param {any} state of the search */
  function drawSearch(state) {
    const running = state?.state === "running";
    button.hidden = running;
    stop.hidden = !running;
    progress.hidden = !running;
    if (running) /** @type {HTMLElement} */ (progress.firstChild).style.width = `${(100 * (state.done ?? 0)) / (state.total || 1)}%`;
    const { best } = state ?? {};
    const told = JSON.stringify([best, running ? "" : state?.text]);
    const key = told + JSON.stringify([known?.pairs, known?.null, running]);
    if (result.dataset.key === key || told === done) return;
    result.dataset.key = key;
    const close = () => {
      done = told;
      result.hidden = true;
    };
    const parts = offer(state, app.state.get().segment, known, (values) => {
      onApply(values);
      close();
    }, close);
    result.hidden = !parts.length;
    result.replaceChildren(...parts);
  }

  function draw() {
    const { session, progress: now } = app.state.get();
    const ready = Boolean(session?.has?.geometry);
    button.disabled = stop.disabled = app.state.lookingOn();
    button.disabled ||= !ready || now?.sweep?.state !== "done";
    button.title = ready ? "Search for the thresholds that give the most pairs above chance" : "";
    host.classList.toggle("off", !ready);
    if (!ready) {
      text.textContent = "With [setup] and [[phase]] in the recipe, pairs would say how good the thresholds are.";
      return;
    }
    drawSearch(now?.propose);
    for (const apply of result.querySelectorAll(".primary")) /** @type {HTMLButtonElement} */ (apply).disabled = stop.disabled;
    if (now?.sweep?.state !== "done") text.textContent = "Waits for the whole scan.";
    else if (known) {
      const share = (/** @type {number} */ n) => (known.blobs ? (2 * n) / known.blobs : 0);
      show(share(known.pairs), share(known.null));
      text.textContent = `${number(100 * known.fraction, 3)} % of ${number(known.blobs, 9)} blobs beyond chance: ${number(known.pairs, 9)} pairs, ${number(known.null, known.null < 10 ? 2 : 3)} with scrambled angles`;
    }
    else if (!text.textContent || waited === null) text.textContent = "Counting pairs …";
    if (!known && now?.sweep?.state === "done" && waited === null) {
      waited = "first";
      changed();
    }
  }

  function changed() {
    const { session, progress: now } = app.state.get();
    if (!session?.has?.geometry || now?.sweep?.state !== "done") return;
    host.classList.add("stale");
    clearTimeout(timer);
    timer = window.setTimeout(() => ask(undefined), QUIET_MS);
  }
  return { draw, changed };
}

/**
 * What the search has to offer; nothing as long as it has found nothing better than what is set.
 * @param {any} state  of the search
 * @param {any} segment
 * @param {any} known  pairs of what is set
 * @param {(values: any) => void} apply
 * @param {() => void} dismiss
 * @returns {HTMLElement[]}
 */
function offer(state, segment, known, apply, dismiss) {
  const { best, text } = state ?? {};
  const close = el("button.button.small", { type: "button", onclick: dismiss }, "Dismiss");
  const names = best ? Object.keys(best.segment).filter((name) => JSON.stringify(best.segment[name]) !== JSON.stringify(segment[name])) : [];
  const better = names.length && known && best.pairs - best.null > known.pairs - known.null;
  if (!better) {
    if (!["done", "failed", "stopped"].includes(state?.state) || (best && !known)) return [];
    const says = text || "Nothing that was tried gives more pairs beyond chance than what is set.";
    return [el("p.pair-text", {}, says), el("div.row", {}, close)];
  }
  const values = Object.fromEntries(names.map((name) => [name, best.segment[name]]));
  const button = el("button.button.small.primary", { type: "button", onclick: () => apply(values) }, "Apply");
  return [differences(best, names, segment, known), el("div.row", {}, button, close)];
}

/** The proposal beside what is set. @param {any} best @param {string[]} names  what differs @param {any} segment @param {any} known */
function differences(best, names, segment, known) {
  const row = (/** @type {string} */ kind, /** @type {string} */ name, /** @type {any} */ from, /** @type {any} */ to) => el(`tr${kind}`, {}, el("th", {}, name), el("td.n", {}, said(from)), el("td", {}, "→"), el("td.n.new", {}, said(to)));
  const rows = names.map((name) => row("", NAMES[/** @type {keyof NAMES} */ (name)] ?? name.replaceAll("_", " "), segment[name], best.segment[name]));
  rows.push(row(".sum", "pairs", known.pairs, best.pairs), row("", "by chance", known.null, best.null));
  return el("table", {}, el("tbody", {}, ...rows));
}

/** @param {any} v */
function said(v) {
  return typeof v === "number" ? number(v, 4) : v === "inf" ? "∞" : Array.isArray(v) ? v.join(", ") : String(v ?? "–");
}
