// The page where thresholds are chosen: pictures with blobs, the double threshold on one line, controls, answers.

import { mountCard } from "./blob_card.js";
import { contrastPanel } from "./contrast.js";
import { el, icon } from "./dom.js";
import { interesting } from "./interesting.js";
import { Chosen } from "./segment_chosen.js";
import { mountElbow } from "./segment_elbow.js";
import { excludedBoxes } from "./segment_excluded.js";
import { mountForm } from "./segment_form.js";
import { mountHistogram } from "./segment_histogram.js";
import { bindKeys } from "./segment_keys.js";
import { lateness } from "./segment_late.js";
import { buildLayout } from "./segment_layout.js";
import { changed, unitOf } from "./segment_levels.js";
import { LinePlot } from "./segment_line.js";
import { NoiseRows } from "./segment_noise.js";
import { mountPairable } from "./segment_pairable.js";
import { mountLegend, mountResult } from "./segment_result.js";
import { lineOf } from "./segment_row.js";
import { mountSizes } from "./segment_sizes.js";
import { slotKeeper } from "./segment_slots.js";
import { LiveSolver } from "./segment_solver.js";
import { drawingOf, hitText, SegmentViews } from "./segment_views.js";
import { transport } from "./transport.js";

/** So long after the last change curves that follow the draft are asked for again. */
const QUIET_MS = 900;

/**
 * @param {HTMLElement} host
 * @param {import("./main.js").App} app
 * @returns {{show: () => void, hide: () => void}}
 */
export function mount(host, app) {
  app.style("frames.css");
  app.style("segment.css");
  if (!app.state.get().session?.scan) {
    host.append(el("div.empty", {}, icon("warn"), el("h2", {}, "No frames to look for blobs in"), el("p", {}, "The scan could not be opened; the line at the top says why.")));
    return { show() {}, hide() {} };
  }
  const page = new Page(buildLayout(host), app);
  return { show: () => page.show(), hide: () => page.hide() };
}

export class Page {
  /** @param {import("./segment_layout.js").Layout} layout @param {import("./main.js").App} app */
  constructor(layout, app) {
    this.app = app;
    this.layout = layout;
    this.visible = false;
    this.solving = false;
    this.later = 0;
    this.fill = true;
    this.outlined = true;
    /** @type {import("./segment_views.js").Hit|null} */
    this.hover = null;
    /** @type {number|null} row of the table under the pointer */
    this.near = null;
    this.chosen = new Chosen(this);
    this.slots = slotKeeper(app);
    this.late = lateness((late) => this.result.late(late));
    this.#panels();
    this.#pictures();
    this.#listen();
    bindKeys(this);
  }

