// The page where thresholds are chosen: pictures with blobs, the double threshold on one line, controls, answers.

import { messageOf, refusalOf } from "../lib/api.js";
import { brightPlace } from "../lib/beam.js";
import { contrastPanel } from "../lib/contrast.js";
import { noScan } from "../lib/empty.js";
import * as state from "../lib/state.js";
import { transport } from "../lib/transport.js";
import { blobCard } from "./blob_card.js";
import { Chosen } from "./chosen.js";
import { elbowPanel } from "./elbow.js";
import { excludedBoxes } from "./excluded.js";
import { thresholdForm } from "./form.js";
import { histogramPanel } from "./histogram.js";
import { bindKeys } from "./keys.js";
import { lateness } from "./lateness.js";
import { buildLayout } from "./layout.js";
import { changed, unitOf } from "./levels.js";
import { lineOf, LinePlot } from "./line.js";
import { NoiseRows } from "./noise.js";
import { pairablePanel } from "./pairable.js";
import { legendOf, resultPanel } from "./result.js";
import { sizesPanel } from "./sizes.js";
import { slotKeeper } from "./slots.js";
import { LiveSolver } from "./solver.js";
import { SegmentViews } from "./views.js";

/** So long after the last change curves that follow the draft are asked for again. */
const QUIET_MS = 900;

/** @type {import("../lib/types.js").Mount} */
export function mount(host, app) {
  if (state.get().session?.scan) return new SegmentPage(host, app);
  return noScan(
    host,
    "No frames to look for blobs in",
    "The scan could not be opened; the line at the top says why.",
  );
}

export class SegmentPage {
  /** @param {HTMLElement} host @param {import("../lib/types.js").App} app */
  constructor(host, app) {
    this.app = app;
    this.visible = false;
    this.solving = false;
    this.later = 0;
    this.fill = true;
    this.outlined = true;
    /** @type {import("./views.js").Hit|null} */
    this.hover = null;
    /** @type {number|null} row of the table under the pointer */
    this.near = null;
    /** @type {import("./solver.js").Answer|null} the one that is drawn */
    this.answered = null;
    this.layout = buildLayout(host);
    const { layout } = this;
    this.chosen = new Chosen(this);
    this.slots = slotKeeper(app);
    this.late = lateness((late) => this.result.late(late));
    this.result = resultPanel(layout.result, {
      onScope: (scope) => state.set({ scope }),
      onSlot: (name) => this.slots.choose(name),
    });
    this.legend = legendOf(layout.legend, () => this.redraw());
    this.histogram = histogramPanel(layout.histogram, layout.noise, app, (name, value) =>
      this.threshold(name, value),
    );
    this.form = thresholdForm(layout.form, layout.formNote);
    this.elbow = elbowPanel(
      layout.elbow,
      (value) => this.threshold("seed_threshold", value),
      () => this.quiet(),
    );
    this.sizes = sizesPanel(layout.sizes);
    this.pairable = pairablePanel(layout.pairable, app, (values) => this.edit(values));
    this.contrast = contrastPanel(layout.contrast, { kind: () => "clean" });
    this.card = blobCard(layout.card, app, {
      onBlob: (id) => this.chosen.open(id),
      onFrame: (frame) => state.set({ frame }),
      onGoTo: (voxel) => this.chosen.goTo(voxel),
      onFacts: (blob) => {
        if (state.get().selection.blob === blob.id) state.chooseBlob(blob.id, blob);
      },
    });
    this.noise = new NoiseRows(() => this.visible && this.drawLine());
    this.line = new LinePlot(layout.line, {
      onDrag: (name, counts) => this.threshold(name, counts / unitOf(state.get().segment, this.sigma())),
    });
    /** @type {LiveSolver} */
    this.solver = this.#solver();
    /** @type {SegmentViews} */
    this.views = this.#views();
    this.film = transport(layout.transport, { ready: () => !this.views.source.busy() });
    this.#listen();
    bindKeys(this);
  }

