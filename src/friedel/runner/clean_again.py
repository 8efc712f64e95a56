"""Clean frames once more, for what is looked for in them when the grains are known."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from friedel.errors import InputError, ScanError
from friedel.io import open_scan
from friedel.model.arrays import Image, Mask
from friedel.model.scan import gaps_in
from friedel.model.stream import CleanBlock
from friedel.output_folder.files import BACKGROUND
from friedel.output_folder.reader import OutputFolder
from friedel.preprocess import measure_baseline
from friedel.preprocess.frame_cleaner import FrameCleaner, nothing_subtracted
from friedel.runner.job import Job
from friedel.runner.passes import baseline_facts
from friedel.segment import excluded_area

_HELD = 3
"""Background images."""


@dataclass(frozen=True, slots=True, eq=False)
class FramesAgain:
    """Frames of a job's scan, read and cleaned again with the backgrounds that the pass left."""

    job: Job
    cleaner: FrameCleaner
    noise: Image
    corrupt: frozenset[int]

    @property
    def count(self) -> int:
        """How many frames the scan has."""
        return self.job.scan.shape[0]

    def blocks(self, wanted: Mask) -> Iterator[CleanBlock]:
        """The `wanted` frames [frame], a few at a time.

        Raises `ScanError` where a frame cannot be used that the pass could use, or somebody has written to the scan
        since it was opened, `InputError` where the backgrounds have gone.
        """
        scan, of_recipe = self.job.scan, self.job.recipe.scan
        for start, stop in gaps_in(~wanted):
            for block in self.cleaner.blocks(start, stop, self.job.executor):
                unlike = {*(block.start + np.flatnonzero(block.replaced)).tolist()} - self.corrupt
                if unlike:
                    way_out = "look after the disk, and run again"
                    raise ScanError(f"frame {min(unlike)} of {scan.name}", rule="cannot be used", way_out=way_out)
                yield block
        if open_scan(of_recipe.frames, of_recipe).fingerprint != scan.fingerprint:
            raise ScanError(scan.name, rule="has changed while it was read again")


def frames_again(job: Job, measured: Mapping[str, Any]) -> FramesAgain:
    """The frames of a job whose scan was preprocessed; `measured` is what `run.json` keeps of that.

    Raises `ScanError` where the scan cannot be read, or is not found to be what it was then, `InputError` where the
    backgrounds cannot be read.
    """
    params, scan = job.recipe.preprocess, job.scan
    folder = OutputFolder(job.out)
    stored = folder.undamaged(folder.backgrounds, BACKGROUND)
    backgrounds = nothing_subtracted
    if params.background != "none":
        if stored is None or not folder.unchanged(BACKGROUND) or len(stored) != -(-scan.shape[0] // params.step):
            raise InputError(str(job.out / BACKGROUND), rule="is not as the run left it")
        backgrounds = lru_cache(_HELD)(stored.image)
    baseline = measure_baseline(scan, params, job.executor)
    for name, value in json.loads(json.dumps(baseline_facts(baseline))).items():
        if name in measured and measured[name] != value:
            rule = f"must have the {name} that was measured at first"
            raise ScanError(scan.name, rule=rule, got=value, way_out="look after the disk, and run again")
    hidden = job.segment_images.outside(job.recipe.segment, baseline.beam)
    if hidden is None:
        hidden = excluded_area(job.recipe.segment, *scan.shape[1:], baseline.beam)
    if baseline.dead is not None:
        hidden = hidden | baseline.dead
    noise = np.where(hidden | scan.mask, np.inf, baseline.sigma_image).astype(np.float32)
    corrupt = frozenset(map(int, measured.get("corrupt_frames", ())))
    return FramesAgain(job, FrameCleaner.of(scan, params, baseline, backgrounds), noise, corrupt)
