"""What there is to be found: every spot's own voxels, and its row of the table.

A spot's voxels are those whose noise-free expected counts (the spot alone, after the point spread) reach
max(0.1 × its peak, 2 sigma of the background's noise there). The box of the direct beam counts as not looked at:
voxels there belong to nothing, and a spot that has no others is left out. Spots may share voxels.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from friedel.kernels.simulate.visible_voxels import (
    VisibilityRule,
    VisibleSpots,
    find_visible,
    near_others,
    no_visible_spots,
)
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.blobs import BlobTable, Flag, Voxels
from friedel.model.grains import GrainTable
from friedel.model.stream import Executor
from friedel.model.truth import Truth
from friedel.simulator.cells import Specimen
from friedel.simulator.detector import Camera
from friedel.simulator.diffract import Diffraction
from friedel.simulator.params import SimulationParams

PEAK_SHARE = 0.1
NOISE_SHARE = 2.0
GAP = 2
"""An isolated spot has no other spot's voxel within this many voxels, in any direction."""
CHUNK_VOXELS = 2_000_000


def make_truth(diffraction: Diffraction, specimen: Specimen, camera: Camera, executor: Executor) -> Truth:
    """The true blobs, grains and volume."""
    params, sigma = camera.params, camera.noise_sigma()
    period = diffraction.period
    rule = VisibilityRule(sigma, camera.hidden(), params.frames, period, PEAK_SHARE, NOISE_SHARE)
    seen, voxels, values = _visible(diffraction, rule, executor)
    pointer = _pointer(seen.sizes)
    _unwrap(seen, pointer, voxels, values, params.frames)
    first = voxels[pointer[:-1][seen.sizes > 0]]
    spots = np.flatnonzero(seen.sizes)
    spots = spots[np.lexsort((spots, first[:, 2], first[:, 1], np.mod(first[:, 0], params.frames)))]
    near = np.zeros(len(seen.sizes), dtype=np.int64)
    by_frame = spots[np.argsort(seen.ranges[spots, 0], kind="stable")]
    near_others(by_frame, pointer, voxels, seen.ranges, period, GAP, near)
    take = _gather(pointer, spots)
    voxels, values = voxels[take], values[take]
    kept = VisibleSpots(*(part[spots] for part in seen))
    columns = _columns(params, kept, values)
    noise = sigma[kept.peak[:, 1], kept.peak[:, 2]].astype(np.float64)
    columns["threshold"] = np.maximum(PEAK_SHARE * columns["IMax_int"], NOISE_SHARE * noise)
    columns["n_saturated"] = _saturated(camera, _pointer(kept.sizes), voxels, values)
    columns["flags"] |= np.where(columns["n_saturated"] > 0, Flag.SATURATED, 0)
    extra = {
        "grain": diffraction.grain[spots],
        **{name: diffraction.hkl[spots, axis] for axis, name in enumerate("hkl")},
        "snr": columns["IMax_int"] / noise,
        "isolated": 1 - near[spots],
    }
    blobs = BlobTable(
        columns,
        np.zeros(len(spots), dtype=np.uint8),
        Voxels(
            _pointer(kept.sizes),
            np.mod(voxels[:, 0], params.frames).astype(np.int32),
            voxels[:, 1].copy(),
            voxels[:, 2].copy(),
            values,
        ),
        params.shape,
        params.omega_start_deg,
        params.omega_step_deg,
        params.full_turn,
        extra,
    )
    return Truth(blobs, _with_blobs(specimen.grains, extra["grain"]), specimen.volume)


def _visible(
    diffraction: Diffraction, rule: VisibilityRule, executor: Executor
) -> tuple[VisibleSpots, AnyArray, AnyArray]:
    """What is seen of each spot; all voxels int32 (m,3): unwrapped frame, row, col, spot by spot; their counts."""
    boxes, (rows, cols) = diffraction.boxes, rule.sigma.shape
    height = np.minimum(boxes[:, 3], rows) - np.maximum(boxes[:, 2], 0)
    width = np.minimum(boxes[:, 5], cols) - np.maximum(boxes[:, 4], 0)
    room = (boxes[:, 1] - boxes[:, 0]) * height * width
    group = (np.cumsum(room) - room) // CHUNK_VOXELS
    edges = np.flatnonzero(np.diff(group, prepend=-1, append=-1)).tolist()

    def work(chunk: slice) -> tuple[VisibleSpots, AnyArray, AnyArray]:
        count = int(room[chunk].sum())
        seen = no_visible_spots(len(room[chunk]))
        voxels, values = np.empty((count, 3), dtype=np.int32), np.empty(count, dtype=np.float32)
        found = find_visible(diffraction.spots[chunk], boxes[chunk], diffraction.model, rule, seen, voxels, values)
        return seen, voxels[:found].copy(), values[:found].copy()

    chunks = [slice(a, b) for a, b in pairwise(edges)] if len(room) else [slice(0, 0)]
    parts = list(executor.map(work, chunks))
    seen = VisibleSpots(*(np.concatenate([part[0][i] for part in parts]) for i in range(len(VisibleSpots._fields))))
    return seen, np.concatenate([part[1] for part in parts]), np.concatenate([part[2] for part in parts])


def _pointer(sizes: Indices) -> Indices:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _gather(pointer: Indices, spots: Indices) -> Indices:
    """Indices of the voxels of some spots, in the order of the spots."""
    sizes = np.diff(pointer)[spots]
    starts = np.cumsum(sizes) - sizes
    return np.asarray(np.repeat(pointer[:-1][spots] - starts, sizes) + np.arange(sizes.sum()), dtype=np.int64)