  /** @returns {LiveSolver} */
  #solver() {
    return new LiveSolver({
      places: () => this.views.places(),
      onShown: (shown) => this.shown(shown),
      onBusy: (busy) => {
        this.solving = busy;
        if (busy) this.late.asked();
        this.result.busy(busy);
      },
      onError: (error) => this.failed(error),
    });
  }

  /** @returns {SegmentViews} */
  #views() {
    return new SegmentViews(this.layout, this.app, {
      contours: (side) => this.solver.shown?.contours.get(side),
      drawing: () =>
        this.outlined
          ? { shown: this.legend.shown, chosen: state.get().selection.blob, near: this.near, fill: this.fill }
          : { shown: [], chosen: state.get().selection.blob, near: null, fill: false },
      excluded: () => excludedBoxes(state.get().segment, state.get().session),
      onHover: (hit) => this.hovered(hit),
      onPick: (hit) => this.chosen.pick(hit),
      onMoved: () => this.solver.refresh(undefined),
      onView: () => this.moved(),
      onFrame: (frame, { raster, origin }) => {
        if (raster) this.contrast.frame(raster, { low: frame.meta.low ?? 0, high: frame.meta.high ?? 1 });
        if (raster && !state.get().cursor) state.set({ cursor: brightPlace(raster, origin) });
        this.drawLine();
        this.readOut();
      },
    });
  }

  #listen() {
    /** @param {(keyof import("../lib/state.js").State)[]} keys @param {() => void} fn */
    const on = (keys, fn) => state.on(keys, () => this.visible && fn());
    on(["segment"], () => this.edited());
    on(["scope"], () => this.rescoped());
    on(["frame"], () => this.framed());
    on(["cursor"], () => {
      this.views.load();
      this.drawLine();
      this.readOut();
    });
    on(["contrasts", "map", "curve"], () => {
      this.views.look();
      this.contrast.update();
    });
    on(["zoom"], () => this.views.place());
    on(["spot"], () => this.chosen.seek());
    on(["selection", "session"], () => this.redraw());
    on(["progress", "session", "draftError", "slots"], () => this.drawControls());
    state.onSweep(() => {
      if (this.visible) this.begin(true);
    });
  }

  /** Noise of clean frames, counts. */
  sigma() {
    return state.get().session?.baseline?.sigma ?? 1;
  }

  show() {
    this.visible = true;
    this.chosen.seek();
    if (this.solver.shown) this.chosen.findAgain(this.solver.shown); // it may have come while the page was away
    this.begin(false);
  }

  hide() {
    this.visible = false;
    this.chosen.leave();
    this.film.stop();
    this.elbow.rest();
  }

  /** Ask for everything. @param {boolean} anew  also what is here: the server knows more than before */
  begin(anew) {
    const { session, progress } = state.get();
    const measured = Boolean(session?.baseline) || progress?.pass?.measured === true;
    const failed = progress?.pass?.state === "failed";
    this.layout.notice.hidden = measured;
    this.layout.notice.textContent = failed
      ? progress.pass.text
      : "The scan is being measured: noise, direct beam, a first background. A moment, please.";
    if (!measured) {
      this.drawControls();
      return;
    }
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
    const { segment } = state.get();
    this.edit(changed(segment, name, value));
  }

  /** Change parameters, where nobody else does. @param {Object<string, unknown>} values */
  edit(values) {
    if (state.lookingOn()) this.app.toast("Somebody else changes the recipe at the moment.", "bad");
    else state.edit("segment", values);
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
    this.card.frame(state.get().frame);
    const { frame, solution } = state.get();
    const [start, stop] = solution?.window ?? [0, Infinity];
    if (frame < start || frame >= stop) this.solver.solve(undefined);
  }

  moved() {
    this.solver?.refresh(undefined);
    this.drawLine();
  }

  /** A new answer, or the same one for other places. @param {import("./solver.js").Shown} shown */
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

  /** @param {unknown} error */
  failed(error) {
    const { status, key } = refusalOf(error);
    const text = messageOf(error);
    this.form.fail(status === 422 ? { key, text } : null);
    this.result.fail(status === 422 && key ? "" : text);
  }

  /** @param {import("./views.js").Hit|null} hit */
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
    const { cursor, frame } = state.get();
    const { readout } = this.layout;
    if (!this.hover && !cursor) return;
    const cross = this.views.cursor();
    readout.set(
      this.hover
        ? { ...this.hover.voxel, value: this.hover.value }
        : { frame, ...cross, value: this.views.valueAt(cross) },
    );
    readout.element.dataset.of = this.hover ? "pointer" : "cross";
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
