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

  const ask = app.api.newest(async () => {
    known = await app.api.post("api/pairable", { segment: app.state.get().segment });
    host.classList.remove("stale");
    draw();
  }, (error) => {
    known = null;
    text.textContent = error.message;
    show(0, 0);
  });

  function start() {
    waited = "asked";
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
    const key = best ? JSON.stringify(best) : "";
    if (result.dataset.key === key) return;
    result.dataset.key = key;
    result.hidden = !best;
    if (best) result.replaceChildren(...differences(best, app.state.get().segment, known, (values) => {
      onApply(values);
      result.hidden = true;
    }, () => (result.hidden = true)));
  }

  function draw() {
    const { session, progress: now } = app.state.get();
    const ready = Boolean(session?.has?.geometry);
    button.disabled = !ready || now?.sweep?.state !== "done";
    button.title = ready ? "Search for the thresholds that give the most pairs above chance" : "";
    host.classList.toggle("off", !ready);
    if (!ready) {
      text.textContent = "With [setup] and [[phase]] in the recipe, pairs would say how good the thresholds are.";
      return;
    }
    drawSearch(now?.propose);
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

/** The proposal beside what is set. @param {any} best @param {any} segment @param {any} known @param {(values: any) => void} apply @param {() => void} dismiss */
function differences(best, segment, known, apply, dismiss) {
  const names = Object.keys(best.segment).filter((name) => JSON.stringify(best.segment[name]) !== JSON.stringify(segment[name]));
  const rows = names.map((name) => el("tr", {}, el("th", {}, NAMES[/** @type {keyof NAMES} */ (name)] ?? name.replaceAll("_", " ")), el("td.n", {}, said(segment[name])), el("td", {}, "→"), el("td.n.new", {}, said(best.segment[name]))));
  rows.push(el("tr.sum", {}, el("th", {}, "pairs"), el("td.n", {}, said(known?.pairs)), el("td", {}, "→"), el("td.n.new", {}, said(best.pairs))));
  rows.push(el("tr", {}, el("th", {}, "by chance"), el("td.n", {}, said(known?.null)), el("td", {}, "→"), el("td.n.new", {}, said(best.null))));
  const better = !known || best.pairs - (best.null ?? 0) > known.pairs - known.null;
  const values = Object.fromEntries(names.map((name) => [name, best.segment[name]]));
  const parts = [
    el("table", {}, el("tbody", {}, ...rows)),
    better ? null : el("p.pair-text", {}, "So far nothing gives more pairs beyond chance than what is set."),
    el("div.row", {}, el(`button.button.small${better ? ".primary" : ""}`, { type: "button", disabled: !names.length, onclick: () => apply(values) }, names.length ? "Apply" : "Already so"), el("button.button.small", { type: "button", onclick: dismiss }, "Dismiss")),
  ];
  return parts.filter((part) => part !== null);
}

/** @param {any} v */
function said(v) {
  return typeof v === "number" ? number(v, 4) : v === "inf" ? "∞" : Array.isArray(v) ? v.join(", ") : String(v ?? "–");
}