def _unwrap(seen: VisibleSpots, pointer: Indices, voxels: AnyArray, values: AnyArray, frames: int) -> None:
    """Move every spot by whole turns until its peak lies in [0, frames); sort its voxels by stored frame."""
    back = (seen.peak[:, 0] // frames) * frames
    seen.peak[:, 0] -= back
    seen.ranges[:, :2] -= back[:, None]
    voxels[:, 0] -= np.repeat(back, seen.sizes).astype(np.int32)
    for spot in np.flatnonzero((seen.sizes > 0) & ((seen.ranges[:, 0] < 0) | (seen.ranges[:, 1] > frames))):
        part = slice(pointer[spot], pointer[spot + 1])
        order = np.argsort(np.mod(voxels[part, 0], frames), kind="stable")
        voxels[part], values[part] = voxels[part][order], values[part][order]


def _columns(params: SimulationParams, seen: VisibleSpots, values: AnyArray) -> dict[str, AnyArray]:
    """All columns of the blob table, from the noise-free counts."""
    n, step, omega0 = len(seen.sizes), params.omega_step_deg, params.omega_start_deg
    total = seen.sums[:, 0]
    f, r, c, ff, rr, cc, fr, fc, rc = (seen.sums[:, i] / total for i in range(1, 10))
    sigo, sigs, sigf = (np.sqrt(np.maximum(m - a * a, 0.0)) for m, a in ((ff, f), (rr, r), (cc, c)))

    def correlation(mixed: Floats, a: Floats, b: Floats, spread: Floats) -> Floats:
        return np.asarray(np.divide(mixed - a * b, spread, out=np.zeros(n), where=spread > 0))

    frame0, frame1, row0, row1, col0, col1 = (seen.ranges[:, i].copy() for i in range(6))
    ends = np.stack([omega0 + (frame0 + 0.5) * step, omega0 + (frame1 - 0.5) * step])
    onfirst, onlast = _on_ends(seen, params)
    edge = (row0 == 0) | (row1 == params.rows) | (col0 == 0) | (col1 == params.cols)
    flags = np.where(edge, Flag.EDGE, 0) | np.where(seen.clipped > 0, Flag.EXCLUDED, 0)
    if not params.full_turn:
        flags |= np.where((onfirst | onlast) > 0, Flag.SCAN_END, 0)
    top = np.maximum.reduceat(values, _pointer(seen.sizes)[:-1]) if n else np.zeros(0)
    none = np.zeros(n, dtype=np.int64)
    return {
        "spot3d_id": np.arange(n, dtype=np.int64),
        "s_raw": row0 + r,
        "f_raw": col0 + c,
        "sc": row0 + r,
        "fc": col0 + c,
        "omega": omega0 + (frame0 + f + 0.5) * step,
        "frame": frame0 + f,
        "Number_of_pixels": seen.sizes,
        "sum_intensity": total,
        "IMax_int": top.astype(np.float64),
        "IMax_s": seen.peak[:, 1].copy(),
        "IMax_f": seen.peak[:, 2].copy(),
        "IMax_o": omega0 + (seen.peak[:, 0] + 0.5) * step,
        "Min_s": row0,
        "Max_s": row1 - 1,
        "Min_f": col0,
        "Max_f": col1 - 1,
        "Min_o": ends.min(axis=0),
        "Max_o": ends.max(axis=0),
        "sigs": sigs,
        "sigf": sigf,
        "sigo": sigo * abs(step),
        "covsf": correlation(rc, r, c, sigs * sigf),
        "covso": correlation(fr, f, r, sigo * sigs) * np.sign(step),
        "covfo": correlation(fc, f, c, sigo * sigf) * np.sign(step),
        "onfirst": onfirst,
        "onlast": onlast,
        "frame_start": frame0,
        "frame_stop": frame1,
        "row_start": row0,
        "row_stop": row1,
        "col_start": col0,
        "col_stop": col1,
        "seed_voxels": none,
        "threshold": np.zeros(n),
        "n_saturated": none.copy(),
        "n_absorbed": none.copy(),
        "flags": flags.astype(np.int64),
    }


def _on_ends(seen: VisibleSpots, params: SimulationParams) -> tuple[Indices, Indices]:
    """1 for spots on the first, and on the last frame; unwrapped ranges may pass either end."""
    start, stop, frames = seen.ranges[:, 0], seen.ranges[:, 1], params.frames
    first = (start <= 0) | (stop > frames)
    last = (start < 0) | (stop >= frames)
    return first.astype(np.int64), last.astype(np.int64)


def _saturated(camera: Camera, pointer: Indices, voxels: AnyArray, values: AnyArray) -> Indices:
    """Voxels of each spot whose expected raw value, glow and offset included, reaches saturation."""
    room = camera.params.camera.saturation - camera.glow - camera.offset
    full = np.flatnonzero(values >= room[voxels[:, 1], voxels[:, 2]])
    spot = np.searchsorted(pointer, full, side="right") - 1
    return np.bincount(spot, minlength=len(pointer) - 1).astype(np.int64)


def _with_blobs(table: GrainTable, grain: Indices) -> GrainTable:
    """The grains with their blobs: numbers of rows of the blob table."""
    order = np.argsort(grain, kind="stable")
    return replace(
        table,
        blob_pointer=np.searchsorted(grain[order], np.arange(len(table) + 1)).astype(np.int64),
        blobs=order.astype(np.int64),
        shared=np.zeros(len(order), dtype=bool),
    )
