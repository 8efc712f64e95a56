// One blob: its numbers, its row in the ledger, its frames, its neighbours, partner and grain.

import * as api from "../lib/api.js";
import { el } from "../lib/dom.js";
import { number } from "../lib/numbers.js";
import * as state from "../lib/state.js";
import { markFilm, showFilm } from "./film.js";
import { CLASS_COLOURS, classNamed, reasonText } from "./reasons.js";

/**
 * @typedef {import("../lib/types.js").Blob} Blob
 * @typedef {import("../lib/types.js").Voxel} Voxel
 */

/**
 * @param {HTMLElement} host
 * @param {import("../lib/types.js").App} app
 * @param {{onBlob: (id: number) => void, onFrame: (frame: number) => void, onGoTo: (voxel: Voxel) => void,
 *   onFacts: (blob: Blob) => void}} hooks  onFacts: what is known of the blob that is shown is here
 * @returns {{show: (solution: string|null, id: number|null, gone?: boolean) => void, frame: (frame: number) =>
 *   void,
 *   peak: (blob: Blob) => Voxel}}
 */
export function blobCard(host, app, hooks) {
  const film = el("div.film");
  const head = el("header.blob-head");
  const facts = el("dl.facts");
  const more = el("div.blob-more");
  const hint = el(
    "p.hint",
    {},
    "Click a blob on a picture: its numbers, its frames, why it was kept or not, and its neighbours appear here.",
  );
  const body = el("div.blob-body", { hidden: true }, head, facts, film, more);
  host.append(hint, body);
  let shown = "";

  const load = api.newest(async (/** @type {{solution: string, id: number}} */ { solution, id }) => {
    const params = { solution, id };
    const [blob, frames] = await Promise.all([
      api.getJson("api/blob", { params }),
      api.getArray("api/film", { params }),
    ]);
    if (shown !== `${solution} ${id}`) return;
    hint.hidden = true;
    body.hidden = false;
    body.classList.remove("gone");
    fill(blob, frames);
    hooks.onFacts(blob);
  }, app.complain);

  /** @param {Blob} blob @param {import("../lib/api.js").Arrived} frames */
  function fill(blob, frames) {
    const { session, frame, segment } = state.get();
    const ink = CLASS_COLOURS[classNamed(blob.reason)];
    const peak = peakOf(blob);
    head.replaceChildren(
      el("i.swatch", { style: { background: ink } }),
      el("b", {}, `Blob ${number(blob.id, 9)}`),
      el(
        "span.ledger",
        { title: "Its row in the ledger: every seed is kept, or says why not." },
        reasonText(blob.reason),
      ),
      el(
        "button.link",
        { type: "button", title: "Go to its brightest voxel", onclick: () => hooks.onGoTo(peak) },
        "go to peak",
      ),
    );
    facts.replaceChildren(
      ...factsOf(blob, peak, segment.unit === "sigma" && segment.noise !== "scan").flatMap(
        ([name, value, title]) => [el("dt", { title: title ?? "" }, name), el("dd", {}, value)],
      ),
    );
    const scan = session?.scan;
    if (!scan) return;
    showFilm(
      film,
      { ...frames, meta: /** @type {import("./film.js").Film["meta"]} */ (frames.meta) },
      {
        colour: ink,
        low: 0,
        top: blob.IMax_int,
        frames: scan.frames,
        current: frame,
        onFrame: hooks.onFrame,
        omega: (f) => `${number(scan.omega_start_deg + (f + 0.5) * scan.omega_step_deg, 5)}°`,
      },
    );
    more.replaceChildren(...relations(blob, hooks.onBlob, app));
  }

  return {
    show(solution, id, gone = false) {
      if (id === null || solution === null) {
        shown = "";
        body.classList.toggle("gone", gone);
        if (gone) return;
        hint.hidden = false;
        body.hidden = true;
        return;
      }
      if (shown === `${solution} ${id}`) return void body.classList.remove("gone");
      shown = `${solution} ${id}`;
      load({ solution, id });
    },
    frame: (frame) => markFilm(film, frame),
    peak: peakOf,
  };
}

/**
 * Frame and angle of the centroid as the scan has them: a blob on the seam of a full turn is stored unwrapped.
 * @param {Blob} blob
 * @returns {{frame: number, omega: number}}
 */
