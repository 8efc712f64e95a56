// The map of grains: a solid to turn, three slices through it, and what is known about the place that was clicked.

import { el } from "../lib/dom.js";
import { grainCard } from "../lib/grain_card.js";
import { grainData, paintOf, voxelAt } from "../lib/grain_data.js";
import { number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { colour, onTheme, pixel, rgb } from "../lib/theme.js";
import { aboutMap } from "./about.js";
import { orientationKey } from "./key.js";
import { bindKeys } from "./keys.js";
import { buildLayout, STATUS_NAMES } from "./layout.js";
import { slices } from "./slices.js";
import { SolidView } from "./solid_view.js";

/** @type {import("../lib/types.js").Mount} */
export function mount(host, app) {
  return new VolumePage(host, app);
}

export class VolumePage {
  /** @param {HTMLElement} host @param {import("../lib/types.js").App} app */
  constructor(host, app) {
    this.app = app;
    this.visible = false;
    /**
     * @type {{map: import("../lib/types.js").GrainMap, colours: import("../lib/types.js").Colours, columns:
     *   import("../lib/types.js").Columns}|null}
     */
    this.shown = null;
    /** Signs along x, y, z of the corner that is cut away. */
    this.corner = [1, -1, 1];
    this.layout = buildLayout(host, app, {
      paint: (paint) => state.set({ paint }),
      status: (code, on) => this.#showStatus(code, on),
      cut: (on) => this.#setCut(on),
      only: (on) => this.#setOnly(on),
      crossed: (on) => this.solid.setScene({ crossed: on ? 1 : 0 }),
      reset: () => this.reset(),
      clip: (axis, low, high) => this.#setClip(axis, low, high),
    });
    const { layout } = this;
    this.solid = new SolidView(layout.solid, {
      onHover: (voxel) => this.#say(voxel && [voxel.x, voxel.y, voxel.z]),
      onPick: (voxel) => (voxel ? this.#pick([voxel.x, voxel.y, voxel.z]) : state.chooseGrain(null)),
    });
    layout.solid.dataset.renderer = this.solid.renderer.name;
    this.cuts = slices({
      onCross: (cross) => state.set({ cross }),
      onPick: (voxel) => this.#pick(voxel),
      onHover: (voxel) => this.#say(voxel),
    });
    layout.slices.prepend(...this.cuts.hosts);
    this.key = orientationKey(layout.key);
    this.card = grainCard(layout.card, app, {
      onGrain: (grain) => state.chooseGrain(grain),
      actions: [
        {
          text: "centre",
          title: "Move the crosshair to the grain's centre",
          run: (grain) => this.#centreOn(grain),
        },
        { text: "spots", title: "Its spots, on the page Pairs & grains", run: () => app.open("grains") },
      ],
    });
    this.about = aboutMap(layout.card);
    this.#listen();
    bindKeys(this);
    app.reveal({ solid: this.solid });
  }

  #listen() {
    state.on("paint", () => {
      this.#applyPaint();
      this.#applyChosen();
    });
    state.on("selection", () => this.#applyChosen());
    state.on("cross", () => this.#applyCross());
    state.on("session", () => {
      if (grainData.stale() && this.visible) this.#load();
    });
    onTheme(() => this.#applyTheme());
  }

  show() {
    this.visible = this.solid.visible = true;
    grainData.stale();
    this.#load();
    this.solid.draw();
  }

  hide() {
    this.visible = this.solid.visible = false;
  }

  // ---- what is shown

  async #load() {
    const some = Boolean(state.get().session?.has?.volume);
    this.layout.empty(!some);
    if (!some) return;
    try {
      const [map, colours, grains] = await Promise.all([grainData.map(), grainData.colours(), grainData.grains()]);
      if (this.shown?.map === map) return;
      this.shown = { map, colours, columns: grains.columns };
      this.#fill();
    } catch (error) {
      this.app.complain(error);
      this.app.reload().catch(() => {}); // the session says what cannot be used
    }
  }

  /** Voxels along x, y, z. */
  get #size() {
    return this.shown ? [...this.shown.map.shape].reverse() : [1, 1, 1];
  }

  #fill() {
    if (!this.shown) return;
    const { layout, solid } = this;
    const { map, colours, columns } = this.shown;
    const size = this.#size;
    solid.setStatusColours(colours.status.map((hex) => rgb(hex).map((v) => v / 255)));
    solid.setLabels(map, map.voxel_um);
    this.cuts.setMap(map);
    layout.clips.forEach((clip, k) =>
      clip.range(size[k], (v) => number(Math.round(map.origin_um[k] + v * map.voxel_um))),
    );
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < map.data.length; i++) if (map.data[i]) counts[map.status[i]]++;
    const all = counts[1] + counts[2] + counts[3] || 1;
    layout.statuses.forEach((each, i) => each.note(`${number((100 * counts[i + 1]) / all, 3)} %`));
    const cross = state.get().cross ?? size.map((n) => Math.floor(n / 2));
    state.set({ cross: cross.map((v, k) => Math.max(0, Math.min(size[k] - 1, v || 0))) });
    this.#applyCross();
    layout.cut.set(true);
    this.#setCut(true);
    this.#applyTheme();
    this.#applyPaint();
    this.#applyChosen();
    this.about.draw(this.shown, counts);
    const extent = size.map((n) => number(n * map.voxel_um, 4)).join(" × ");
    const every = map.step > 1 ? ` (every ${map.step}th)` : "";
    layout.facts.textContent = `${number(columns.id?.length ?? 0)} grains · ${extent} µm · voxels of ${number(map.voxel_um)} µm${every}`;
  }

  #applyPaint() {
    if (!this.shown) return;
    const { paint } = state.get();
    const { colours, columns } = this.shown;
    const byStatus = paint === "status";
    this.layout.paints.set(paint);
    const hexes = byStatus ? [] : paintOf(paint, colours, columns);
    const most = Math.max(hexes.length, 4);
    const bytes = new Uint8Array(4 * (most + 1)).fill(255);
    const pixels = new Uint32Array(most + 1);
    (byStatus ? colours.status : ["#000000", ...hexes]).forEach((hex, i) => {
      const [r, g, b] = rgb(hex);
      bytes.set([r, g, b, 255], 4 * i);
      pixels[i] = pixel(r, g, b);
    });
    if (!byStatus) this.solid.setPalette(bytes);
    this.solid.setScene({ byStatus });
    this.cuts.setLook({ paint: pixels, byStatus });
    this.#applyKey();
  }

  async #applyKey() {
    if (!this.shown) return;
    this.layout.explain(state.get().paint);
    await this.key.draw(this.shown);
  }

  #applyChosen() {
    const {
      selection: { grain },
      paint,
    } = state.get();
    const { solid, layout, shown } = this;
    const label = grain === null ? 0 : grain + 1;
    solid.setScene({ chosen: layout.only.on ? 0 : label });
    this.cuts.setLook({ chosen: label });
    if (layout.only.on && solid.only !== label) this.#setOnly(true);
    this.card.element.hidden = grain === null;
    this.about.element.hidden = grain !== null;
    const coloured = shown && paint !== "status" && grain !== null;
    this.card.show(grain, coloured ? paintOf(paint, shown.colours, shown.columns)[grain] : undefined);
    this.#applyKey();
  }

  #applyCross() {
    const { cross } = state.get();
    if (!this.shown || !cross) return;
    this.cuts.setCross(cross);
    this.solid.setScene({ cross: cross.map((v) => v + 0.5) });
    if (this.layout.cut.on) this.#setCut(true, this.corner);
    this.#say(cross);
  }

  #applyTheme() {
    const accent = (colour("--chosen").match(/[\d.]+/g) ?? []).slice(0, 3).map((v) => Number(v) / 255);
    this.solid.setScene({ accent });
    this.#applyKey();
  }

  /** One line about a voxel, from what the page has. @param {number[]|null} voxel */
  #say(voxel) {
    if (!this.shown || !voxel) return;
    const { map } = this.shown;
    const place = voxel.map((v, k) => (map.origin_um[k] + (v + 0.5) * map.voxel_um).toFixed(1).replace("-", "−"));
    const i = this.#indexOf(voxel);
    const label = map.data[i];
    this.layout.readout.replaceChildren(
      el("span.place", {}, ...place.map((v, k) => el("span", {}, el("small", {}, "xyz"[k]), v))),
      el("small", {}, "µm"),
      el("b", {}, label ? `grain ${label}` : "no grain"),
      el("span.soft", {}, label ? STATUS_NAMES[map.status[i]] : ""),
    );
  }

  /** Where a voxel stands in the map's arrays. @param {number[]} voxel */
  #indexOf([x, y, z]) {
    const [cols, rows] = this.#size;
    return (z * rows + y) * cols + x;
  }

  // ---- what is done

  /**
   * Cut a corner at the crosshair away: the one towards the viewer.
   * @param {boolean} on
   * @param {number[]} [signs]
   */
  #setCut(on, signs = this.solid.facingCorner()) {
    const { cross } = state.get();
    if (!this.shown || !cross) return;
    this.corner = signs;
    const size = this.#size;
    const ends = (/** @type {boolean} */ lower) =>
      signs.map((sign, k) => (sign > 0 === lower ? cross[k] + 0.5 : lower ? -8 : size[k] + 8));
    this.solid.setScene(
      on ? { cutLow: ends(true), cutHigh: ends(false) } : { cutLow: [0, 0, 0], cutHigh: [0, 0, 0] },
    );
  }

  toggleCut() {
    const { cut } = this.layout;
    cut.set(!cut.on);
    this.#setCut(cut.on);
  }

  /** @param {boolean} on */
  #setOnly(on) {
    const { grain } = state.get().selection;
    const { solid } = this;
    solid.only = on && grain !== null ? grain + 1 : 0;
    solid.scene.chosen = on || grain === null ? 0 : grain + 1;
    solid.refill();
    if (on && !solid.only) this.app.toast("Click a grain first.", "note");
  }

  /** @param {number} code @param {boolean} on */
  #showStatus(code, on) {
    this.solid.statuses[code] = on;
    this.solid.refill();
    this.cuts.setLook({ statuses: [...this.solid.statuses] });
  }

  /** @param {number} axis @param {number} low @param {number} high */
  #setClip(axis, low, high) {
    const { scene } = this.solid;
    scene.low[axis] = low;
    scene.high[axis] = high;
    this.cuts.setBox(scene.low, scene.high);
    this.solid.draw(true);
  }

  /** Everything as at first. */
  reset() {
    if (!this.shown) return;
    const size = this.#size;
    this.layout.clips.forEach((clip, k) => {
      clip.set(0, size[k]);
      this.#setClip(k, 0, size[k]);
    });
    this.solid.camera.reset();
    this.layout.cut.set(true);
    this.#setCut(true);
    this.cuts.views.forEach((view) => view.fit());
  }

  /** Choose the grain of a voxel. @param {number[]} voxel */
  #pick(voxel) {
    if (!this.shown) return;
    const label = this.shown.map.data[this.#indexOf(voxel)] ?? 0;
    state.chooseGrain(label ? label - 1 : null);
    this.#say(voxel);
  }

  /** @param {import("../lib/types.js").Grain} grain */
  #centreOn({ x, y, z }) {
    if (this.shown) state.set({ cross: voxelAt(this.shown.map, [x, y, z]) });
  }

  /** Move the crosshair. @param {number} axis @param {number} by */
  step(axis, by) {
    const { cross } = state.get();
    if (!this.shown || !cross) return;
    const next = [...cross];
    next[axis] = Math.max(0, Math.min(this.#size[axis] - 1, cross[axis] + by));
    state.set({ cross: next });
  }
}
