// The map of grains: a solid to turn, three slices through it, and what is known about the place that was clicked.

import { number } from "./axes.js";
import { el, icon, segmented } from "./dom.js";
import { PAINTS, grainData, paintOf, styled } from "./grains_data.js";
import { Chart } from "./charts.js";
import { factsCard } from "./grains_facts.js";
import { counted } from "./grains_overview.js";
import { SolidView } from "./raycast.js";
import { colour, onTheme, pixel, rgb } from "./theme.js";
import { slices } from "./volume_slices.js";
import { drawnKey, toggle, twoEnds } from "./volume_tools.js";

const STATUS = { value: "status", text: "Status", title: "What is known about each voxel: measured, contested by two grains, or filled from beside" };
const STATUS_SAYS = ["", "One grain's projections say so", "Two grains wanted it; the denser one has it", "Filled up from beside"];
const STATUS_NAMES = ["", "measured", "contested", "dilated"];

/** @param {HTMLElement} host @param {import("./main.js").App} app */
export function mount(host, app) {
  app.style("grains.css");
  host.classList.add("volume");
  const { state } = app;
  const data = grainData(app);
  app.address.remember("paint", { write: (s) => (s.paint && s.paint !== "ipf_z" ? s.paint : null), read: (paint) => ({ paint }) });
  app.address.remember("voxel", { write: (s) => s.cross?.join(",") ?? null, read: (text) => ({ cross: text.split(",").map(Number) }) });
  /** @type {{map: any, colours: any, columns: any}|null} */
  let shown = null;

  const page = build(host, {
    paint: (value) => state.set({ paint: value }),
    status: (code, on) => showStatus(code, on),
    cut: (on) => setCut(on),
    only: (on) => setOnly(on),
    crossed: (on) => solid.setScene({ crossed: on ? 1 : 0 }),
    reset: () => reset(),
    clip: (axis, low, high) => setClip(axis, low, high),
  });
  const solid = new SolidView(page.solid, { onHover: (voxel) => say(voxel && [voxel.x, voxel.y, voxel.z]), onPick: (voxel) => (voxel ? pick([voxel.x, voxel.y, voxel.z]) : app.state.select({ grain: null })) });
  page.solid.dataset.renderer = solid.renderer.name;
  const cuts = slices({ onCross: (cross) => state.set({ cross }), onPick: (voxel) => pick(voxel), onHover: (voxel) => say(voxel) });
  page.slices.prepend(...cuts.hosts);
  const key = drawnKey(page.key);
  const card = factsCard(page.card, app, {
    hint: "",
    onGrain: (grain) => state.select({ grain }),
    actions: [
      { text: "centre", title: "Move the crosshair to the grain's centre", run: (grain) => centreOn(grain) },
      { text: "spots", title: "Its spots, on the page Pairs & grains", run: () => app.open("grains") },
    ],
  });

  const about = aboutMap(page.card);

  // ---- what is shown

  async function load() {
    const { has } = state.get().session ?? {};
    if (!has?.volume) {
      page.empty(true);
      return;
    }
    page.empty(false);
    try {
      const [map, colours, grains] = await Promise.all([data.map(), data.colours(), data.grains(), styled()]);
      if (shown?.map === map) return;
      shown = { map, colours, columns: grains.columns };
      fill();
    } catch (error) {
      app.complain(error);
    }
  }

  function fill() {
    if (!shown) return;
    const { map, colours } = shown;
    const size = [...map.shape].reverse();
    solid.setStatusColours(colours.status.map((/** @type {string} */ hex) => rgb(hex).map((v) => v / 255)));
    solid.setLabels(map, map.voxel_um);
    cuts.setMap(map);
    page.clips.forEach((clip, k) => clip.range(size[k], (v) => number(Math.round(map.origin_um[k] + v * map.voxel_um))));
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < map.data.length; i++) if (map.data[i]) counts[map.status[i]]++;
    const all = counts[1] + counts[2] + counts[3] || 1;
    page.statuses.forEach((each, i) => each.note(`${number((100 * counts[i + 1]) / all, 3)} %`));
    const { cross } = state.get();
    state.set({ cross: (cross ?? size.map((n) => Math.floor(n / 2))).map((/** @type {number} */ v, /** @type {number} */ k) => Math.max(0, Math.min(size[k] - 1, v || 0))) });
    applyCross();
    page.cut.set(true);
    setCut(true);
    applyTheme();
    applyPaint();
    applyChosen();
    about.draw(shown, counts);
    page.facts(`${number(shown.columns.id?.length ?? 0)} grains · ${size.map((n) => number(n * map.voxel_um, 4)).join(" × ")} µm · voxels of ${number(map.voxel_um)} µm${map.step > 1 ? ` (every ${map.step}th)` : ""}`);
  }

  function applyPaint() {
    if (!shown) return;
    const paint = state.get().paint ?? "ipf_z";
    const { colours, columns } = shown;
    const byStatus = paint === "status";
    page.paints.set(paint);
    const hexes = byStatus ? [] : paintOf(paint, colours, columns);
    const most = Math.max(hexes.length, 4);
    const bytes = new Uint8Array(4 * (most + 1)).fill(255);
    const pixels = new Uint32Array(most + 1);
    (byStatus ? colours.status : ["#000000", ...hexes]).forEach((/** @type {string} */ hex, /** @type {number} */ i) => {
      const [r, g, b] = rgb(hex);
      bytes.set([r, g, b, 255], 4 * i);
      pixels[i] = pixel(r, g, b);
    });
    if (!byStatus) solid.setPalette(bytes);
    solid.setScene({ byStatus });
    cuts.setLook({ paint: pixels, byStatus });
    applyKey();
  }

  async function applyKey() {
    if (!shown) return;
    const paint = state.get().paint ?? "ipf_z";
    const { colours, columns } = shown;
    const axis = paint.startsWith("ipf_") ? paint.slice(4) : null;
    const mine = columns.phase?.[state.get().selection.grain ?? -1];
    const keyed = colours.keys.map((/** @type {any} */ k, /** @type {number} */ i) => ({ ...k, i })).filter((/** @type {any} */ k) => k.keyed && k.grains);
    const row = (keyed.find((/** @type {any} */ k) => k.phase === mine) ?? keyed[0])?.i ?? -1;
    page.explain(axis ? "" : paint === "status" ? "status" : paint === "trust" ? "trust" : "");
    key.element.hidden = row < 0 || (!axis && paint !== "grain");
    if (key.element.hidden) return;
    const drawn = await data.key(row, 260);
    const chosen = state.get().selection.grain;
    const name = axis ?? "z";
    const inks = axis ? colours[`ipf_${axis}`] : colours.grain;
    const dots = colours.places[name].flatMap((/** @type {any} */ place, /** @type {number} */ grain) =>
      place && columns.phase?.[grain] === colours.keys[row].phase ? [{ x: place[0], y: place[1], colour: inks[grain], chosen: grain === chosen }] : []);
    const many = dots.length > 400 ? dots.filter((/** @type {any} */ dot) => dot.chosen) : dots;
    key.draw(drawn, { says: `direction along ${name}${colours.keys.length > 1 ? `, ${colours.keys[row].phase}` : ""}`, dots: many, line: colour("--soft"), ink: colour("--ink") });
  }

  function applyChosen() {
    const { grain } = state.get().selection;
    const label = grain === null || grain === undefined ? 0 : grain + 1;
    solid.setScene({ chosen: page.only.on ? 0 : label });
    cuts.setLook({ chosen: label });
    if (page.only.on && solid.only !== label) setOnly(true);
    const paint = state.get().paint ?? "ipf_z";
    const none = grain === null || grain === undefined;
    about.element.hidden = !none;
    card.element.hidden = none;
    card.show(grain ?? null, shown && paint !== "status" && label ? paintOf(paint, shown.colours, shown.columns)[grain] : undefined);
    applyKey();
  }

  function applyCross() {
    const { cross } = state.get();
    if (!shown || !cross) return;
    cuts.setCross(cross);
    solid.setScene({ cross: cross.map((/** @type {number} */ v) => v + 0.5) });
    if (page.cut.on) setCut(true, corner);
    say(cross);
  }

  function applyTheme() {
    const parts = (/** @type {string} */ name) => (colour(name).match(/[\d.]+/g) ?? []).slice(0, 3).map((v) => Number(v) / 255);
    solid.setScene({ accent: parts("--chosen") });
    applyKey();
  }

  // ---- what is done

  let corner = [1, -1, 1];

  /** Cut a corner at the crosshair away: the one towards the viewer. @param {boolean} on @param {number[]} [signs] */
  function setCut(on, signs = solid.facingCorner()) {
    if (!shown) return;
    corner = signs;
    const size = [...shown.map.shape].reverse();
    const { cross } = state.get();
    const middle = cross.map((/** @type {number} */ v) => v + 0.5);
    const [low, high] = [0, 1].map((end) => signs.map((sign, k) => ((sign > 0) === (end === 0) ? middle[k] : end === 0 ? -8 : size[k] + 8)));
    solid.setScene(on ? { cutLow: low, cutHigh: high } : { cutLow: [0, 0, 0], cutHigh: [0, 0, 0] });
  }

  /** @param {boolean} on */
  function setOnly(on) {
    const { grain } = state.get().selection;
    solid.only = on && grain !== null && grain !== undefined ? grain + 1 : 0;
    solid.scene.chosen = on || grain === null || grain === undefined ? 0 : grain + 1;
    solid.refill();
    if (on && !solid.only) app.toast("Click a grain first.");
  }

  /** @param {number} code @param {boolean} on */
  function showStatus(code, on) {
    solid.statuses[code] = on;
    solid.refill();
    cuts.setLook({ statuses: [...solid.statuses] });
  }

  /** @param {number} axis @param {number} low @param {number} high */
  function setClip(axis, low, high) {
    const { scene } = solid;
    scene.low[axis] = low;
    scene.high[axis] = high;
    cuts.setBox(scene.low, scene.high);
    solid.draw(true);
  }

  function reset() {
    if (!shown) return;
    const size = [...shown.map.shape].reverse();
    page.clips.forEach((clip, k) => {
      clip.set(0, size[k]);
      setClip(k, 0, size[k]);
    });
    solid.camera.reset();
    page.cut.set(true);
    setCut(true);
    cuts.views.forEach((view) => view.fit());
  }

  /** @param {number[]} voxel */
  function pick(voxel) {
    if (!shown) return;
    const label = labelAt(voxel);
    state.select({ grain: label ? label - 1 : null });
    say(voxel);
  }

  /** @param {number[]} voxel */
  function labelAt([x, y, z]) {
    const [, rows, cols] = shown?.map.shape ?? [0, 0, 0];
    return shown?.map.data[(z * rows + y) * cols + x] ?? 0;
  }

  /** @param {any} grain */
  function centreOn({ x, y, z }) {
    if (!shown) return;
    const { origin_um, voxel_um, shape } = shown.map;
    const size = [...shape].reverse();
    state.set({ cross: [x, y, z].map((v, k) => Math.max(0, Math.min(size[k] - 1, Math.floor((v - origin_um[k]) / voxel_um)))) });
  }

  /** One line about a voxel, from what the page has. @param {number[]|null} voxel */
  function say(voxel) {
    if (!shown || !voxel) return;
    const { map } = shown;
    const [, rows, cols] = map.shape;
    const i = (voxel[2] * rows + voxel[1]) * cols + voxel[0];
    const place = voxel.map((v, k) => (map.origin_um[k] + (v + 0.5) * map.voxel_um).toFixed(1).replace("-", "−"));
    const label = map.data[i];
    page.readout.replaceChildren(el("span.place", {}, ...place.map((v, k) => el("span", {}, el("small", {}, "xyz"[k]), v))), el("small", {}, "µm"), el("b", {}, label ? `grain ${label}` : "no grain"), el("span.soft", {}, label ? STATUS_NAMES[map.status[i]] : ""));
  }

  bindKeys(app, { solid, page, setCut, reset, step });

  /** Move the crosshair. @param {number} axis @param {number} by */
  function step(axis, by) {
    if (!shown) return;
    const size = [...shown.map.shape].reverse();
    const cross = [...state.get().cross];
    cross[axis] = Math.max(0, Math.min(size[axis] - 1, cross[axis] + by));
    state.set({ cross });
  }

  state.on("paint", () => {
    applyPaint();
    applyChosen();
    app.address.writeAddress();
  });
  state.on("selection", applyChosen);
  state.on("cross", () => {
    applyCross();
    app.address.writeAddress();
  });
  state.on("session", () => {
    if (data.stale() && visible) load();
  });
  onTheme(applyTheme);
  let visible = false;
  Object.assign(/** @type {any} */ (window).friedel, { solid });
  return {
    show() {
      visible = solid.visible = true;
      data.stale();
      load();
      solid.draw();
    },
    hide() {
      visible = solid.visible = false;
    },
  };
}

