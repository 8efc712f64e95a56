"""The double threshold in 3D: seeds above one threshold, grown down to another, frames streamed once.

In three steps, which can be used alone: `bright_voxels` looks at every voxel and keeps those that any blob can
hold, `components_of` puts them in order by connected component, and `solve` finds the blobs among them, and again,
in milliseconds, when a parameter changes. `segment` takes all three block by block. The result is the same to the
byte however the scan is cut and whoever does the work.

Every seed (component of voxels >= seed_threshold) has a row. A blob's row describes the voxels that it claimed;
the row of a seed that was absorbed or is below seed_min_voxels describes the seed's own component, which may lie
within a blob, so that voxels of rejected rows may occur twice in `voxels`.

The method is that of the seminar "Segmentation for diffraction contrast tomography" (J. Bertoldo, 2021): hysteresis
with a lower threshold that follows each seed's own maximum. Limits of that threshold are those of the ESRF DCT
code (`thr_seed`, `thr_grow_rat`, `thr_grow_low`, `thr_grow_high`); `docs/double_threshold.md` compares the two.
"""

from collections.abc import Callable, Iterable, Iterator

from friedel.errors import InputError
from friedel.model.arrays import Image, Mask
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scan import Gaps
from friedel.model.scratch import Scratch
from friedel.model.stream import CleanBlock, Executor, Serial
from friedel.segment.blob_runs import BlobRuns
from friedel.segment.bright import BrightVoxels, FrameThreshold, find_bright, in_order
from friedel.segment.components import Components
from friedel.segment.ledger import Ledger, Rotation
from friedel.segment.open_components import OpenComponents
from friedel.segment.params import SegmentParams, Thresholds, sigma_of
from friedel.segment.regions import FoundBlobs, find_blobs


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
    gaps: Gaps = (),
    noise_image: Image | None = None,
    executor: Executor | None = None,
    on_progress: Callable[[int], None] | None = None,
    scratch: Scratch | None = None,
) -> BlobTable:
    """Find the blobs of a scan, given as consecutive blocks of clean frames [frame, row, col] in counts.

    `exclude` and `mask` [row, col] are True at pixels that belong to nothing; without `exclude` (None) the
    parameters say what is excluded, the beam being the baseline's. `wrap` says that the last frame touches the
    first; frames in `gaps` were not recorded (nothing is in them), and more than
    three stand-ins in a row are a gap too. With unit = "sigma" thresholds are multiples of
    the baseline's sigma, or are compared with float32(value / noise) where the noise is an image (`noise_image`,
    else the baseline's). `on_progress` is called with the number of frames done. Voxels of finished blobs wait in
    `scratch` (default: memory), where those of the
    table stay. Raises `NoiseError` when a frame is too full of bright voxels, `InputError` when the noise or an
    excluded box does not fit.
    """
    executor = executor or Serial()
    frame_threshold = FrameThreshold.of(
        scan_shape, params, baseline=baseline, exclude=exclude, mask=mask, noise_image=noise_image
    )
    thresholds = Thresholds.of(params, sigma_of(baseline))
    waiting = OpenComponents(scan_shape, thresholds.seed_threshold, params.connectivity, wrap=wrap)
    ledger = Ledger(params, Rotation(scan_shape, omega_start_deg, omega_step_deg, wrap, gaps), scratch)
    for block in in_order(blocks, scan_shape):
        for components in waiting.push(find_bright(block, frame_threshold, executor)):
            ledger.add(_found(components, thresholds, params, executor))
        if on_progress is not None:
            on_progress(block.stop)
    return ledger.table(waiting.replaced)


def components_of(
    bright: BrightVoxels,
    connectivity: int,
    *,
    wrap: bool,
    seed_threshold: float | None = None,
    executor: Executor | None = None,
) -> Components:
    """Connected components of the bright voxels of a whole scan, or of frames as if it began and ended with them.

    Which voxels are connected depends on no parameter but the floor: it need not be found out again for another
    seed threshold or tolerance. With `seed_threshold`, what is compared with a voxel's level, just those that hold
    a seed for it. `wrap` says that the last frame touches the first.
    """
    shape = (bright.stop, *bright.shape[1:])
    waiting = OpenComponents(
        shape, bright.floor if seed_threshold is None else seed_threshold, connectivity, wrap=wrap
    )
    return waiting.all_of(bright).packed(executor)


def solve(
    components: Components,
    params: SegmentParams,
    *,
    omega_start_deg: float,
    omega_step_deg: float,
    gaps: Gaps = (),
    sigma: float | None = None,
    executor: Executor | None = None,
) -> BlobRuns:
    """Find the blobs among components; equal to `segment` of the frames that they came from.

    `sigma` is the scan's noise in counts, for unit = "sigma" with noise = "scan". Excluded pixels and the noise
    image are those that the voxels were collected with. Raises `InputError` when `params` need voxels below their
    floor, or other neighbours.
    """
    thresholds, marks = Thresholds.of(params, sigma), components.marks
    if thresholds.floor < components.floor:
        raise InputError(
            "thresholds",
            rule=f"must not need voxels below {components.floor:g}, the floor of what was collected",
            got=thresholds.floor,
            way_out="collect the bright voxels again",
        )
    if params.connectivity != marks.connectivity:
        raise InputError(
            "connectivity", rule=f"must be {marks.connectivity}, as the components'", got=params.connectivity
        )
    ledger = Ledger(params, Rotation(marks.shape, omega_start_deg, omega_step_deg, marks.turn > 0, gaps))
    ledger.add(_found(components, thresholds, params, executor or Serial()))
    return ledger.runs(marks.replaced)


def _found(
    components: Components, thresholds: Thresholds, params: SegmentParams, executor: Executor
) -> Iterator[FoundBlobs | None]:
    """What is in each part of the components: the one way from components to blobs."""
    return executor.map(lambda part: find_blobs(part.packed(), thresholds, params), components.parts())
