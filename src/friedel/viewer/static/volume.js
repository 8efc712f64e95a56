// The map of grains: a solid to turn, three slices through it, and what is known about the place that was clicked.

import { number } from "./axes.js";
import { el } from "./dom.js";
import { grainData, paintOf, styled } from "./grains_data.js";
import { factsCard } from "./grains_facts.js";
import { SolidView } from "./raycast.js";
import { colour, onTheme, pixel, rgb } from "./theme.js";
import { STATUS_NAMES, aboutMap, bindKeys, build, drawKey } from "./volume_page.js";
import { slices } from "./volume_slices.js";
import { drawnKey } from "./volume_tools.js";

/** @param {HTMLElement} host @param {import("./main.js").App} app */
export function mount(host, app) {
  app.style("grains.css");
  host.classList.add("volume");
  const { state } = app;
  const data = grainData(app);
  app.address.remember(
    "paint",
    { write: (s) => (s.paint && s.paint !== "ipf_z" ? s.paint : null), read: (paint) => ({ paint }) },
  );
  app.address.remember(
    "voxel",
    { write: (s) => s.cross?.join(",") ?? null, read: (text) => ({ cross: text.split(",").map(Number) }) },
  );
  /** @type {{map: any, colours: any, columns: any}|null} */
  let shown = null;

  const page = build(host, app, {
    paint: (value) => state.set({ paint: value }),
    status: (code, on) => showStatus(code, on),
    cut: (on) => setCut(on),
    only: (on) => setOnly(on),
    crossed: (on) => solid.setScene({ crossed: on ? 1 : 0 }),
    reset: () => reset(),
    clip: (axis, low, high) => setClip(axis, low, high),
  });
  const solid = new SolidView(
    page.solid,
    {
      onHover: (voxel) => say(voxel && [voxel.x, voxel.y, voxel.z]),
      onPick: (voxel) => (voxel ? pick([voxel.x, voxel.y, voxel.z]) : app.state.select({ grain: null })),
    },
  );
  page.solid.dataset.renderer = solid.renderer.name;
  const cuts = slices(
    { onCross: (cross) => state.set({ cross }), onPick: (voxel) => pick(voxel), onHover: (voxel) => say(voxel) }
  );
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
      app.reload().catch(() => {}); // the session says what cannot be used
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
    state.set({ cross: (cross ?? size.map((n) => Math.floor(n / 2))).map(
      (/** @type {number} */ v, /** @type {number} */ k) => Math.max(0, Math.min(size[k] - 1, v || 0))
    ) });
    applyCross();
    page.cut.set(true);
    setCut(true);
    applyTheme();
    applyPaint();
    applyChosen();
    about.draw(shown, counts);
    page.facts(
      `${number(shown.columns.id?.length ?? 0)} grains · ${size.map((n) => number(n * map.voxel_um, 4)).join(" × ")} µm · voxels of ${number(map.voxel_um)} µm${map.step > 1 ? ` (every ${map.step}th)` : ""}`
    );
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
    if (shown) await drawKey(key, page, shown, data, state.get());
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
    card.show(
      grain ?? null,
      shown && paint !== "status" && label ? paintOf(paint, shown.colours, shown.columns)[grain] : undefined,
    );
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
    const [low, high] = [0, 1].map(
      (end) => signs.map((sign, k) => ((sign > 0) === (end === 0) ? middle[k] : end === 0 ? -8 : size[k] + 8))
    );
    solid.setScene(on ? { cutLow: low, cutHigh: high } : { cutLow: [0, 0, 0], cutHigh: [0, 0, 0] });
  }

  /** @param {boolean} on */
  function setOnly(on) {
    const { grain } = state.get().selection;
    solid.only = on && grain !== null && grain !== undefined ? grain + 1 : 0;
    solid.scene.chosen = on || grain === null || grain === undefined ? 0 : grain + 1;
    solid.refill();
    if (on && !solid.only) app.toast("Click a grain first.", "note");
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
    state.set({ cross: [x, y, z].map(
      (v, k) => Math.max(0, Math.min(size[k] - 1, Math.floor((v - origin_um[k]) / voxel_um)))
    ) });
  }

  /** One line about a voxel, from what the page has. @param {number[]|null} voxel */
  function say(voxel) {
    if (!shown || !voxel) return;
    const { map } = shown;
    const [, rows, cols] = map.shape;
    const i = (voxel[2] * rows + voxel[1]) * cols + voxel[0];
    const place = voxel.map((v, k) => (map.origin_um[k] + (v + 0.5) * map.voxel_um).toFixed(1).replace("-", "−"));
    const label = map.data[i];
    page.readout.replaceChildren(
      el("span.place", {}, ...place.map((v, k) => el("span", {}, el("small", {}, "xyz"[k]), v))),
      el("small", {}, "µm"),
      el("b", {}, label ? `grain ${label}` : "no grain"),
      el("span.soft", {}, label ? STATUS_NAMES[map.status[i]] : ""),
    );
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
