// What modules hand to each other, and what the server answers; types only.

/**
 * A page: `static/NAME/page.js` exports `mount`, and `static/NAME/NAME.css` is its style sheet.
 * @typedef {{show: () => void, hide: () => void}} Page
 * @typedef {(host: HTMLElement, app: App) => Page} Mount  host: empty, with the page's name as its class
 *
 * @typedef {Object} App  what surrounds the pages
 * @property {(text: string, kind?: "info"|"note"|"bad") => void} toast  a line that goes by itself
 * @property {(error: unknown) => void} complain  says an error, unless it was only overtaken
 * @property {(name: string) => void} open  another page
 * @property {() => Promise<void>} reload  ask for the session again
 * @property {(parts: Object<string, unknown>) => void} reveal  to tests and the bench, as `window.friedel`
 */

/**
 * @typedef {{row: number, col: number}} Place  a pixel; row and col count from the top left of the frame
 * @typedef {{frame: number, row: number, col: number}} Voxel
 * @typedef {{low: number, high: number, auto: boolean}} Contrast  grey levels in counts
 * @typedef {{low: number, high: number, map: string, curve: string}} Look  of a picture; low and high in counts
 */

/**
 * The section [segment] of the recipe as it is edited.
 * @typedef {Object<string, unknown> & {seed_threshold: number, grow_min: number, grow_max: number|"inf",
 *   tolerance: number, unit: "counts"|"sigma", noise: string, growth: string, exclude?: Excluded}} Segment
 * @typedef {number[]|"beam"|"none"|(number[]|"beam"|"none")[]} Excluded  boxes [col0, row0, col1, row1]
 *
 * The section [preprocess].
 * @typedef {Object<string, unknown> & {beam: Box|string, margin: number|Box[]|string}} Preprocess
 * @typedef {[number, number, number, number]} Box  col0, row0, col1, row1, half-open
 *
 * @typedef {{[section: string]: Object<string, unknown>|undefined, segment: Segment, preprocess: Preprocess}}
 *   Recipe
 */

/**
 * One parameter of a section.
 * @typedef {Object} Field
 * @property {string} name
 * @property {string} type
 * @property {unknown} default
 * @property {string} unit
 * @property {string} rule
 * @property {string} sentence
 * @property {number} [minimum]
 * @property {number} [exclusiveMinimum]
 * @property {number} [maximum]
 *
 * @typedef {Object} Scan
 * @property {string} name
 * @property {number} frames
 * @property {number} rows
 * @property {number} cols
 * @property {string} dtype
 * @property {number} omega_start_deg
 * @property {number} omega_step_deg
 *
 * @typedef {{seconds: number, started?: string, counts?: StageCounts, warnings?: string[]}} Stage  what a run said about a stage
 * @typedef {Object<string, any>} StageCounts  numbers by name, and tables of numbers
 *
 * @typedef {Object} Session  api/session
 * @property {string} name
 * @property {string|null} recipe_path
 * @property {string} out
 * @property {Scan|null} scan
 * @property {{beam: Box|null, margins: Box[], sigma: number, warnings: string[]}|null} baseline
 * @property {Object<"background"|"blobs"|"pairs"|"grains"|"volume"|"geometry"|"truth"|"report", boolean>} has
 * @property {Object<string, Stage>} stages
 * @property {string[]} stale  stages that a run would make anew
 * @property {string[]} gone  stages whose files are gone or damaged
 * @property {{where: string, text: string, way_out?: string}[]} troubles
 * @property {Partial<Recipe>} recipe  the draft
 * @property {Partial<Recipe>} saved
 * @property {{path: string, command: string, unsaved: boolean, exists: boolean}|null} file
 * @property {{text: string, other: string}|null} refused  why a run does not go on in OUT, and a folder that is free
 * @property {Object<string, Field[]>} schema
 * @property {number} revision
 * @property {string} generation
 * @property {string} address
 * @property {string} ssh
 */

/**
 * @typedef {{state: string, done: number, total: number, text: string, generation: string, measured: boolean}}
 *   ScanPass
 * @typedef {{state: string, stage: string, done: number, total: number, text: string}} Run
 * @typedef {{pairs: number, null: number, blobs: number, fraction: number}} Pairable  null: with scrambled angles
 * @typedef {{state: string, done: number, total: number, text?: string,
 *   best: (Pairable & {segment: Object<string, unknown>})|null}} Search  for better thresholds
 *
 * @typedef {Object} Progress  api/progress
 * @property {number} revision
 * @property {{mine: boolean, taken: boolean}} control
 * @property {ScanPass} pass
 * @property {Run} run
 * @property {Search} propose
 */

