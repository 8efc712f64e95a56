// One grain in a card: its numbers, its share of the map, its neighbours, its spots.

import { el } from "./dom.js";
import { grainData } from "./grain_data.js";
import { number } from "./numbers.js";

/**
 * @typedef {import("./types.js").Grain} Grain
 *
 * @typedef {Object} Hooks
 * @property {(grain: number|null) => void} onGrain
 * @property {(blob: number) => void} [onSpot]  a spot of the list was clicked
 * @property {{text: string, title: string, run: (grain: Grain) => void}[]} actions
 * @property {boolean} [spots]  with the list of its spots
 */

/**
 * @param {HTMLElement} host
 * @param {import("./types.js").App} app
 * @param {Hooks} hooks
 */
export function grainCard(host, app, hooks) {
  const body = el("div.grain-card", {}, el("p.hint"));
  host.append(body);
  /** @type {number|null} */
  let shown = null;

  /** @param {number|null} id @param {string} [swatch] */
  async function show(id, swatch) {
    shown = id;
    if (id === null) {
      body.replaceChildren(el("p.hint"));
      return;
    }
    try {
      const grain = await grainData.grain(id);
      if (shown === id) fill(grain, swatch ?? grain.ipf);
    } catch (error) {
      app.complain(error);
    }
  }

  /** @param {Grain} grain @param {string} swatch */
  function fill(grain, swatch) {
    const actions = hooks.actions.map(({ text, title, run }) =>
      el("button.link", { type: "button", title, onclick: () => run(grain) }, text),
    );
    const name = [el("i.swatch", { style: { background: swatch } }), el("b", {}, `Grain ${grain.grain_id}`)];
    const head = el(
      "header",
      {},
      ...name,
      el("span.soft", {}, grain.phase),
      trustBar(grain.trust),
      el("span.gap"),
      ...actions,
      el(
        "button.link",
        {
          type: "button",
          title: "Choose no grain (Escape)",
          "aria-label": "Choose no grain",
          onclick: () => hooks.onGrain(null),
        },
        "✕",
      ),
    );
    const facts = el(
      "dl.facts",
      {},
      ...factsOf(grain).flatMap(([name, value, title]) => [
        el("dt", { title: title ?? "" }, name),
        el("dd", { title: title ?? "" }, value),
      ]),
    );
    const parts = [
      head,
      el(
        "div.columns",
        {},
        facts,
        el("div.around", {}, shares(grain.status), neighbours(grain, hooks)),
        hooks.spots ? spotList(grain, hooks) : null,
      ),
    ];
    body.replaceChildren(...parts);
  }

  return { show, element: body };
}

/** @param {number|null} trust */
export function trustBar(trust) {
  const bar = el(
    "span.trust",
    {
      title: "Trust: 1 minus the mean rank over all that is known about grains; it compares them and says no more.",
    },
    el("i", { style: { width: `${100 * (trust ?? 0)}%` } }),
  );
  return bar;
}

/** @param {{schmid_factor: number, plane: number[], direction: number[]}} slip */
function slipOf({ schmid_factor: factor, plane, direction }) {
  return `${number(factor, 3)} (${plane.join(" ")})[${direction.join(" ")}]`.replaceAll("-", "−");
}

/** @param {Grain} g @returns {[string, string, string?][]} */
function factsOf(g) {
  const three = (/** @type {number[]|null} */ values, /** @type {number} */ digits) =>
    values?.map((v) => (v === null ? "–" : v.toFixed(digits).replace("-", "−"))).join("  ") ?? "–";
  const of = (/** @type {number} */ found, /** @type {number|null} */ expected) =>
    expected ? `${found} of ${expected}` : String(found);
  return [
    [
      "complete",
      `${number(g.completeness, 3)}${g.chance ? ` · chance ${number(g.chance, 2)}` : ""}`,
      "Spots found over spots expected on the detector; chance: what the same search does not reach by chance",
    ],
    ["spots", of(g.blobs, g.expected), "Spots that it was given, of those expected"],
    ["pairs", number(g.pairs), "Friedel pairs among them"],
    [
      "off by",
      g.residual_px === undefined ? "–" : `${number(g.residual_px, 3)} px`,
      "Median distance of its spots from where they are predicted",
    ],
    ["position", `${three([g.x, g.y, g.z], 1)} µm`, "Centre of mass x, y, z in the sample frame"],
    [
      "±",
      `${number(g.position_error_um, 2)} µm · ${number(g.orientation_error_deg, 2)}°`,
      "How well position and orientation are known",
    ],
    ["Bunge", `${three(g.bunge_deg, 2)}°`, "Euler angles phi1, Phi, phi2, crystal to sample"],
    [
      "diameter",
      g.diameter_um === undefined ? "–" : `${number(g.diameter_um, 3)} µm`,
      "Of the sphere of the same volume in the map",
    ],
    ["Schmid", g.slip ? slipOf(g.slip) : "–", "Largest Schmid factor for the load axis, and its slip system"],
  ];
}