function centreOf(blob) {
  const { omega_step_deg: step = 1, frames = 1 } = state.get().session?.scan ?? {};
  const turns = Math.floor((blob.frame + 0.5) / frames);
  return { frame: blob.frame - turns * frames, omega: blob.omega - turns * frames * step };
}

/** The brightest voxel. @param {Blob} blob @returns {Voxel} */
function peakOf(blob) {
  const { omega_start_deg: start = 0, omega_step_deg: step = 1, frames = 1 } = state.get().session?.scan ?? {};
  const frame = Math.round((blob.IMax_o - start) / (step || 1) - 0.5);
  return { frame: ((frame % frames) + frames) % frames, row: blob.IMax_s, col: blob.IMax_f };
}

/**
 * @param {Blob} blob
 * @param {Voxel} peak
 * @param {boolean} local  each pixel has its own noise
 * @returns {[string, string, string?][]}
 */
function factsOf(blob, peak, local) {
  const box = [blob.col_stop - blob.col_start, blob.row_stop - blob.row_start, blob.frame_stop - blob.frame_start];
  const centre = centreOf(blob);
  const flags = (blob.flags ?? []).join(", ") || "none";
  return [
    ["centre col, row", `${number(blob.f_raw, 5)}, ${number(blob.s_raw, 5)}`, "Intensity-weighted centroid [px]"],
    ["omega", `${number(centre.omega, 6)}°`, "Stage angle of the centroid"],
    ["frame", number(centre.frame, 5), "Frame of the centroid"],
    ["box", box.join(" × "), "Columns, rows, frames"],
    ["voxels", number(blob.Number_of_pixels, 9)],
    ["of its seed", number(blob.seed_voxels, 9), "Voxels at or above the seed threshold"],
    [
      "maximum M",
      `${number(blob.IMax_int, 5)} counts`,
      `In frame ${peak.frame}, row ${peak.row}, column ${peak.col}`,
    ],
    ["sum", `${number(blob.sum_intensity, 6)} counts`],
    [
      "grown down to",
      `${number(blob.threshold, 4)} ${local ? "σ" : "counts"}`,
      "In units of the noise where that differs from pixel to pixel, else counts",
    ],
    [
      "spread",
      `${number(blob.sigf, 3)}, ${number(blob.sigs, 3)} px, ${number(blob.sigo, 2)}°`,
      "Standard deviations along columns, rows, omega",
    ],
    ["absorbed", `${number(blob.n_absorbed, 6)} seed${blob.n_absorbed === 1 ? "" : "s"}`],
    ["flags", flags],
  ];
}

/**
 * Partner, grain and neighbours.
 * @param {Blob} blob
 * @param {(id: number) => void} onBlob
 * @param {import("../lib/types.js").App} app
 */
function relations(blob, onBlob, app) {
  /** @type {HTMLElement[]} */
  const parts = [];
  const line = (/** @type {string} */ name, /** @type {(HTMLElement|string)[]} */ ...rest) =>
    parts.push(el("div.relation", {}, el("span.name", {}, name), el("span.chips", {}, ...rest)));
  const { partner = null, grain = null, neighbours: near = [] } = blob;
  if (partner !== null)
    line(
      "Partner",
      chip(`blob ${partner}`, 0, () => onBlob(partner)),
    );
  if (grain !== null) {
    line(
      "Grain",
      chip(`grain ${grain + 1}`, null, () => app.open("grains")),
    );
  }
  const chips = near.slice(0, 12).map((one) => {
    const far = one.touches ? "touches" : `${number(one.gap_px, 3)} px away`;
    return chip(`${one.id}`, classNamed(one.reason), () => onBlob(one.id), `${reasonText(one.reason)}, ${far}`);
  });
  line("Neighbours", ...(chips.length ? chips : ["none near"]));
  return parts;
}

/** @param {string} text @param {number|null} kind @param {() => void} onclick @param {string} [title] */
function chip(text, kind, onclick, title = "") {
  return el(
    "button.mini",
    { type: "button", title, onclick },
    kind === null ? null : el("i.swatch", { style: { background: CLASS_COLOURS[kind] } }),
    text,
  );
}
