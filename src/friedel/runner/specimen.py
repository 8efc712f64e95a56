"""Where the sample is: from the recipe's mask, else from absorption of the direct beam, else not known."""

import warnings

import numpy as np

from friedel.assemble import absorption_mask, beam_attenuation
from friedel.errors import FriedelWarning, InputError
from friedel.io.store import read_volume
from friedel.model.setup import Setup
from friedel.model.shapes import SampleMask
from friedel.preprocess import measure_baseline
from friedel.runner.job import Job

MOST_ANGLES = 720
"""More projections than this sharpen the outline of a sample of a few hundred pixels no further."""


def sample_mask(job: Job, setup: Setup) -> SampleMask | None:
    """The mask, or None where the recipe gives a shape or nothing shows where the sample is."""
    if setup.sample.kind == "file":
        volume = read_volume(setup.sample.path)
        return SampleMask(volume.grain_id > 0, volume.origin_um, volume.voxel_um)
    if setup.sample.kind != "absorption":
        return None
    try:
        return _from_absorption(job, setup)
    except InputError as error:
        text = f"the sample's outline could not be seen in the direct beam ({error}): convex hull of the grains"
        warnings.warn(text, FriedelWarning, stacklevel=2)
        return None


def _from_absorption(job: Job, setup: Setup) -> SampleMask:
    scan, baseline = job.scan, measure_baseline(job.scan, job.recipe.preprocess, job.executor)
    box, margins = baseline.beam, sorted(baseline.margins)
    if box is None or len(margins) < 2:
        raise InputError("direct beam", rule="must be seen with a margin on both sides of the sample")
    present = scan.present
    count = min(len(present), MOST_ANGLES)
    chosen = present[np.unique(np.linspace(0, len(present) - 1, count).round().astype(np.int64))]
    dark = scan.dark[box.slices]

    def light(frame: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.asarray(scan.frames.read(frame, frame + 1)[0][box.slices] - dark, dtype=np.float32)

    frames = np.stack(list(job.executor.map(light, chosen.tolist())))
    left, right = (slice(edge.col0 - box.col0, edge.col1 - box.col0) for edge in (margins[0], margins[-1]))
    omega = np.array([scan.omega_deg(frame) for frame in chosen.tolist()])
    return absorption_mask(beam_attenuation(frames, left, right), omega, box, setup)
