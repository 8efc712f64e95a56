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

import numpy as np

from friedel.errors import FriedelWarning, InputError
from friedel.model.arrays import AnyArray, Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scratch import MemoryScratch, Scratch
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.segment.blob_runs import BlobRuns
from friedel.segment.bright import BrightVoxels, Stencil, beside_invalid_voxels, in_order, look
from friedel.segment.components import Components
from friedel.segment.ledger import build_table, rows_in_order, threshold_unit
from friedel.segment.params import Rules, SegmentParams, sigma_of
from friedel.segment.pending import Batch, Pending
from friedel.segment.pile import Pile
from friedel.segment.regions import Found, Scene, chunks, find_regions, packed, pixels_beside


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
    seen = pixels_beside(stencil.left_out, params.connectivity)
    turn = scan_shape[0] if wrap else 0
    solver = _Solver(scan_shape, params, Rules.of(params, sigma_of(baseline)), seen, turn, executor, scratch)
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


def solve_components(
    components: Components,
    params: SegmentParams,
    *,
    omega_start_deg: float,
    omega_step_deg: float,
    sigma: float | None = None,
    executor: Executor | None = None,
) -> BlobRuns:
    """The same as `solve_runs` of the voxels that the components are of, without looking for these again.

    Raises `InputError` when `params` need voxels below their floor, or other neighbours.
    """
    rules = _rules(params, sigma, components.floor)
    if params.connectivity != components.connectivity:
        raise InputError(
            "connectivity", rule=f"must be {components.connectivity}, as the components'", got=params.connectivity
        )
    solver = _Solver(components.shape, params, rules, components.scene.seen, components.scene.turn, executor)
    solver.again(components)
    return solver.runs(omega_start_deg, omega_step_deg)


def _rules(params: SegmentParams, sigma: float | None, floor: float) -> Rules:
    rules = Rules.of(params, sigma)
    if rules.floor < floor:
        raise InputError(
            "thresholds",
            rule=f"must not need voxels below {floor:g}, the floor of what was collected",
            got=rules.floor,
            way_out="collect the bright voxels again",
        )
    return rules


def _solved(
    bright: BrightVoxels, params: SegmentParams, wrap: bool, sigma: float | None, executor: Executor | None
) -> "_Solver":
    rules = _rules(params, sigma, bright.floor)
    turn = bright.shape[0] if wrap else 0
    seen = pixels_beside(bright.left_out, params.connectivity)
    solver = _Solver(bright.shape, params, rules, seen, turn, executor)
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
        seen: AnyArray | None,
        turn: int,
        executor: Executor | None,
        scratch: Scratch | None = None,
    ) -> None:
        self._shape, self._params, self._rules, self._executor = shape, params, rules, executor or Serial()
        self._seen, self._turn = seen, turn
        self._pending = Pending(shape, rules.seed_threshold, params.connectivity, wrap=turn > 0)
        self._saturated = np.empty(0, np.int64)
        self._beside_invalid = np.empty(0, np.int64)
        self._replaced = np.zeros(shape[0], np.bool_)
        self._found: list[Found] = []
        self._pile = Pile(scratch or MemoryScratch())

    def push(self, part: BrightVoxels) -> None:
        invalid = beside_invalid_voxels(part, self._params.connectivity)
        if len(part.saturated):
            self._saturated = np.concatenate([self._saturated, part.saturated])
        if len(invalid):
            self._beside_invalid = np.concatenate([self._beside_invalid, invalid])
        self._replaced[part.start : part.stop] = part.replaced
        scene = Scene(self._shape, self._turn, self._saturated, self._beside_invalid, self._replaced, self._seen)
        for batch in self._pending.push(part):
            self._find(chunks(batch), scene, packed)

    def again(self, components: Components) -> None:
        """All of a scan at once, in order already."""
        self._find(components.pieces, components.scene, lambda piece: piece)

    def _find(self, pieces: list[Batch], scene: Scene, prepare: Callable[[Batch], Batch]) -> None:
        def task(piece: Batch) -> Found | None:
            return find_regions(prepare(piece), self._rules, self._params, scene)

        results = self._executor.map(task, pieces)
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
