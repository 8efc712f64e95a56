"""What one sweep is to do, and what tells it from another."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from friedel.io.fingerprint import HALF
from friedel.model.scan import Scan
from friedel.preprocess import PreprocessParams
from friedel.runner.areas import Areas, read_areas
from friedel.segment import SegmentParams
from friedel.viewer.project import Project


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """With which parameters, and on what; clean frames of tasks with the same `key` are the same."""

    scan: Scan
    preprocess: PreprocessParams
    segment: SegmentParams
    areas: Areas
    memory_gb: float
    key: tuple[Any, ...]


def task_of(subject: Project, wanted: SegmentParams | None) -> Task | None:
    """By the draft as it is now, with other parameters of [segment] if `wanted`; None where nothing can be done."""
    with subject.lock:
        recipe, scan = subject.recipe, subject.scan
    if recipe is None or scan is None:
        return None
    segment = wanted or recipe.segment
    clean = repr(recipe.preprocess.model_dump(exclude={"keep_clean"}))
    key = (*_marks(scan), clean)
    return Task(scan, recipe.preprocess, segment, read_areas(segment, scan), recipe.run.memory_gb, key)


def _marks(scan: Scan) -> tuple[Any, ...]:
    """What clean frames depend on besides parameters, by content: a mask that is saved is the same mask."""
    images = hashlib.blake2b(np.packbits(scan.mask).tobytes())
    images.update(np.ascontiguousarray(scan.dark).tobytes())
    return scan.fingerprint[:HALF], images.hexdigest(), scan.saturation, scan.tiles, scan.shape, scan.omega_step_deg
