"""Where the sample is: from the recipe's mask, else from absorption of the direct beam, else not known."""

import warnings
from collections.abc import Sequence

import numpy as np

from friedel.assemble import absorption_mask, beam_attenuation
from friedel.errors import FriedelWarning, InputError
from friedel.io.store import read_volume
from friedel.model.setup import SampleShape, Setup
from friedel.model.shapes import SampleMask
from friedel.preprocess import measure_baseline
from friedel.runner.job import Job

DARK_PX = 4.0
"""A sample's end in the dark by less than this is a matter of the beam's edge."""
UNSURE_PX = 5.0
"""How far the centre may be off before it is calibrated, besides the margin of the beam's box."""
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


def sample_in_beam(setup: Setup, beam: Sequence[int] | None) -> SampleShape:
    """The cylinder that fits the direct beam's box (col0, row0, col1, row1), which shows the sample with a margin.

    As the set-up has it where there is no box. A little is added for a centre that is not known well.
    """
    if beam is None or len(beam) != 4:
        return setup.sample
    col0, row0, col1, row1 = (float(edge) for edge in beam)
    corners = setup.detector.position_um(
        np.array([row0, row0, row1, row1]) - 0.5, np.array([col0, col1, col0, col1]) - 0.5
    )
    reach = np.abs(corners[:, 1:]).max(axis=0) + UNSURE_PX * float(np.linalg.norm(setup.detector.u_um))
    return SampleShape("cylinder", (2.0 * float(reach[0]), 2.0 * float(reach[0]), 2.0 * float(reach[1])))


def height_doubt(setup: Setup, beam: Sequence[int] | None) -> str:
    """What is odd about the height of the recipe's sample in the direct beam's box (col0, row0, col1, row1): empty
    where it fits, or where nobody can tell.

    A sample that ends inside the lit part at one side and outside of it at the other is not where the recipe says.
    """
    if setup.sample.kind not in ("cylinder", "box") or beam is None or len(beam) != 4:
        return ""
    edges = np.array([float(beam[1]), float(beam[3])]) - 0.5
    middle = np.full(2, 0.5 * (beam[0] + beam[2]) - 0.5)
    low, high = np.sort(setup.detector.position_um(edges, middle)[:, 2])
    half = 0.5 * setup.sample.size_um[2]
    pixel = float(np.linalg.norm(setup.detector.v_um))
    below, above = (low + half) / pixel, (half - high) / pixel  # dark parts of the sample, negative: lit and empty
    dark, empty = max(below, above), -min(below, above)
    if dark < DARK_PX or empty < DARK_PX:
        return ""
    rows = 0.5 * (below - above)
    return (
        f"the sample of the recipe reaches {dark:.0f} px out of the direct beam at its "
        f"{'lower' if below > above else 'upper'} end and leaves {empty:.0f} px of it empty at the other: "
        f"the middle of the beam is {abs(rows):.0f} px {'above' if rows > 0 else 'below'} the sample's. Nothing "
        "else tells the height: see to setup.detector.centre_px (row) or the sample's size, or the map is cut"
    )


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
