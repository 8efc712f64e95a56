// Frames: the pictures themselves, sections and course through a pixel, beam, margin and mask drawn on them.

import { messageOf, refusalOf } from "../lib/api.js";
import { brightPlace } from "../lib/beam.js";
import { contrastPanel } from "../lib/contrast.js";
import { el, icon } from "../lib/dom.js";
import { noScan } from "../lib/empty.js";
import { makeForm } from "../lib/form.js";
import { caveatOf, frameSource } from "../lib/frame_source.js";
import { ImageView } from "../lib/image.js";
import { number } from "../lib/numbers.js";
import { sections } from "../lib/sections.js";
import * as state from "../lib/state.js";
import { transport } from "../lib/transport.js";
import { boxTool } from "./boxes.js";
import { brush } from "./brush.js";
import { courseChart } from "./course.js";
import { bindKeys } from "./keys.js";
import { buildLayout } from "./layout.js";
import { lightNote } from "./light_note.js";

const GROUPS = [
  { title: "Direct beam", names: ["beam", "margin", "normalise"] },
  { title: "Background", names: ["background", "half_window", "half_step", "wrap", "despeckle"] },
];
const RANGES = { half_window: { min: 5, max: 2000, log: true }, half_step: { min: 0, max: 250 } };

/** @type {import("../lib/types.js").Mount} */
export function mount(host, app) {
  if (state.get().session?.scan) return new FramesPage(host, app);
  return noScan(
    host,
    "No frames to show",
    "The scan could not be opened; the line at the top says why. What was written can be looked at.",
  );
}

export class FramesPage {
  /** @param {HTMLElement} host @param {import("../lib/types.js").App} app */
  constructor(host, app) {
    this.app = app;
    this.visible = false;
    /** @type {import("./layout.js").Tool} */
    this.tool = "look";
    this.layout = buildLayout(host, {
      kind: (kind) => state.set({ kind }),
      tool: (tool) => this.choose(tool),
      radius: (px) => this.mask.setRadius(px),
      fit: () => this.picture.fit(),
      clear: () => this.mask.clear(),
    });
    const { layout } = this;
    const complain = (/** @type {unknown} */ error) => this.#complain(error);
    this.light = lightNote(layout.light);
    this.boxes = boxTool(
      () => (this.tool === "beam" || this.tool === "margin" ? this.tool : null),
      (values) => this.light.dragged(values),
    );
    this.mask = brush({
      tool: () => (this.tool === "paint" || this.tool === "erase" ? this.tool : null),
      onChange: (masked) =>
        layout.masked.replaceChildren(masked ? `${number(masked, 8)} pixels masked` : "No pixel is masked"),
      onError: app.complain,
    });
    this.picture = this.#picture();
    this.boxes.attach(this.picture);
    this.mask.attach(this.picture);
    this.course = courseChart(layout.course, { onError: complain });
    this.cuts = sections({
      x: layout.xomega,
      y: layout.yomega,
      picture: this.picture,
      onSpan: (span) => this.course.update(span),
      onError: complain,
      onCursor: (reading) => this.#readOut(reading),
    });
    this.contrast = contrastPanel(layout.contrast);
    this.source = frameSource(
      (frame) => this.#shown(frame),
      (error) => this.#missing(error),
    );
    this.film = transport(layout.transport, { ready: () => !this.source.busy() });
    this.form = makeForm(layout.form, state.get().session?.schema?.preprocess ?? [], {
      values: state.get().preprocess,
      onChange: (name, value) => state.edit("preprocess", { [name]: value }),
      groups: GROUPS,
      ranges: RANGES,
    });
    this.choose("look");
    this.#listen();
    bindKeys(this);
  }

  #picture() {
    /** @type {ImageView} */
    const picture = new ImageView(this.layout.picture, {
      label: "Frame",
      overlays: [(ctx, view) => this.mask.overlay(ctx, view), (ctx, view) => this.boxes.overlay(ctx, view)],
      onCursor: (p) => {
        this.#readOut(
          p && { frame: state.get().frame, row: p.row, col: p.col, value: picture.valueAt(p.row, p.col) },
        );
        this.mask.hover(p);
      },
      onClick: (p) => state.set({ cursor: { row: p.row, col: p.col } }),
      onDrag: (phase, p) => (this.#painting ? this.mask.drag(phase, p) : this.boxes.drag(phase, p)),
      onHover: (p) => this.boxes.hover(p) ?? (this.#painting ? "none" : "crosshair"),
      onView: () => {
        if (!picture.raster) return;
        state.set({ zoom: picture.zoomed });
        this.cuts.sync();
      },
    });
    return picture;
  }