/** @param {{measured: number, contested: number, dilated: number}|null} status */
function shares(status) {
  if (!status) return null;
  const all = status.measured + status.contested + status.dilated || 1;
  const names = /** @type {const} */ (["measured", "contested", "dilated"]);
  const percent = (/** @type {number} */ n) => `${number((100 * n) / all, 3)} %`;
  return el(
    "div.shares",
    { title: names.map((name) => `${name}: ${status[name]} voxels, ${percent(status[name])}`).join("\n") },
    el(
      "div.share-bar",
      {},
      ...names.map((name) => el(`i.${name}`, { style: { flex: String(status[name] / all) } })),
    ),
    el("small", {}, `${number(all, 7)} voxels, ${percent(status.measured)} measured`),
  );
}

/** @param {Grain} grain @param {Hooks} hooks */
function neighbours(grain, { onGrain }) {
  if (!grain.beside.length) return null;
  const chips = grain.beside.map((b) =>
    el(
      "button.chip-button",
      {
        type: "button",
        title: `${number(b.area_um2, 3)} µm² in common, misorientation ${number(b.misorientation_deg, 3)}°`,
        onclick: () => onGrain(b.id),
      },
      String(b.id + 1),
      el("small", {}, `${number(b.misorientation_deg, 2)}°`),
    ),
  );
  return el("div.beside", {}, el("small", {}, `${grain.beside.length} neighbours`), el("div.chips", {}, ...chips));
}

/** @param {Grain} grain @param {Hooks} hooks */
function spotList({ spots }, { onSpot }) {
  const rows = spots.blob.map((blob, i) => ({
    blob,
    hkl: spots.hkl[i]?.join(" ").replaceAll("-", "−") ?? "",
    frame: spots.frame[i],
    eta: spots.eta_deg[i],
    off: spots.residuals[i] ? Math.hypot(spots.residuals[i][1], spots.residuals[i][2]) : null,
    shared: spots.shared[i],
    paired: (spots.partner[i] ?? -1) >= 0,
  }));
  rows.sort((a, b) => a.frame - b.frame);
  const worst = [...rows].map((row) => row.off ?? 0).sort((a, b) => b - a)[
    Math.min(rows.length - 1, Math.floor(rows.length / 20))
  ];
  const body = el(
    "tbody",
    {},
    ...rows.map((row) =>
      el(
        "tr",
        {
          tabIndex: -1,
          data: { blob: String(row.blob) },
          title: "To its frame",
          onclick: () => onSpot?.(row.blob),
        },
        el("td", {}, row.hkl),
        el("td.n", {}, number(Math.round(row.frame), 6)),
        el("td.n", {}, row.eta === null ? "–" : `${row.eta.toFixed(1).replace("-", "−")}°`),
        el(
          `td.n${row.off !== null && row.off > Math.max(worst, 0.5) ? ".far" : ""}`,
          {},
          row.off === null ? "–" : row.off.toFixed(2),
        ),
        el("td", {}, `${row.paired ? "⇄" : ""}${row.shared ? " shared" : ""}`),
      ),
    ),
  );
  const head = el(
    "thead",
    {},
    el(
      "tr",
      {},
      el("th", {}, "hkl"),
      el("th.n", {}, "frame"),
      el("th.n", {}, "eta"),
      el("th.n", { title: "Distance from where it is predicted" }, "off / px"),
      el("th", {}),
    ),
  );
  return el(
    "div.spot-list",
    { tabIndex: 0, role: "region", "aria-label": "Spots of the grain" },
    el("table", {}, head, body),
  );
}
