// How all grains are doing, while none is chosen: three distributions, of which a click filters the list.

import { Chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { counted } from "../lib/marks.js";
import { number } from "../lib/numbers.js";

/** @type {{name: string, text: string, unit: string, low?: number, high?: number}[]} */
const SHOWN = [
  { name: "completeness", text: "Completeness", unit: "", low: 0, high: 1 },
  { name: "residual_px", text: "Off by", unit: "px", low: 0 },
  { name: "diameter_um", text: "Diameter", unit: "µm", low: 0 },
];

/**
 * @param {HTMLElement} host
 * @param {{onValue: (filter: string) => void}} hooks
 */
export function overview(host, { onValue }) {
  const says = el("div.says");
  const parts = SHOWN.map((column) => {
    const plot = el("div.distribution");
    const part = el("div", {}, el("h3", {}, column.text, el("small", {}, ` ${column.unit}`)), plot);
    const chart = new Chart(plot, {
      label: `${column.text} of all grains`,
      onClick: (x) => onValue(`${column.name} < ${number(x, 3)}`),
    });
    return { column, part, chart };
  });
  const element = el("div.overview", {}, says, ...parts.map(({ part }) => part));
  host.append(element);
  return {
    element,
    /** @param {import("../lib/types.js").Columns} columns @param {string[]} notes */
    draw(columns, notes) {
      const some = columns.id?.length;
      says.replaceChildren(
        el(
          "p",
          {},
          some
            ? "Click a spot, or a grain of the list: its spots light up in both pictures, and what is known about it appears here."
            : "Click a spot: its place and a way to its frame appear here.",
        ),
        some ? el("p", {}, "Clicking a distribution lists the grains below that value.") : "",
        ...notes.map((note) => el("p", {}, note)),
      );
      for (const { column, part, chart } of parts) {
        const values = (columns[column.name] ?? []).filter((v) => v !== null);
        part.hidden = !values.length;
        if (!values.length) continue;
        const low = column.low ?? Math.min(...values);
        const high = column.high ?? 1.05 * Math.max(...values);
        const { edges, counts } = counted(values, low, high);
        const chance =
          column.name === "completeness" ? Math.max(0, ...(columns.chance ?? []).filter((v) => v !== null)) : 0;
        const lines = chance ? [{ id: "chance", x: chance, label: "chance", dashed: true, colour: "--warm" }] : [];
        chart.set({
          series: [{ type: "bars", x: edges, y: counts, colour: "--kept", name: "grains", width: 1 }],
          lines,
          x: { min: low, max: high },
          y: { min: 0 },
        });
      }
    },
  };
}