  #panels() {
    const { app, layout } = this;
    this.result = mountResult(layout.result, app, { onScope: (scope) => app.state.set({ scope }), onSlot: (name) => this.slots.choose(name) });
    this.legend = mountLegend(layout.legend, () => this.redraw());
    this.histogram = mountHistogram(layout.histogram, layout.noise, app, (name, value) => this.threshold(name, value));
    this.form = mountForm(layout.form, layout.formNote, app);
    this.elbow = mountElbow(layout.elbow, app, (value) => this.threshold("seed_threshold", value), () => this.quiet());
    this.sizes = mountSizes(layout.sizes);
    this.pairable = mountPairable(layout.pairable, app, (values) => this.edit(values));
    this.contrast = contrastPanel(layout.contrast, { kind: () => "clean" });
    this.card = mountCard(layout.card, app, {
      onBlob: (id) => this.chosen.open(id),
      onFrame: (frame) => app.state.set({ frame }),
      onGoTo: (voxel) => this.chosen.goTo(voxel),
    });
    this.noise = new NoiseRows(app, () => this.drawLine());
    this.line = new LinePlot(layout.line, { onDrag: (name, counts) => this.threshold(name, counts / unitOf(app.state.get().segment, this.sigma())) });
  }

  #pictures() {
    const { app, layout } = this;
    this.solver = new LiveSolver(app, {
      places: () => this.views.places(),
      onShown: (shown) => this.shown(shown),
      onBusy: (busy) => {
        this.solving = busy;
        if (busy) this.late.asked();
        this.result.busy(busy);
      },
      onError: (error) => this.failed(error),
    });
    this.views = new SegmentViews(layout, app, {
      contours: (side) => this.solver.shown?.contours.get(side),
      drawing: () => (this.outlined ? drawingOf({ shown: this.legend.shown, chosen: app.state.get().selection.blob, near: this.near, fill: this.fill }) : null),
      excluded: () => excludedBoxes(app.state.get().segment, app.state.get().session),
      onHover: (hit) => this.hovered(hit),
      onPick: (hit) => this.chosen.pick(hit),
      onMoved: () => this.solver.refresh(undefined),
      onView: () => this.moved(),
      onFrame: (frame, view) => {
        if (view.raster) this.contrast.frame(view.raster, { low: frame.meta.low ?? 0, high: frame.meta.high ?? 1 });
        if (!app.state.get().cursor) app.state.set({ cursor: interesting(view) });
        this.drawLine();
        this.readOut();
      },
    });
    this.film = transport(layout.transport, { ready: () => !this.views.source.busy() });
  }

  #listen() {
    const { state } = this.app;
    const on = (/** @type {string[]} */ keys, /** @type {(changed: Set<string>) => void} */ fn) => state.on(keys, (_, what) => this.visible && fn(what));
    on(["segment"], () => this.edited());
    on(["scope"], () => this.rescoped());
    on(["frame"], () => this.framed());
    on(["cursor"], () => (this.views.load(), this.drawLine(), this.readOut()));
    on(["contrasts", "map", "curve"], () => (this.views.look(), this.contrast.update()));
    on(["zoom"], () => this.views.place());
    on(["selection", "session"], () => this.redraw());
    on(["progress", "session", "draftError", "slots"], () => this.drawControls());
    let generation = "";
    state.on(["progress"], ({ progress }) => {
      const now = [progress?.sweep?.generation, progress?.sweep?.state, progress?.sweep?.measured].join();
      if (now === generation) return;
      generation = now;
      if (this.visible) this.begin(true);
    });
  }

  sigma() {
    return this.app.state.get().session?.baseline?.sigma ?? 1;
  }

  show() {
    this.visible = true;
    this.begin(false);
  }

  hide() {
    this.visible = false;
    this.film.stop();
    this.elbow.rest();
  }

  /** Ask for everything. @param {boolean} anew  also what is here: the server knows more than before */
  begin(anew) {
    const { session, progress } = this.app.state.get();
    const measured = Boolean(session?.baseline) || progress?.sweep?.measured === true;
    const failed = progress?.sweep?.state === "failed";
    this.layout.notice.hidden = measured;
    this.layout.notice.textContent = failed ? progress.sweep.text : "The scan is being measured: noise, direct beam, a first background. A moment, please.";
    if (!measured) return this.drawControls();
    this.views.look();
    this.views.load({ anew });
    this.contrast.update();
    this.drawControls();
    this.solver.solve(undefined);
    this.pairable.changed();
    this.histogram.load();
    this.elbow.load();
  }

  /** Until nothing is being solved that somebody waits for; whether this page is still looked at. */
  async quiet() {
    do await new Promise((done) => window.setTimeout(done, 30));
    while (this.visible && this.solving);
    return this.visible;
  }

  /** @param {"seed_threshold"|"grow_min"|"grow_max"} name @param {number} value */
  threshold(name, value) {
    const { segment } = this.app.state.get();
    this.edit(changed(segment, name, value));
  }

  /** Change parameters, where nobody else does. @param {Object} values */
  edit(values) {
    if (this.app.state.lookingOn()) this.app.toast("Somebody else changes the recipe at the moment.", "bad");
    else this.app.state.edit("segment", values);
  }

  edited() {
    this.slots.edited();
    this.late.changed();
    this.drawControls();
    this.drawLine();
    this.solver.solve(undefined);
    this.pairable.changed();
    clearTimeout(this.later);
    this.later = window.setTimeout(() => (this.histogram.load(), this.elbow.load()), QUIET_MS);
  }

  rescoped() {
    this.late.changed();
    this.solver.solve(undefined);
    this.elbow.load();
    this.drawControls();
  }

  framed() {
    this.views.load({ moving: this.film.playing() });
    this.film.update();
    this.card.frame(this.app.state.get().frame);
    const { frame, solution } = this.app.state.get();
    const [start, stop] = solution?.window ?? [0, Infinity];
    if (frame < start || frame >= stop) this.solver.solve(undefined);
  }

  moved() {
    this.solver?.refresh(undefined);
    this.drawLine();
  }

  /** A new answer, or the same one for other places. @param {import("./segment_solver.js").Shown} shown */
  shown(shown) {
    const fresh = this.answered !== shown.answer;
    this.answered = shown.answer;
    if (fresh) {
      this.late.answered();
      this.result.fail("");
      this.form.fail(null);
      this.slots.solved(shown.answer, shown.segment);
      this.legend.draw(shown.answer);
      this.sizes.draw(shown.answer, this.slots.answerOf(this.slots.other()));
      this.chosen.findAgain(shown);
    }
    this.hovered(this.hover);
    this.drawControls();
    this.redraw();
  }

  /** @param {any} error */
  failed(error) {
    this.form.fail(error.status === 422 ? error : null);
    this.result.fail(error.status === 422 && error.key ? "" : error.message);
  }

  /** @param {import("./segment_views.js").Hit|null} hit */
  hovered(hit) {
    this.hover = hit;
    this.readOut();
    const near = hit && this.chosen.at(hit);
    if (near !== this.near) {
      this.near = near;
      this.redraw();
    } else this.drawLine();
  }

  /** The voxel under the pointer, else the one that the sections go through. */
  readOut() {
    const { cursor, frame } = this.app.state.get();
    if (!this.hover && !cursor) return;
    const texts = hitText(this.hover ?? { voxel: { frame, ...this.views.cursor() }, side: "frame", value: this.views.valueAt(this.views.cursor()) });
    this.layout.readouts.forEach((cell, i) => (cell.textContent = texts[i]));
    this.layout.readout.dataset.of = this.hover ? "pointer" : "cross";
  }

  drawControls() {
    this.result.draw(this.solver.shown);
    this.form.draw();
    this.histogram.draw();
    this.elbow.draw();
    this.pairable.draw();
    this.drawLine();
    this.film.update();
    this.contrast.update();
  }

  redraw() {
    this.views.redraw();
    this.drawLine();
  }

  /** The double threshold on the row under the pointer, else through the cursor. */
  drawLine() {
    this.line.set(lineOf(this));
  }
}