  #listen() {
    /** @param {(keyof import("../lib/state.js").State)[]} keys @param {() => void} fn */
    const on = (keys, fn) => state.on(keys, () => this.visible && fn());
    on(["frame", "kind"], () => {
      this.#load();
      this.cuts.load();
      this.#controls();
    });
    on(["cursor"], () => {
      this.picture.setCrosshair(state.get().cursor);
      this.cuts.load();
      this.course.load();
      this.#readOut(null);
    });
    on(["frame", "kind"], () => this.course.update(this.cuts.span()));
    on(["contrasts", "kind", "map", "curve"], () => this.#look());
    on(["preprocess", "progress", "draftError", "session"], () => {
      this.#controls();
      this.picture.drawOverlays();
    });
    on(["zoom"], () => {
      if (state.get().zoom) this.#takeZoom();
      else if (!this.picture.fitted) this.picture.fit();
    });
    state.onSweep(() => {
      this.source.forget();
      if (!this.visible) return;
      this.#load();
      this.cuts.load(true);
      this.course.load(true);
    });
  }

  show() {
    this.visible = true;
    this.picture.setCrosshair(state.get().cursor);
    this.#look();
    this.#controls();
    this.#load();
    this.cuts.load();
    this.course.load();
    this.mask.load().catch(this.app.complain);
  }

  hide() {
    this.visible = false;
    this.film.stop();
  }

  /** Take a tool into the hand. @param {import("./layout.js").Tool} tool */
  choose(tool) {
    this.tool = tool;
    this.layout.tools.set(tool);
    this.layout.brush.hidden = !this.#painting;
    if (tool === "beam" || tool === "margin") this.light.ask();
    this.picture.drawOverlays();
  }

  get #painting() {
    return this.tool === "paint" || this.tool === "erase";
  }

  #load() {
    const { kind, frame } = state.get();
    this.source.show(kind, frame, this.film.playing());
  }

  /** @param {import("../lib/frame_source.js").Frame} frame */
  #shown(frame) {
    const { picture, layout } = this;
    const { rows, cols } = state.scanShape();
    picture.setArray(frame, {
      reduce: frame.kind === "clean" ? "max" : "mean",
      origin: { step: frame.step },
      extent: { width: cols, height: rows },
    });
    layout.chip.textContent = caveatOf(frame);
    layout.chip.hidden = !layout.chip.textContent;
    layout.notice.hidden = true;
    if (picture.raster)
      this.contrast.frame(picture.raster, { low: frame.meta.low ?? 0, high: frame.meta.high ?? 1 });
    this.#takeZoom();
    if (picture.raster && !state.get().cursor) state.set({ cursor: brightPlace(picture.raster, picture.origin) });
    this.#readOut(null);
  }

  /** No frame came. @param {unknown} error */
  #missing(error) {
    const { chip, notice } = this.layout;
    if (later(error)) {
      chip.textContent = "the scan is being measured …";
      chip.hidden = false;
      return;
    }
    notice.hidden = false;
    notice.replaceChildren(icon("warn"), el("p", {}, messageOf(error)));
  }

  /** What is not measured yet comes by itself; all else is said. @param {unknown} error */
  #complain(error) {
    if (!later(error)) this.app.complain(error);
  }

  /**
   * The voxel under the pointer, else the one under the cross.
   * @param {import("../lib/readout.js").Reading|null} reading
   */
  #readOut(reading) {
    const { cursor, frame } = state.get();
    const cross = cursor && { ...cursor, frame, value: this.picture.valueAt(cursor.row, cursor.col) };
    this.layout.readout.set(reading ?? cross);
  }

  #takeZoom() {
    const { zoom } = state.get();
    if (zoom && this.picture.takeZoom(zoom)) this.cuts.sync();
  }

  /** Grey levels, painted at once. */
  #look() {
    const began = performance.now();
    const { contrast: grey, map, curve } = state.get();
    const look = { low: grey.low, high: grey.high, map, curve };
    this.picture.setLook(look);
    this.cuts.look(look);
    state.timings.contrast = performance.now() - began;
    state.counters.contrast++;
    this.contrast.update();
  }

  #controls() {
    const { kind, session, preprocess, draftError } = state.get();
    this.layout.kinds.set(kind);
    this.form.update(preprocess, session?.saved?.preprocess);
    const own = draftError?.section === "preprocess" ? draftError : null;
    this.form.setErrors(own ? { [(own.key ?? "").split(".").at(-1) ?? ""]: own.text } : {});
    this.layout.formNote.textContent = own && !own.key ? own.text : "";
    this.form.disable(state.lookingOn());
    this.light.update();
    this.film.update();
  }
}

/**
 * Whether an answer will be there when the scan is measured, which makes the page ask again.
 * @param {unknown} error
 */
function later(error) {
  return refusalOf(error).status === 409;
}
