// What charts are given; types only.

/**
 * @typedef {Object} Axis
 * @property {string} [label]
 * @property {import("./axes.js").ScaleKind} [kind]  linear (default), log, asinh
 * @property {number} [min]  default: from the data
 * @property {number} [max]
 * @property {number} [knee]  of asinh
 * @property {"left"|"right"} [side]  of a y axis
 * @property {(v: number) => string} [format]
 * @property {boolean} [bare]  no numbers
 *
 * @typedef {Object} Series
 * @property {"line"|"bars"|"points"} type  bars: x are the edges, one more than y
 * @property {ArrayLike<number>} x
 * @property {ArrayLike<number>} y
 * @property {string} [colour]  CSS variable ("--blue") or colour
 * @property {string} [name]  in the readout
 * @property {number} [width]
 * @property {number} [alpha]
 * @property {boolean} [dashed]
 * @property {"y"|"y2"} [axis]
 *
 * @typedef {Object} Marker  a vertical line
 * @property {string} id
 * @property {number} x
 * @property {string} [label]
 * @property {string} [colour]
 * @property {boolean} [drag]
 * @property {boolean} [dashed]
 *
 * @typedef {Object} Content
 * @property {Series[]} [series]
 * @property {Axis} [x]
 * @property {Axis} [y]
 * @property {Axis} [y2]
 * @property {Marker[]} [lines]
 * @property {{from: number, to: number, colour?: string, alpha?: number}[]} [bands]
 * @property {string} [empty]  said when there is no series
 */

export {};
