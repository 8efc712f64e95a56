"""Other thresholds on the same voxels, beside what somebody is looking at."""

from dataclasses import dataclass, replace

import numpy as np

from friedel.explorer.collected import CollectedVoxels, with_thresholds
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.solution import cut_at_ends
from friedel.model.baseline import Baseline
from friedel.model.blobs import BlobTable
from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.segment import BlobRuns, BrightVoxels, Components, SegmentParams, components_of, solve
from friedel.segment.bright import FrameThreshold
from friedel.segment.params import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Resegmenter:
    """Segments the same voxels of frames [start, stop) again, with other thresholds and limits.

    `frame_threshold` is that of one of them: noise and excluded areas are the same for all. `whole` says
    that the frames are the whole scan.
    """

    scan: Scan
    baseline: Baseline
    collected: CollectedVoxels
    frame_threshold: FrameThreshold
    start: int
    stop: int
    whole: bool
    executor: Executor

    @property
    def pixels(self) -> int:
        """Pixels of a frame that are not left out."""
        return int(np.count_nonzero(~self.frame_threshold.left_out))

    @property
    def voxels(self) -> int:
        """Voxels that are looked at."""
        return self.pixels * (self.stop - self.start)

    @property
    def floor(self) -> float:
        """All voxels with this level are known."""
        return self.collected.floor_in(self.frame_threshold.noise, self.frame_threshold.left_out)

    def unit(self, params: SegmentParams) -> float:
        """Levels that one unit of the thresholds is."""
        per_scan = params.unit == "sigma" and params.noise == "scan"
        return float(self.baseline.sigma) if per_scan else 1.0

    @property
    def sigma(self) -> float:
        """The noise in levels: 1 where it is per pixel."""
        return float(self.baseline.sigma) if self.frame_threshold.noise is None else 1.0

    def bright(self) -> BrightVoxels:
        """All voxels that are known."""
        _, rows, cols = self.frame_threshold.shape
        return self.collected.filtered(replace(self.frame_threshold, floor=self.floor, limit=rows * cols))

    def solved(self, params: SegmentParams) -> BlobTable:
        """The blobs, without voxels. Raises `NoiseError` where a run would."""
        return self.runs(params).bare()

    def table(self, params: SegmentParams) -> BlobTable:
        """The blobs as a run writes them. Raises `NoiseError` where a run would."""
        return self.runs(params).table()

    def runs(self, params: SegmentParams) -> BlobRuns:
        """The blobs, voxels in runs. Raises `NoiseError` where a run would."""
        frame_threshold = with_thresholds(self.frame_threshold, params, self.baseline, self.pixels)
        seed_threshold = Thresholds.of(params, self.baseline.sigma).seed_threshold
        with warnings_heard():
            components = self.components(params, frame_threshold, seed_threshold=seed_threshold)
            runs = self.solve(components, params)
        return cut_at_ends(runs, self.start, self.stop, self.scan)

    def components(
        self, params: SegmentParams, frame_threshold: FrameThreshold, *, seed_threshold: float | None = None
    ) -> Components:
        """Connected components, `frame_threshold` being that of the parameters; see `components_of`.

        Raises `NoiseError` where a run would, and `NotCollected`.
        """
        return components_of(
            self.collected.filtered(frame_threshold),
            params.connectivity,
            wrap=self.wraps(params),
            seed_threshold=seed_threshold,
            executor=self.executor,
        )

    def wraps(self, params: SegmentParams) -> bool:
        """Whether the last frame touches the first."""
        return self.whole and params.wraps(self.scan.full_turn)

    def solve(self, components: Components, params: SegmentParams) -> BlobRuns:
        """The blobs of these components as if the scan began and ended with the frames (see `cut_at_ends`)."""
        return solve(
            components,
            params,
            omega_start_deg=float(self.scan.omega_start_deg),
            omega_step_deg=self.scan.omega_step_deg,
            gaps=self.scan.gaps,
            sigma=self.baseline.sigma,
            executor=self.executor,
        )
