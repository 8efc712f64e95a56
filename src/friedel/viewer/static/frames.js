// Frames: the pictures themselves, sections and course through a pixel, beam, margin and mask drawn on them.

import { number } from "./axes.js";
import { boxTool } from "./boxes.js";
import { brush } from "./brush.js";
import { contrastPanel } from "./contrast.js";
import { courseChart } from "./course.js";
import { el, icon, segmented } from "./dom.js";
import { makeForm } from "./forms.js";
import { bindKeys, KINDS, TOOLS } from "./frames_keys.js";
import { confirmClear, layout, nothing, square } from "./frames_layout.js";
import { frameSource } from "./framesource.js";
import { ImageView } from "./image.js";
import { interesting } from "./interesting.js";
import { sections } from "./sections.js";
import * as state from "./state.js";
import { transport } from "./transport.js";

const GROUPS = [
  { title: "Direct beam", names: ["beam", "margin", "normalise"] },
  { title: "Background", names: ["background", "half_window", "half_step", "wrap", "despeckle"] },
];
const RANGES = { half_window: { min: 5, max: 2000, log: true }, half_step: { min: 0, max: 250 } };

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @returns {{show: () => void, hide: () => void}}
 */
export function mount(host, app) {
  app.style("frames.css");
  host.classList.add("frames");
  if (!state.get().session?.scan) return nothing(host);
  const page = layout(host);
  square(page.quad);
  let tool = "look";
  let visible = false;

  const boxes = boxTool(() => (tool === "beam" || tool === "margin" ? tool : null));
  const paint = brush({
    tool: () => (tool === "paint" || tool === "erase" ? tool : null),
    onChange: (masked) =>
      page.masked.replaceChildren(masked ? `${number(masked, 8)} pixels masked` : "No pixel is masked"),
    onError: app.complain,
  });
  const painting = () => tool === "paint" || tool === "erase";
  const picture = new ImageView(page.picture, {
    label: "Frame",
    overlays: [(ctx, view) => paint.overlay(ctx, view), (ctx, view) => boxes.overlay(ctx, view)],
    onCursor: (p) => {
      readout(p && { frame: state.get().frame, row: p.row, col: p.col, value: picture.valueAt(p.row, p.col) });
      paint.hover(p);
    },
    onClick: (p) => state.set({ cursor: { row: p.row, col: p.col } }),
    onDrag: (phase, p) => (painting() ? paint.drag(phase, p) : boxes.drag(phase, p)),
    onHover: (p) => boxes.hover(p) ?? (painting() ? "none" : "crosshair"),
    onView: (view) => {
      if (!picture.raster) return;
      state.set({ zoom: picture.fitted ? null : { x0: view.x0, y0: view.y0, scale: view.sx } });
      cuts.sync();
    },
  });
  boxes.attach(picture);
  paint.attach(picture);
  const course = courseChart(page.course, { onError: complain });
  const cuts = sections({
    x: page.xpsi,
    y: page.ypsi,
    picture,
    onSpan: (span) => course.update(span),
    onError: complain,
    onCursor: readout,
  });
  const contrast = contrastPanel(page.contrast);
  const source = frameSource(shown, trouble);
  const film = transport(page.transport, { ready: () => !source.busy() });

  /** What is not measured yet comes by itself; all else is said. @param {any} error */
  function complain(error) {
    if (!later(error)) app.complain(error);
  }

  /** @param {{frame: number, row: number, col: number, value: number|null}|null} at */
  function readout(at) {
    const { cursor, frame } = state.get();
    const place = at ?? (cursor && { ...cursor, frame, value: picture.valueAt(cursor.row, cursor.col) });
    const texts = place
      ? [String(place.frame), String(place.row), String(place.col), number(place.value, 5)]
      : ["–", "–", "–", "–"];
    page.readouts.forEach((cell, i) => (cell.textContent = texts[i]));
  }

  /** @param {import("./framesource.js").Frame} frame */
  function shown(frame) {
    const { scan } = state.get().session;
    picture.setArray(frame, {
      reduce: frame.kind === "clean" ? "max" : "mean",
      origin: { step: frame.step },
      extent: { width: scan.cols, height: scan.rows },
    });
    page.chip.textContent = [
      frame.step > 1 ? "coarse" : "",
      frame.meta.preview ? "preview: its background is not measured yet" : "",
    ]
      .filter(Boolean)
      .join(" · ");
    page.chip.hidden = !page.chip.textContent;
    page.notice.hidden = true;
    if (picture.raster) contrast.frame(picture.raster, { low: frame.meta.low ?? 0, high: frame.meta.high ?? 1 });
    place();
    if (!state.get().cursor) state.set({ cursor: interesting(picture) });
    readout(null);
  }

  /** @param {any} error */
  function trouble(error) {
    if (later(error)) {
      page.chip.textContent = "the scan is being measured …";
      page.chip.hidden = false;
      return;
    }
    page.notice.hidden = false;
    page.notice.replaceChildren(icon("warn"), el("p", {}, error.message));
  }

  function place() {
    const { zoom } = state.get();
    if (zoom && (picture.view.x0 !== zoom.x0 || picture.view.sx !== zoom.scale)) {
      picture.setView({ x0: zoom.x0, y0: zoom.y0, sx: zoom.scale, sy: zoom.scale });
      cuts.sync();
    }
  }

  function load() {
    const { kind, frame } = state.get();
    source.show(kind, frame, film.playing());
  }

  function look() {
    const began = performance.now();
    const { contrast: grey, map, curve } = state.get();
    const style = { low: grey.low, high: grey.high, map, curve };
    picture.setLook(style);
    cuts.look(style);
    state.timings.contrast = performance.now() - began;
    state.counters.contrast++;
    contrast.update();
  }

  const kinds = segmented("Kind of frame", KINDS, (kind) => state.set({ kind }));
  const tools = segmented("Tool", TOOLS, choose);
  page.kinds.append(kinds.element);
  page.tools.append(tools.element);
  /** @param {string} next */
  function choose(next) {
    tool = next;
    tools.set(next);
    page.brush.hidden = !painting();
    picture.drawOverlays();
  }
  choose("look");
  page.fit.onclick = () => picture.fit();
  const size = el("input", {
    type: "range",
    min: "1",
    max: "64",
    value: "4",
    "aria-label": "Radius of the brush in pixels",
  });
  const sizeSays = el("span", {}, "4 px");
  size.addEventListener("input", () => {
    paint.setRadius(Number(size.value));
    sizeSays.textContent = `${size.value} px`;
    size.style.setProperty("--part", `${(100 * (Number(size.value) - 1)) / 63}%`);
  });
  size.style.setProperty("--part", "5%");
  page.brush.append(el("span", {}, "Radius"), size, sizeSays);
  page.clear.onclick = () => confirmClear(paint.clear);

  const form = makeForm(page.form, state.get().session.schema?.preprocess ?? [], {
    values: state.get().preprocess,
    onChange: (name, value) => state.edit("preprocess", { [name]: value }),
    groups: GROUPS,
    ranges: RANGES,
  });

  function controls() {
    const { kind, session, progress, preprocess } = state.get();
    kinds.set(kind);
    form.update(preprocess, session?.saved?.preprocess);
    const error = /** @type {any} */ (state.get()).draftError;
    form.setErrors(error?.section === "preprocess" ? { [(error.key ?? "").split(".").pop()]: error.text } : {});
    page.formNote.textContent = error?.section === "preprocess" && !error.key ? error.text : "";
    form.disable(progress?.control ? progress.control.taken && !progress.control.mine : false);
    film.update();
  }

  const watch = () => visible;
  state.on(["frame", "kind"], () => watch() && (load(), cuts.load(), controls()));
  state.on(
    ["cursor"],
    () => watch() && (picture.setCrosshair(state.get().cursor), cuts.load(), course.load(), readout(null)),
  );
  state.on(["frame", "kind"], () => watch() && course.update(cuts.span()));
  state.on(["contrasts", "kind", "map", "curve"], () => watch() && look());
  state.on(
    ["preprocess", "progress", "draftError", "session"],
    () => watch() && (controls(), picture.drawOverlays()),
  );
  state.on(["zoom"], () => watch() && (state.get().zoom ? place() : picture.fitted || picture.fit()));
  let generation = "";
  state.on(["session", "progress"], () => {
    const { progress } = state.get();
    const now = [progress?.sweep?.generation, progress?.sweep?.state, progress?.sweep?.measured].join();
    if (now === generation) return;
    generation = now;
    source.forget();
    if (visible) (load(), cuts.load(true), course.load(true));
  });
  bindKeys(app, { film, choose, picture, boxes, contrast: page.contrast });

  return {
    show() {
      visible = true;
      const { cursor } = state.get();
      picture.setCrosshair(cursor);
      look();
      controls();
      load();
      cuts.load();
      course.load();
      paint.load().catch(app.complain);
    },
    hide() {
      visible = false;
      film.stop();
    },
  };
}

/**
 * Whether an answer will be there when the scan is measured, which makes the page ask again.
 * @param {any} error
 */
function later(error) {
  return error.status === 409;
}