/** What is known about the whole map, while no grain is chosen. @param {HTMLElement} host */
function aboutMap(host) {
  const facts = el("dl.facts");
  const plot = el("div.distribution");
  const chart = new Chart(plot, { label: "Diameters of the grains" });
  const element = el("div.map-about", {},
    el("div.says", {}, el("p", {}, "Click the map or a slice: what is known about the grain there appears here. Drag a slice to move the crosshair."), facts),
    el("div", {}, el("h3", {}, "Diameter", el("small", {}, " µm")), plot));
  host.append(element);
  return {
    element,
    /** @param {any} shown @param {number[]} counts  voxels by status */
    draw({ map, columns }, counts) {
      const size = [...map.shape].reverse().map((n) => number(n * map.voxel_um, 4));
      const all = counts[1] + counts[2] + counts[3];
      const said = [["grains", number(columns.id?.length ?? 0)], ["size", `${size.join(" × ")} µm`], ["voxels", `${number(map.voxel_um)} µm, ${number(all, 9)} filled`], ["measured", `${number((100 * counts[1]) / Math.max(1, all), 3)} %`]];
      facts.replaceChildren(...said.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
      const values = (columns.diameter_um ?? []).filter((/** @type {any} */ v) => v > 0);
      const { edges, counts: y } = counted(values, 0, 1.05 * Math.max(1, ...values));
      chart.set({ series: values.length ? [{ type: "bars", x: edges, y, colour: "--kept", name: "grains", width: 1 }] : [], x: { min: 0 }, y: { min: 0 }, empty: "No grains." });
    },
  };
}

/** @param {import("./main.js").App} app @param {any} it */
function bindKeys(app, { solid, page, setCut, reset, step }) {
  const bind = (/** @type {string} */ keys, /** @type {string} */ says, /** @type {() => void} */ run) => app.keys.bind("volume", keys, says, run);
  bind("ArrowLeft", "turn the map left", () => solid.turn(-8, 0));
  bind("ArrowRight", "turn it right", () => solid.turn(8, 0));
  bind("ArrowUp", "tilt it up", () => solid.turn(0, -8));
  bind("ArrowDown", "tilt it down", () => solid.turn(0, 8));
  bind("shift+ArrowLeft", "move the map", () => solid.pan(-30, 0));
  bind("shift+ArrowRight", "move the map", () => solid.pan(30, 0));
  bind("shift+ArrowUp", "move the map", () => solid.pan(0, -30));
  bind("shift+ArrowDown", "move the map", () => solid.pan(0, 30));
  bind("+|=", "zoom in", () => solid.zoom(1.2));
  bind("-", "zoom out", () => solid.zoom(1 / 1.2));
  bind("x", "look along x", () => solid.reset({ azimuth: 90, elevation: 0 }));
  bind("y", "look along y", () => solid.reset({ azimuth: 0, elevation: 0 }));
  bind("z", "look down z", () => solid.reset({ azimuth: 0, elevation: 90 }));
  bind("c", "cut away the corner towards you, or not", () => {
    page.cut.set(!page.cut.on);
    setCut(page.cut.on);
  });
  bind("o", "only the chosen grain, or all", () => page.only.element.click());
  bind("0|Home", "as at first", reset);
  bind("a", "crosshair down along z", () => step(2, -1));
  bind("q", "crosshair up along z", () => step(2, 1));
  bind("Escape", "choose no grain", () => app.state.select({ grain: null }));
}

/**
 * @param {HTMLElement} host
 * @param {{paint: (value: string) => void, status: (code: number, on: boolean) => void, cut: (on: boolean) => void,
 *   only: (on: boolean) => void, crossed: (on: boolean) => void, reset: () => void, clip: (axis: number, low: number, high: number) => void}} on
 */
function build(host, on) {
  const paints = segmented("Colour", [...PAINTS, STATUS], on.paint);
  const colours = ["", "#3f7fc4", "#ffa23c", "#a873d9"];
  const statuses = [1, 2, 3].map((code) => toggle({ text: STATUS_NAMES[code], title: STATUS_SAYS[code], swatch: colours[code], on: true }, (next) => on.status(code, next)));
  const cut = toggle({ text: "Cut corner", title: "Cut the corner towards you away, down to the crosshair (C)", on: true }, on.cut);
  const only = toggle({ text: "Only this grain", title: "The chosen grain alone (O)", on: false }, on.only);
  const crossed = toggle({ text: "Crosshair", title: "Lines where the slices cut the surface", on: false }, on.crossed);
  const says = el("small.map-facts");
  const resetButton = el("button.quiet", { type: "button", title: "As at first (0)", "aria-label": "As at first", onclick: on.reset }, icon("fit"));
  const bar = el("div.toolbar.map-bar", {}, paints.element, el("div.group", { role: "group", "aria-label": "Shown" }, ...statuses.map((each) => each.element)), el("div.group", {}, cut.element, only.element, crossed.element), el("span.gap"), says, resetButton);
  const solid = el("div.solid-view", { "aria-label": "The map in three dimensions: drag turns, shift-drag moves, the wheel zooms" });
  const clips = ["x", "y", "z"].map((name, axis) => twoEnds(name, (low, high) => on.clip(axis, low, high)));
  const readout = el("div.map-readout", { role: "status", "aria-live": "off" });
  const clipBar = el("div.clip-bar", { role: "group", "aria-label": "Clip" }, ...clips.map((clip) => clip.element));
  const key = el("div.key-cell");
  const legend = el("div.legend", { hidden: true });
  key.append(legend);
  const grid = el("div.slices", {}, key);
  const card = el("div.map-card");
  const left = el("div.map-left", {}, solid, readout, clipBar);
  const nothing = el("div.empty", { hidden: true }, icon("box"), el("h2", {}, "No map yet"), el("p", {}, "The map of grains is what the last stage, assemble, makes. It needs the sections [setup] and [[phase]] in the recipe; then start the run on the page Run."));
  const body = el("div.map-body", {}, left, el("div.map-right", {}, grid, card));
  host.append(bar, body, nothing);
  return {
    paints, statuses, cut, only, crossed, solid, clips, readout, slices: grid, key, card,
    facts: (/** @type {string} */ text) => (says.textContent = text),
    empty: (/** @type {boolean} */ is) => {
      nothing.hidden = !is;
      bar.hidden = body.hidden = is;
    },
    /** @param {string} what */
    explain(what) {
      legend.hidden = !what;
      if (what === "status") legend.replaceChildren(...[1, 2, 3].map((code) => el("div", {}, el("i.swatch", { style: { background: colours[code] } }), el("span", {}, STATUS_NAMES[code], el("small", {}, STATUS_SAYS[code])))));
      if (what === "trust") legend.replaceChildren(el("div.ramp"), el("div.ramp-ends", {}, el("small", {}, "trust least"), el("small", {}, "most")), el("small", {}, "Grains by rank, over all that is known about them. It compares grains and says nothing about the best being good."));
    },
  };
}