/**
 * @typedef {{edges: number[], counts: number[]}} Distribution
 *
 * @typedef {Object} Answer  api/solve
 * @property {string} solution
 * @property {"sub"|"whole"} scope
 * @property {number} seconds
 * @property {number} kept
 * @property {Object<string, number>} rejected  by reason
 * @property {number} volume_px
 * @property {number} bright_fraction
 * @property {Distribution} sizes
 * @property {Distribution} intensities
 * @property {[number, number]} window
 * @property {string|null} noise  which, where each pixel has its own
 * @property {boolean} [preview]
 * @property {string[]} [warnings]
 */

/**
 * @typedef {Object} Blob  api/blob: a row of the table of blobs, named as there, and what belongs to it
 * @property {number} id
 * @property {number} [spot3d_id]
 * @property {string} reason
 * @property {string[]} [flags]
 * @property {number|null} [partner]
 * @property {number|null} spot  its row in the results
 * @property {number|null} [grain]
 * @property {number[]} grains  all that have it
 * @property {{id: number, reason: string, gap_px: number, touches: boolean}[]} [neighbours]
 * @property {number} f_raw
 * @property {number} s_raw
 * @property {number} omega
 * @property {number} frame
 * @property {number} row_start
 * @property {number} row_stop
 * @property {number} col_start
 * @property {number} col_stop
 * @property {number} frame_start
 * @property {number} frame_stop
 * @property {number} Number_of_pixels
 * @property {number} seed_voxels
 * @property {number} IMax_int
 * @property {number} IMax_s
 * @property {number} IMax_f
 * @property {number} IMax_o
 * @property {number} sum_intensity
 * @property {number} threshold
 * @property {number} sigf
 * @property {number} sigs
 * @property {number} sigo
 * @property {number} n_absorbed
 */

/**
 * @typedef {Object<string, any[]>} Columns  of the table of grains, by name
 *
 * @typedef {Object} Spots  api/spots
 * @property {number} count
 * @property {{rows: number, cols: number, frames: number, pairs: number, null_pairs: number, angles: boolean}} meta
 * @property {Object<string, Float32Array>} columns  blob, row, col, frame, eta_deg, two_theta_deg, grain, partner,
 *   intensity, omega_deg
 *
 * @typedef {Object} Colours  api/colours, by row of the table of grains
 * @property {string[]} grain
 * @property {string[]} ipf_x
 * @property {string[]} ipf_y
 * @property {string[]} ipf_z
 * @property {string[]} status  by code
 * @property {{phase: string, system: string, keyed: boolean, grains: number}[]} keys
 * @property {Object<string, ([number, number]|null)[]>} places  by axis: where each grain stands in its phase's key
 *
 * @typedef {Object} GrainMap  api/volume
 * @property {Uint16Array|Int32Array} data  [z, y, x], 0 or the grain's row + 1
 * @property {Uint8Array} status
 * @property {number[]} shape
 * @property {number} voxel_um
 * @property {number[]} origin_um
 * @property {number} step  voxels of the stored map that one of these stands for
 *
 * @typedef {{image: ImageData, names: string[], corners: number[][], edge: number[][]}} Key  of a phase's colours
 *
 * @typedef {Object} Grain  api/grain
 * @property {number} grain_id
 * @property {string} phase
 * @property {string} ipf
 * @property {number|null} trust
 * @property {number} x
 * @property {number} y
 * @property {number} z
 * @property {number} completeness
 * @property {number|null} chance
 * @property {number} blobs
 * @property {number|null} expected
 * @property {number} pairs
 * @property {number} [residual_px]
 * @property {number} [diameter_um]
 * @property {number} position_error_um
 * @property {number} orientation_error_deg
 * @property {number[]|null} bunge_deg
 * @property {{schmid_factor: number, plane: number[], direction: number[]}|null} slip
 * @property {{measured: number, contested: number, dilated: number}|null} status
 * @property {{id: number, misorientation_deg: number, area_um2: number}[]} beside
 * @property {GrainSpots} spots
 *
 * @typedef {Object} GrainSpots
 * @property {number[]} blob
 * @property {number[][]} hkl
 * @property {number[]} frame
 * @property {(number|null)[]} eta_deg
 * @property {number[][]} residuals
 * @property {boolean[]} shared
 * @property {number[]} partner
 */

export {};
