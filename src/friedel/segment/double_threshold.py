"""The double threshold in 3D: seeds above one threshold, grown down to another, frames streamed once.

Blobs are found in two halves that can be used alone. `bright_voxels` looks at every voxel and keeps those that any
blob can hold; `solve` finds the blobs among them, and again, in milliseconds, when a parameter changes. `segment`
does both block by block. The result is the same to the byte however the scan is cut and whoever does the work.

Every seed (component of voxels >= seed_threshold) has a row. A blob's row describes the voxels that it claimed;
the row of a seed that was absorbed or is below seed_min_voxels describes the seed's own component, which may lie
within a blob, so that voxels of rejected rows may occur twice in `voxels`.
"""

import warnings
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from friedel.errors import FriedelWarning, InputError
from friedel.model.arrays import Image, Indices, Mask
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scratch import MemoryScratch, Scratch
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.segment.blob_runs import BlobRuns
from friedel.segment.bright import BrightVoxels, Stencil, in_order, look
from friedel.segment.ledger import build_table, rows_in_order, threshold_unit
from friedel.segment.params import Rules, SegmentParams, sigma_of
from friedel.segment.pending import Pending
from friedel.segment.pile import Pile
from friedel.segment.regions import Found, Scene, chunks, find_regions


def segment(
    blocks: Iterable[CleanBlock],
    scan_shape: tuple[int, int, int],
    params: SegmentParams,
    *,
    baseline: Baseline | None,
    exclude: Mask | None,
    mask: Mask | None,
    omega_start_deg: float,
    omega_step_deg: float,
    wrap: bool,
    noise_image: Image | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[int], None] | None = None,
    scratch: Scratch | None = None,
) -> BlobTable:
    """Find the blobs of a scan, given as consecutive blocks of clean frames [frame, row, col] in counts.

    `exclude` and `mask` [row, col] are True at pixels that belong to nothing; without `exclude` (None) the
    parameters say what is excluded, the beam being the baseline's. `wrap` says that the last frame touches the
    first. With unit = "sigma" thresholds are multiples of the baseline's sigma, or are compared with
    float32(value / noise) where the noise is an image (`noise_image`, else the baseline's). `on_progress` is called
    with the number of frames done. Voxels of finished blobs wait in `scratch` (default: memory), where those of the
    table stay. Raises `NoiseError` when a frame is too full of bright voxels, `InputError` when the noise or an
    excluded box does not fit.
    """
    executor = executor or Serial()
    stencil = Stencil.of(scan_shape, params, baseline=baseline, exclude=exclude, mask=mask, noise_image=noise_image)
    solver = _Solver(
        scan_shape, params, Rules.of(params, sigma_of(baseline)), stencil.left_out, wrap, executor, scratch
    )
    for block in in_order(blocks, scan_shape):
        solver.push(look(block, stencil, executor))
        if on_progress is not None:
            on_progress(block.stop)
    return solver.table(omega_start_deg, omega_step_deg)


def solve(
    bright: BrightVoxels,
    params: SegmentParams,
    *,
    omega_start_deg: float,
    omega_step_deg: float,
    wrap: bool,
    sigma: float | None = None,
    executor: Executor | None = None,
) -> BlobTable:
    """Find the blobs among voxels collected before; equal to `segment` of the frames they came from.

    `sigma` is the scan's noise in counts, for unit = "sigma" with noise = "scan". Excluded pixels and the noise
    image are those that the voxels were collected with. Raises `InputError` when `params` need voxels below the
    floor of `bright`.
    """
    solver = _solved(bright, params, wrap, sigma, executor)
    return solver.table(omega_start_deg, omega_step_deg)


def solve_runs(
    bright: BrightVoxels,
    params: SegmentParams,
    *,
    omega_start_deg: float,
    omega_step_deg: float,
    wrap: bool,
    sigma: float | None = None,
    executor: Executor | None = None,
) -> BlobRuns:
    """The same with voxels as runs, in half of the time where there are many."""
    solver = _solved(bright, params, wrap, sigma, executor)
    return solver.runs(omega_start_deg, omega_step_deg)


