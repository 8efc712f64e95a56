// Pairs and grains: where every spot of every grain is, which spots are partners, and which grains to trust least.

import { number } from "./axes.js";
import { el, segmented } from "./dom.js";
import { PAINTS, grainData, paintOf, styled } from "./grains_data.js";
import { noGrains, noSpots } from "./grains_empty.js";
import { factsCard } from "./grains_facts.js";
import { overview } from "./grains_overview.js";
import { plots } from "./grains_plots.js";
import { grainTable } from "./grains_table.js";
import { toggle } from "./volume_tools.js";

const PAIRS = [
  { value: "none", text: "None", title: "No lines" },
  { value: "chosen", text: "Of the grain", title: "Lines between the partners of the chosen grain" },
  { value: "all", text: "All", title: "Lines between all partners" },
];

/** @param {HTMLElement} host @param {import("./main.js").App} app */
export function mount(host, app) {
  app.style("grains.css");
  host.classList.add("grains");
  const { state } = app;
  const data = grainData(app);
  app.address.remember(
    "paint",
    { write: (s) => (s.paint && s.paint !== "ipf_z" ? s.paint : null), read: (paint) => ({ paint }) },
  );
  app.address.remember("spot", { write: (s) => s.spot?.toString(), read: (text) => ({ spot: Number(text) }) });
  /** @type {{spots: any, colours: any, columns: any}|null} */
  let shown = null;
  let visible = false;

  const page = build(host, app, {
    paint: (paint) => state.set({ paint }),
    pairs: (pairs) => {
      page.pairs.set(pairs);
      views.setLook({ pairs });
    },
    loose: (loose) => views.setLook({ loose }),
  });
  const views = plots(page.detector, page.angles, { onSpot: chooseSpot });
  const table = grainTable(page.table, { onGrain: chooseGrain });
  const card = factsCard(page.card, app, {
    hint: "",
    spots: true,
    onGrain: chooseGrain,
    onSpot: (blob) => toFrame(blob),
    actions: [
      { text: "in the map", title: "This grain on the page Volume", run: (grain) => toMap(grain) },
    ],
  });
  const all = overview(page.card, { onValue: (text) => table.filter(text) });
  page.pairs.set("chosen");

  async function load() {
    const { has } = state.get().session ?? {};
    page.empty(!has?.blobs);
    if (!has?.blobs) return;
    try {
      const [spots, colours, grains] = await Promise.all([data.spots(), data.colours(), data.grains(), styled()]);
      if (shown?.spots === spots && shown?.colours === colours) return;
      shown = { spots, colours, columns: grains.columns };
      const named = grains.columns.id?.length ?? 0;
      const owned = spots.columns.grain.reduce((sum, g) => sum + (g >= 0 ? 1 : 0), 0);
      const { pairs, null_pairs: chance } = spots.meta;
      page.facts(
        [
          `${number(spots.count, 7)} spots`,
          pairs ? `${number(pairs, 7)} pairs (${number(chance, 3)} by chance)` : "no pairs yet",
          named ? `${number((100 * owned) / Math.max(1, spots.count), 3)} % in ${number(named)} grains` : "no grains yet",
        ].join(" · ")
      );
      page.noGrains(!named);
      views.setSpots(spots);
      table.setColumns(grains.columns);
      all.draw(grains.columns, grains.notes);
      applyPaint();
      applyChosen();
    } catch (error) {
      app.complain(error);
      app.reload().catch(() => {}); // the session says what cannot be used
    }
  }

  function hexes() {
    if (!shown) return [];
    const paint = state.get().paint ?? "ipf_z";
    return paintOf(paint === "status" ? "grain" : paint, shown.colours, shown.columns);
  }

  function applyPaint() {
    const paint = state.get().paint ?? "ipf_z";
    page.paints.set(paint === "status" ? "grain" : paint);
    views.setLook({ hexes: hexes() });
    table.setColours(hexes());
  }

  function applyChosen() {
    const { selection, spot } = state.get();
    const grain = shown && selection.grain !== null && selection.grain < (shown.columns.id?.length ?? 0) ? selection.grain : null;
    views.setLook({ chosen: grain, spot: spot ?? null });
    table.choose(grain);
    all.element.hidden = grain !== null;
    card.element.hidden = grain === null;
    card.show(grain, grain === null ? undefined : hexes()[grain]);
    applySpot();
  }

  /** The line about the spot that was clicked. */
  function applySpot() {
    const { spot } = state.get();
    if (!shown || spot === null || spot === undefined || !(spot < shown.spots.count)) {
      page.spot.replaceChildren();
      return;
    }
    const c = shown.spots.columns;
    const partner = c.partner[spot];
    const link = (
      /** @type {string} */ text,
      /** @type {string} */ title,
      /** @type {() => void} */ run,
    ) => el("button.link", { type: "button", title, onclick: run }, text);
    page.spot.replaceChildren(
      el("b", {}, `Blob ${number(spot, 9)}`), el("span", {}, `row ${c.row[spot].toFixed(1)}  col ${c.col[spot].toFixed(1)}`),
      link(`frame ${Math.round(c.frame[spot])} →`, "To its frame, the cursor on it (Enter)", () => toFrame(spot)),
      partner >= 0 ? link(
        `partner ${number(partner, 9)}`,
        "Its Friedel partner half a turn away (P)",
        () => chooseSpot(partner),
      ) : el("span.soft", {}, "no partner"),
      c.grain[spot] < 0 ? el("span.soft", {}, "belongs to no grain") : "",
    );
  }

  /** @param {number|null} grain */
  function chooseGrain(grain) {
    state.set({ spot: null, selection: { ...state.get().selection, grain } });
  }

  /** @param {number|null} spot */
  function chooseSpot(spot) {
    if (!shown) return;
    const grain = spot === null ? -1 : shown.spots.columns.grain[spot];
    state.set({ spot, selection: { ...state.get().selection, grain: grain >= 0 ? grain : null } });
  }

  /** @param {number} blob */
  function toFrame(blob) {
    if (!shown) return;
    if (!state.get().session?.scan) {
      app.toast("The frames are not there: the scan could not be opened.", "bad");
      return;
    }
    const { row, col, frame } = shown.spots.columns;
    const { frames, rows, cols } = shown.spots.meta;
    const inside = (/** @type {number} */ v, /** @type {number} */ n) => Math.max(0, Math.min(n - 1, Math.round(v)));
    const { selection } = state.get();
    state.set({
      spot: blob,
      frame: inside(frame[blob], frames),
      cursor: { row: inside(row[blob], rows), col: inside(col[blob], cols) },
      kind: "clean",
      selection: { ...selection, blob: null },
    });
    app.open("segment");
  }

  /** @param {any} grain */
  async function toMap({ x, y, z }) {
    if (!state.get().session?.has?.volume) {
      app.toast("There is no map yet.", "note");
      return;
    }
    const { origin_um, voxel_um, shape } = await data.map();
    const size = [...shape].reverse();
    state.set({ cross: [x, y, z].map(
      (v, k) => Math.max(0, Math.min(size[k] - 1, Math.floor((v - origin_um[k]) / voxel_um)))
    ) });
    app.open("volume");
  }

  const bind = (
    /** @type {string} */ keys,
    /** @type {string} */ says,
    /** @type {() => void} */ run,
  ) => app.keys.bind("grains", keys, says, run);
  bind("ArrowDown|j", "next grain of the list", () => table.step(1));
  bind("ArrowUp|k", "previous grain", () => table.step(-1));
  bind("Escape", "choose nothing", () => chooseSpot(null));
  bind(
    "Enter",
    "to the frame of the chosen spot",
    () => state.get().spot !== null && state.get().spot !== undefined && toFrame(state.get().spot),
  );
  bind("p", "the chosen spot's Friedel partner", () => {
    const { spot } = state.get();
    const partner = shown?.spots.columns.partner[spot ?? -1] ?? -1;
    if (partner >= 0) chooseSpot(partner);
  });
  bind("0|Home", "show everything", () => [views.detector, views.angles].forEach((view) => view.fit()));
  bind("/|f", "filter the list", () => table.focusFilter());

  state.on("paint", () => {
    applyPaint();
    applyChosen();
    app.address.writeAddress();
  });
  state.on(["selection", "spot"], () => {
    applyChosen();
    app.address.writeAddress();
  });
  state.on("session", () => {
    if (data.stale() && visible) load();
  });
  Object.assign(/** @type {any} */ (window).friedel, { spots: views });
  return {
    show() {
      visible = true;
      data.stale();
      load();
    },
    hide() {
      visible = false;
    },
  };
}

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @param {{paint: (value: string) => void, pairs: (value: any) => void, loose: (on: boolean) => void}} on
 */
