// Pairs and grains: where every spot of every grain is, which spots are partners, and which grains to trust least.

import { el } from "../lib/dom.js";
import { grainCard } from "../lib/grain_card.js";
import { grainData, paintOf, voxelAt } from "../lib/grain_data.js";
import { number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { bindKeys } from "./keys.js";
import { buildLayout } from "./layout.js";
import { overview } from "./overview.js";
import { spotPlots } from "./spot_plots.js";
import { grainTable } from "./table.js";

/** @type {import("../lib/types.js").Mount} */
export function mount(host, app) {
  return new GrainsPage(host, app);
}

export class GrainsPage {
  /** @param {HTMLElement} host @param {import("../lib/types.js").App} app */
  constructor(host, app) {
    this.app = app;
    this.visible = false;
    /**
     * @type {{spots: import("../lib/types.js").Spots, colours: import("../lib/types.js").Colours, columns:
     *   import("../lib/types.js").Columns}|null}
     */
    this.shown = null;
    this.layout = buildLayout(host, app, {
      paint: (paint) => state.set({ paint }),
      pairs: (pairs) => {
        this.layout.pairs.set(pairs);
        this.plots.setLook({ pairs });
      },
      loose: (loose) => this.plots.setLook({ loose }),
    });
    const { layout } = this;
    this.plots = spotPlots(layout.detector, layout.angles, { onSpot: (spot) => this.chooseSpot(spot) });
    this.table = grainTable(layout.table, { onGrain: (grain) => this.chooseGrain(grain) });
    this.card = grainCard(layout.card, app, {
      spots: true,
      onGrain: (grain) => this.chooseGrain(grain),
      onSpot: (spot) => this.toFrame(spot, state.get().selection.grain),
      actions: [{ text: "in the map", title: "This grain on the page Volume", run: (grain) => this.#toMap(grain) }],
    });
    this.overview = overview(layout.card, { onValue: (text) => this.table.filter(text) });
    layout.pairs.set("chosen");
    this.#listen();
    bindKeys(this);
    app.reveal({ spots: this.plots });
  }

  #listen() {
    state.on("paint", () => {
      this.#applyPaint();
      this.#applyChosen();
    });
    state.on(["selection", "spot"], () => this.#applyChosen());
    state.on("session", () => {
      if (grainData.stale() && this.visible) this.#load();
    });
  }

  show() {
    this.visible = true;
    grainData.stale();
    this.#load();
  }

  hide() {
    this.visible = false;
  }

  async #load() {
    const some = Boolean(state.get().session?.has?.blobs);
    this.layout.empty(!some);
    if (!some) return;
    try {
      const [spots, colours, grains] = await Promise.all([
        grainData.spots(),
        grainData.colours(),
        grainData.grains(),
      ]);
      if (this.shown?.spots === spots && this.shown?.colours === colours) return;
      this.shown = { spots, colours, columns: grains.columns };
      this.layout.facts.textContent = factsOf(spots, grains.columns);
      this.layout.noGrains(!grains.columns.id?.length);
      this.plots.setSpots(spots);
      this.table.setColumns(grains.columns);
      this.overview.draw(grains.columns, grains.notes);
      this.#applyPaint();
      this.#applyChosen();
      await this.#agree();
    } catch (error) {
      this.app.complain(error);
      this.app.reload().catch(() => {}); // the session says what cannot be used
    }
  }

  /** How grains are coloured here: status is for voxels. */
  get #paint() {
    const { paint } = state.get();
    return paint === "status" ? "grain" : paint;
  }

  #hexes() {
    return this.shown ? paintOf(this.#paint, this.shown.colours, this.shown.columns) : [];
  }

  #applyPaint() {
    const hexes = this.#hexes();
    this.layout.paints.set(this.#paint);
    this.plots.setLook({ hexes });
    this.table.setColours(hexes);
  }

  #applyChosen() {
    const { selection, spot } = state.get();
    const known = this.shown?.columns.id?.length ?? 0;
    const grain = selection.grain !== null && selection.grain < known ? selection.grain : null;
    this.plots.setLook({ chosen: grain, spot });
    this.table.choose(grain);
    this.overview.element.hidden = grain !== null;
    this.card.element.hidden = grain === null;
    this.card.show(grain, grain === null ? undefined : this.#hexes()[grain]);
    this.#tellSpot();
  }

  /** The line about the spot that was clicked. */
  #tellSpot() {
    const { spot } = state.get();
    const { spots } = this.shown ?? {};
    if (!spots || spot === null || !(spot < spots.count)) {
      this.layout.spot.replaceChildren();
      return;
    }
    const c = spots.columns;
    const partner = this.partnerOf(spot);
    const link = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ onclick) =>
      el("button.link", { type: "button", title, onclick }, text);
    this.layout.spot.replaceChildren(
      el("b", {}, `Blob ${number(spot, 9)}`),
      el("span", {}, `row ${c.row[spot].toFixed(1)}  col ${c.col[spot].toFixed(1)}`),
      link(`frame ${Math.round(c.frame[spot])} →`, "To its frame, the cursor on it (Enter)", () =>
        this.toFrame(spot),
      ),
      partner === null
        ? el("span.soft", {}, "no partner")
        : link(`partner ${number(partner, 9)}`, "Its Friedel partner half a turn away (P)", () =>
            this.chooseSpot(partner),
          ),
      c.grain[spot] < 0 ? el("span.soft", {}, "belongs to no grain") : "",
    );
  }

  /** @param {number|null} spot */
  partnerOf(spot) {
    const partner = this.shown?.spots.columns.partner[spot ?? -1] ?? -1;
    return partner >= 0 ? partner : null;
  }

  /** @param {number|null} grain */
  chooseGrain(grain) {
    state.chooseGrain(grain);
  }

  /** @param {number|null} spot */
  chooseSpot(spot) {
    if (!this.shown) return;
    state.chooseSpot(spot, this.#grainOf(spot));
  }

  /** The grain of a spot. @param {number|null} spot @returns {number|null} */
  #grainOf(spot) {
    const grain = spot === null ? -1 : (this.shown?.spots.columns.grain[spot] ?? -1);
    return grain >= 0 ? grain : null;
  }

  /** An address may name a spot and another grain: what is closer to the data holds. */
  async #agree() {
    const { spot, selection } = state.get();
    const { grain } = selection;
    if (spot === null || !this.shown) return;
    if (spot >= this.shown.spots.count) state.set({ spot: null });
    if (state.get().spot === null || grain === this.#grainOf(spot)) return;
    const shared = grain !== null && grain in (this.shown.columns.id ?? []) && (await grainData.grain(grain)).spots;
    if (state.get().spot === spot && !(shared && shared.blob.includes(spot)))
      state.chooseSpot(spot, this.#grainOf(spot));
  }

  /** To the frame of a spot, on the page Segment, where its blob is sought. @param {number} spot @param {number|null} [of] */
  toFrame(spot, of = this.#grainOf(spot)) {
    if (!this.shown) return;
    if (!state.get().session?.scan) {
      this.app.toast("The frames are not there: the scan could not be opened.", "bad");
      return;
    }
    const { row, col, frame } = this.shown.spots.columns;
    const { frames, rows, cols } = this.shown.spots.meta;
    const inside = (/** @type {number} */ v, /** @type {number} */ n) =>
      Math.max(0, Math.min(n - 1, Math.round(v)));
    state.chooseSpot(spot, of);
    state.set({
      frame: inside(frame[spot], frames),
      cursor: { row: inside(row[spot], rows), col: inside(col[spot], cols) },
      kind: "clean",
    });
    this.app.open("segment");
  }

  /** @param {import("../lib/types.js").Grain} grain */
  async #toMap(grain) {
    if (!state.get().session?.has?.volume) {
      this.app.toast("There is no map yet.", "note");
      return;
    }
    state.set({ cross: voxelAt(await grainData.map(), [grain.x, grain.y, grain.z]) });
    this.app.open("volume");
  }
}

/** @param {import("../lib/types.js").Spots} spots @param {import("../lib/types.js").Columns} columns  of grains */
function factsOf({ count, meta, columns: { grain } }, columns) {
  const named = columns.id?.length ?? 0;
  const owned = grain.reduce((sum, g) => sum + (g >= 0 ? 1 : 0), 0);
  return [
    `${number(count, 7)} spots`,
    meta.pairs ? `${number(meta.pairs, 7)} pairs (${number(meta.null_pairs, 3)} by chance)` : "no pairs yet",
    named ? `${number((100 * owned) / Math.max(1, count), 3)} % in ${number(named)} grains` : "no grains yet",
  ].join(" · ");
}
