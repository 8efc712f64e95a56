"""How much the sample absorbs: from the recipe or the direct beam, and whether the grains' spots agree."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from friedel.assemble import beam_attenuation
from friedel.errors import FriedelWarning, InputError
from friedel.kernels.absorption import Body, ways_ahead
from friedel.model.absorption import Absorption, body_of
from friedel.model.arrays import AnyArray, Floats
from friedel.model.leaning_axis import about_z
from friedel.model.scan import Box
from friedel.model.setup import Setup
from friedel.model.shapes import SampleMask
from friedel.runner.job import Job
from friedel.runner.progress import log

PER_MM = 1000.0
RECIPE = "recipe"
MOST_FRAMES = 36
"""Frames whose direct beam is looked at."""
LONG = 0.5
"""Of the longest way through the sample: shorter ones are at its edge, which may lie elsewhere."""
LEAST_PIXELS = 20
DEVIATIONS = 4.0
"""Spots that show less than half of what the direct beam does are believed with so many standard deviations."""


def sample_absorption(
    job: Job, setup: Setup, mask: SampleMask | None, beam: Sequence[int] | None, margins: Sequence[Sequence[int]]
) -> Absorption | None:
    """The sample's coefficient and what light passes through; None where the recipe says that nothing is to be
    corrected, or where one of the two is not known.

    `beam` is the direct beam's box (col0, row0, col1, row1), `margins` those beside the sample.
    """
    given = job.recipe.setup.absorption_per_mm if job.recipe.setup else None
    if given == 0:
        return None
    body = body_of(mask or setup.sample)
    if body is None:
        if given is not None:
            text = (
                f"setup.absorption_per_mm = {given:g} is not used: how far light passes through the sample takes "
                "its outline; give setup.sample as a shape or a mask"
            )
            warnings.warn(text, FriedelWarning, stacklevel=2)
        return None
    if given is not None:
        return Absorption(given / PER_MM, body, RECIPE)
    try:
        per_um = round(PER_MM * _of_the_beam(job, setup, body, beam, margins), 6) / PER_MM
    except InputError as error:
        log.info(f"absorption is not corrected: the direct beam does not show it ({error})")
        return None
    return Absorption(per_um, body, "direct beam") if per_um > 0 else None


def _of_the_beam(
    job: Job, setup: Setup, body: Body, beam: Sequence[int] | None, margins: Sequence[Sequence[int]]
) -> float:
    """Coefficient in 1/um: what the direct beam loses over its way through the sample, the median of all pixels and
    some frames. Raises `InputError` where it is not seen with and without the sample."""
    if beam is None or len(margins) < 2:
        raise InputError("direct beam", rule="must be seen with a margin on both sides of the sample")
    scan, box = job.scan, Box(*(int(edge) for edge in beam))
    present = np.asarray(scan.present)
    chosen = present[np.unique(np.linspace(0, len(present) - 1, MOST_FRAMES).round().astype(np.int64))].tolist()
    dark = scan.dark[box.slices]

    def light(frame: int) -> AnyArray:
        return np.asarray(scan.frames.read(frame, frame + 1)[0][box.slices] - dark, dtype=np.float32)

    frames = np.stack(list(job.executor.map(light, chosen)))
    edges = sorted(Box(*(int(edge) for edge in one)) for one in margins)
    left, right = (slice(edge.col0 - box.col0, edge.col1 - box.col0) for edge in (edges[0], edges[-1]))
    lost = beam_attenuation(frames, left, right)
    rows, cols = np.mgrid[box.row0 : box.row1, box.col0 : box.col1].astype(np.float64)
    place = setup.detector.position_um(rows, cols).reshape(-1, 3)
    angles = setup.lab_omega_rad(np.array([scan.omega_deg(frame) for frame in chosen]))
    ways = (through(body, place, float(angle)) for angle in angles)
    every = np.concatenate([ratio_of(image.ravel(), way) for image, way in zip(lost, ways, strict=True)])
    if len(every) < LEAST_PIXELS:
        raise InputError("direct beam", rule="must be seen through the sample")
    return float(np.median(every))


def through(body: Body, place_um: Floats, omega: float) -> Floats:
    """How far (n) um the direct beam to places (n,3) of the lab passes through a body at omega (rad)."""
    start = place_um - np.array([2.0, 0.0, 0.0]) * np.abs(place_um).max()
    turn = np.full(len(start), -omega)
    ahead = about_z(np.tile([1.0, 0.0, 0.0], (len(start), 1)), turn)
    way = np.zeros(len(start))
    ways_ahead(np.ascontiguousarray(about_z(start, turn)), np.ascontiguousarray(ahead), body, way)
    return way


def ratio_of(lost: AnyArray, way_um: Floats) -> Floats:
    """Lost light (n), as a logarithm, per um of long ways (n), where any is known."""
    use = (way_um > LONG * way_um.max(initial=0.0)) & (way_um > 0) & np.isfinite(lost) & (lost != 0)
    return np.asarray(lost[use] / way_um[use], dtype=np.float64)


def judged(
    absorption: Absorption | None, spots_of: Callable[[Absorption], tuple[float, float]]
) -> tuple[Absorption | None, Mapping[str, Any]]:
    """The absorption to correct, and what `run.json` keeps of it; what is odd is said.

    What grains' spots show (`spots_of`: 1/um and its error) judges what the direct beam does.
    """
    if absorption is None:
        return None, {}
    shown, error = (PER_MM * one for one in spots_of(absorption))
    if doubt := doubt_of(absorption, shown, error):
        warnings.warn(f"index: {doubt}", FriedelWarning, stacklevel=3)
        return None, {}
    per_mm = PER_MM * absorption.per_um
    known = bool(np.isfinite(shown))
    seen = f"; the grains' spots show {shown:.2f} ± {error:.2f}" if known else ""
    log.info(f"absorption of {per_mm:.3g} /mm, from the {absorption.source}{seen}")
    by_spots = {"spots_per_mm": round(shown, 4), "spots_error": round(error, 4)} if known else {}
    return absorption, {"absorption": {"per_mm": round(per_mm, 6), "source": absorption.source, **by_spots}}


def doubt_of(absorption: Absorption, shown: float, error: float) -> str:
    """What is odd where the grains' spots show (1/mm, with its error) much less than the direct beam.

    Empty where they do not, or where the recipe has it so.
    """
    per_mm = PER_MM * absorption.per_um
    if absorption.source == RECIPE or not shown + DEVIATIONS * error < 0.5 * per_mm:
        return ""
    return (
        f"the direct beam loses {per_mm:.2f} /mm in the sample, diffracted beams {shown:.2f} ± {error:.2f} /mm: "
        "absorption is not corrected (setup.absorption_per_mm would say otherwise)"
    )


def recorded(measured: Mapping[str, Any], body: Body | None) -> Absorption | None:
    """What indexing recorded, with what light passes through; None where it corrected nothing."""
    kept = measured.get("absorption")
    if kept is None or body is None:
        return None
    return Absorption(float(kept["per_mm"]) / PER_MM, body, str(kept["source"]))