function build(host, app, on) {
  const paints = segmented("Colour", PAINTS, on.paint);
  const pairs = segmented("Pair lines", PAIRS, on.pairs);
  const loose = toggle(
    { text: "Spots without a grain", title: "Show spots that belong to no grain, in grey", swatch: "var(--soft)", on: true },
    on.loose,
  );
  const says = el("small.map-facts");
  const bar = el(
    "div.toolbar.grains-bar",
    {},
    paints.element,
    el("small", {}, "Pair lines"),
    pairs.element,
    loose.element,
    el("span.gap"),
    says,
  );
  const plot = (/** @type {string} */ name, /** @type {string} */ title) => {
    const view = el("div.view");
    return { view, element: el(`section.plot.${name}`, { "aria-label": title }, view) };
  };
  const detector = plot("detector", "Detector");
  const angles = plot("angles", "Eta and omega");
  const table = el("aside.grain-list");
  const spot = el("div.spot-line", { role: "status" });
  const card = el("div.card-strip");
  const missing = noGrains();
  const nothing = noSpots(app);
  table.append(missing.element);
  const strip = el("div.strip", {}, spot, card);
  const body = el("div.grains-body", {}, detector.element, angles.element, strip, table);
  host.append(bar, body, nothing.element);
  return {
    paints, pairs, detector: detector.view, angles: angles.view, table, card, spot,
    facts: (/** @type {string} */ text) => (says.textContent = text),
    noGrains: (/** @type {boolean} */ is) => {
      missing.show(is);
      table.classList.toggle("nothing", is);
    },
    empty: (/** @type {boolean} */ is) => {
      nothing.show(is);
      bar.hidden = body.hidden = is;
    },
  };
}
