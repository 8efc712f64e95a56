// Which blob is chosen: clicked on a picture, named by a card, and found again after every solve.

import * as api from "../lib/api.js";
import * as state from "../lib/state.js";
import { rowAt } from "./solver.js";

/**
 * @typedef {import("../lib/types.js").Voxel} Voxel
 * @typedef {import("./views.js").Hit} Hit
 * @typedef {import("./solver.js").Shown} Shown
 */

export class Chosen {
  /** @param {import("./page.js").SegmentPage} page */
  constructor(page) {
    this.page = page;
    /** @type {Voxel|null} where it was clicked: numbers of blobs change with the parameters, places do not */
    this.anchor = null;
    /** @type {number|null} blob of the results whose row here is not known yet: another page led to it */
    this.sought = null;
    /** Whether there was an answer: a blob that the address named is shown with the first one. */
    this.began = false;
    /** @type {import("../lib/state.js").State["selection"]|null} as it was when the page was left */
    this.left = null;
  }

  /** The page is left: what is chosen until it is back is not to be taken for what was chosen here. */
  leave() {
    this.left = state.get().selection;
  }

  /** Another page, or the address, has chosen a blob of the results: it is looked for in what is solved. */
  seek() {
    const { spot, selection } = state.get();
    this.sought = selection.blob === null ? spot : null;
    if (this.sought !== null || (this.left && selection.blob === null && selection !== this.left)) this.anchor = null;
    this.left = null;
    const { shown } = this.page.solver;
    if (this.sought !== null && shown) this.#find(shown);
  }

  /** @param {Shown} shown */
  async #find(shown) {
    const spot = this.sought;
    const { solution, window = [0, Infinity] } = shown.answer;
    const { frame } = state.get();
    if (frame < window[0] || frame >= window[1]) return; // the next answer is of the frames around it
    try {
      const blob = await api.getJson("api/blob", { params: { solution, spot } });
      if (this.sought !== spot || this.page.solver.shown !== shown || !this.page.visible) return;
      this.sought = null;
      if (blob.id === null) {
        this.page.app.toast("With these parameters there is no such blob.", "note");
        return;
      }
      this.show(blob.id, blob);
      this.goTo(this.page.card.peak(blob));
    } catch (error) {
      this.page.app.complain(error);
    }
  }

  /** The blob at a place of a picture, of those that are shown. @param {Hit} hit @returns {number|null} */
  at({ side, voxel }) {
    const { shown } = this.page.solver;
    if (!shown || !this.page.outlined) return null;
    const [line, at] = {
      frame: [voxel.row, voxel.col],
      row: [voxel.frame, voxel.col],
      col: [voxel.frame, voxel.row],
    }[side];
    return rowAt(shown.contours.get(side), line, at, this.page.legend.shown, shown.table);
  }

  /** A click on a picture. @param {Hit} hit */
  pick(hit) {
    const id = this.at(hit);
    this.anchor = id === null ? null : hit.voxel;
    state.set({ frame: hit.voxel.frame, cursor: { row: hit.voxel.row, col: hit.voxel.col } });
    this.show(id);
  }

  /** @param {number|null} id @param {import("../lib/types.js").Blob} [blob]  what is known of it */
  show(id, blob) {
    this.sought = null;
    state.chooseBlob(id, blob);
    this.page.card.show(this.page.solver.shown?.answer.solution ?? null, id);
    if (id !== null) this.page.layout.open("blob");
  }

  /** A neighbour or partner: show it, and go where its peak is. @param {number} id */
  async open(id) {
    const solution = this.page.solver.shown?.answer.solution;
    if (!solution) return;
    this.anchor = null;
    this.show(id);
    try {
      this.goTo(this.page.card.peak(await api.getJson("api/blob", { params: { solution, id } })));
    } catch (error) {
      this.page.app.complain(error);
    }
  }

  /** @param {Voxel} voxel */
  goTo(voxel) {
    this.anchor = voxel;
    state.set({ frame: voxel.frame, cursor: { row: voxel.row, col: voxel.col } });
    this.page.views.reveal(voxel);
  }

  letGo() {
    this.anchor = null;
    this.show(null);
  }

  /** After another solve the same blob may have another number, or be gone. @param {Shown} shown */
  async findAgain(shown) {
    if (!this.page.visible) return; // what is chosen now is another page's; `seek` comes first when this one is back
    const { selection, frame } = state.get();
    const first = !this.began;
    this.began = true;
    if (this.sought !== null) {
      await this.#find(shown);
      return;
    }
    if (selection.blob === null && !this.anchor) return;
    let id = selection.blob !== null && selection.blob < shown.table.rows ? selection.blob : null;
    if (this.anchor) {
      const here = this.anchor.frame === frame && shown.contours.get("frame");
      const contours = here || (await this.page.solver.contoursAt(shown, this.anchor.frame).catch(() => null));
      if (!contours || this.page.solver.shown !== shown || state.get().selection !== selection) return;
      id = rowAt(contours, this.anchor.row, this.anchor.col);
    }
    if (id !== selection.blob) state.chooseBlob(id);
    this.page.card.show(shown.answer.solution, id, id === null);
    if (id !== null && first) this.page.layout.open("blob");
  }
}
