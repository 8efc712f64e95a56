// What the line below the pictures shows: a row of the frame, and what was claimed there.

import { levelsOf } from "./segment_levels.js";
import { stretches } from "./segment_solver.js";

/**
 * The row under the pointer, else the one through the cross; with the levels of the blob there, else of the chosen one.
 * @param {import("./segment.js").Page} page
 * @returns {import("./segment_line.js").Line}
 */
export function lineOf(page) {
  const { legend, views } = page;
  const { shown } = page.solver;
  const { segment, selection } = page.app.state.get();
  const { row, col } = page.hover?.side === "frame" ? page.hover.voxel : views.cursor();
  const covered = stretches(shown?.contours.get("frame"), row);
  const under = covered.find((one) => col >= one.from && col < one.to)?.row ?? covered.find((one) => one.row === selection.blob)?.row ?? null;
  const peak = under === null ? null : (shown?.table.value("peak_level", under) ?? null);
  const { view, size } = views.picture;
  const sigma = page.sigma();
  return {
    values: views.profile(row),
    row,
    col,
    view: { x0: view.x0, sx: view.sx, width: size.width },
    claimed: covered.filter((one) => legend.shown[shown?.table.classOf(one.row) ?? 0]).map((one) => ({ from: one.from, to: one.to, kind: shown?.table.classOf(one.row) ?? 0, main: one.row === under })),
    levels: levelsOf(segment, sigma, Number.isNaN(peak) ? null : peak),
    maximum: under === null ? null : (shown?.table.value("IMax_int", under) ?? null),
    sigma,
    fixed: page.app.state.lookingOn(),
    ...page.noise.row(shown?.answer, row),
  };
}