def _solved(
    bright: BrightVoxels, params: SegmentParams, wrap: bool, sigma: float | None, executor: Executor | None
) -> "_Solver":
    rules = Rules.of(params, sigma)
    if rules.floor < bright.floor:
        raise InputError(
            "thresholds",
            rule=f"must not need voxels below {bright.floor:g}, the floor of what was collected",
            got=rules.floor,
            way_out="collect the bright voxels again",
        )
    solver = _Solver(bright.shape, params, rules, bright.left_out, wrap, executor or Serial())
    if bright.stop > bright.start:
        solver.push(bright)
    return solver


class _Solver:
    """Takes bright voxels block by block, and keeps what is finished."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        params: SegmentParams,
        rules: Rules,
        left_out: Mask,
        wrap: bool,
        executor: Executor,
        scratch: Scratch | None = None,
    ) -> None:
        self._shape, self._params, self._rules, self._executor = shape, params, rules, executor
        self._turn = shape[0] if wrap else 0
        self._pending = Pending(shape, rules.seed_threshold, params.connectivity, wrap=wrap)
        self._seen = pixels_beside(left_out, params.connectivity)
        self._saturated = np.empty(0, np.int64)
        self._beside_odd = np.empty(0, np.int64)
        self._bridged = np.zeros(shape[0], np.bool_)
        self._found: list[Found] = []
        self._pile = Pile(scratch or MemoryScratch())

    def push(self, part: BrightVoxels) -> None:
        odd = part.beside_odd[part.at_side] if self._params.connectivity == 6 else part.beside_odd
        if len(part.saturated):
            self._saturated = np.concatenate([self._saturated, part.saturated])
        if len(odd):
            self._beside_odd = np.concatenate([self._beside_odd, odd])
        self._bridged[part.start : part.stop] = part.bridged
        scene = Scene(self._shape, self._turn, self._saturated, self._beside_odd, self._bridged, self._seen)
        for batch in self._pending.push(part):
            task = partial(find_regions, rules=self._rules, params=self._params, scene=scene)
            results = self._executor.map(task, chunks(batch))
            self._found += [self._pile.take(found) for found in results if found is not None]

    def table(self, omega_start_deg: float, omega_step_deg: float) -> BlobTable:
        self._warn()
        return build_table(
            self._found, self._pile, self._params, self._shape, omega_start_deg, omega_step_deg,
            wrapped=self._turn > 0,
        )  # fmt: skip

    def runs(self, omega_start_deg: float, omega_step_deg: float) -> BlobRuns:
        self._warn()
        columns, reason, order = rows_in_order(
            self._found, self._params, self._shape[0], omega_start_deg, omega_step_deg
        )
        return BlobRuns(
            columns, reason, *self._pile.runs(order), self._shape, omega_start_deg, omega_step_deg, self._turn > 0,
            threshold_unit(self._params),
        )  # fmt: skip

    def _warn(self) -> None:
        empty = sum(found.n_empty_ranges for found in self._found)
        if empty:
            warnings.warn(
                f'{empty} seeds had no range to grow in: with growth = "literal", grow_max = '
                f"{self._params.grow_max:g} is below max(grow_min, tolerance * M); they stay as they are",
                FriedelWarning,
                stacklevel=4,
            )


def pixels_beside(left_out: Mask, connectivity: int) -> Indices | None:
    """Number of pixels left of each that lie beside a left-out one, [row, col + 1]; None where there are none."""
    if not left_out.any():
        return None
    rows, cols = left_out.shape
    wide = np.zeros((rows + 2, cols + 2), dtype=bool)
    beside = np.zeros_like(left_out)
    wide[1:-1, 1:-1] = left_out
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if connectivity > 6 or dy == 0 or dx == 0:
                beside |= wide[1 + dy : rows + 1 + dy, 1 + dx : cols + 1 + dx]
    count = np.zeros((rows, cols + 1), np.int32)
    np.cumsum(beside, axis=1, dtype=np.int32, out=count[:, 1:])
    return count
