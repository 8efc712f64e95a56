"""What a pass over a scan works on, and what tells it from another."""

import hashlib
import threading
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from friedel.io.fingerprint import HALF
from friedel.model.scan import Scan
from friedel.output_folder.reader import OutputFolder
from friedel.preprocess import PreprocessParams
from friedel.recipe import Recipe
from friedel.runner.executors import Alone, Threads
from friedel.runner.segment_images import SegmentImages, read_segment_images
from friedel.segment import SegmentParams


class ScanAndRecipe(Protocol):
    """A scan and the recipe of the moment. Both may change at any time; whoever holds `lock` sees them fit."""

    executor: Threads | Alone
    lock: threading.RLock

    @property
    def recipe(self) -> Recipe | None:
        """The parameters, where they can be used."""

    @property
    def scan(self) -> Scan | None:
        """The scan, where it can be opened."""

    @property
    def results(self) -> OutputFolder:
        """What the output folder holds now: another object when a run has changed it."""

    def finished(self, stage: str) -> bool:
        """Whether the output folder holds the result of this stage, of these parameters and this scan."""


@dataclass(frozen=True, slots=True, eq=False)
class PassInputs:
    """With which parameters, and on what; with the same `frames_key` clean frames are the same."""

    scan: Scan
    preprocess: PreprocessParams
    segment: SegmentParams
    segment_images: SegmentImages
    memory_gb: float
    frames_key: tuple[Any, ...]


def inputs_of(source: ScanAndRecipe, wanted: SegmentParams | None) -> PassInputs | None:
    """As they are now, with other parameters of [segment] if `wanted`; None where nothing can be done."""
    with source.lock:
        recipe, scan = source.recipe, source.scan
    if recipe is None or scan is None:
        return None
    segment = wanted or recipe.segment
    clean = repr(recipe.preprocess.model_dump(exclude={"keep_clean"}))
    frames_key = (*_marks(scan), clean)
    return PassInputs(
        scan, recipe.preprocess, segment, read_segment_images(segment, scan), recipe.run.memory_gb, frames_key
    )


def _marks(scan: Scan) -> tuple[Any, ...]:
    """What clean frames depend on besides parameters, by content: a mask that is saved is the same mask."""
    images = hashlib.blake2b(np.packbits(scan.mask).tobytes())
    images.update(np.ascontiguousarray(scan.dark).tobytes())
    if scan.stored_frames is not None:
        images.update(scan.stored_frames.tobytes())
    return scan.fingerprint[:HALF], images.hexdigest(), scan.saturation, scan.tiles, scan.shape, scan.omega_step_deg
