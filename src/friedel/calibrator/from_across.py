"""Centre and distance from pairs across the beam, for scans that hold hardly any pairs half a turn apart.

Where the distance is wrong their rays miss each other, wherever the rotation axis is. Where the centre is wrong
they meet beside their grain, the more so the more the sample was turned in between: points of one grain scatter on
a circle. So the distance is the one with most pairs, and the centre the one with which most points meet others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from friedel.calibrator.evidence import Change, Evidence
from friedel.calibrator.geometry import STEPS, detector_parameters, moved
from friedel.calibrator.params import CalibrateParams
from friedel.match import (
    UNTUNED,
    AcrossPairs,
    MatchParams,
    MeasuredSpots,
    alike_clusters,
    best_across,
    brightest,
    measured_spots,
    meeting_depths,
    meeting_points,
    near_misses,
    pairs_across,
    ray_misses,
    scrambled,
)
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.blobs import BlobTable
from friedel.model.clusters import COMMON_PX
from friedel.model.crystal import Phase
from friedel.model.families import phase_rings
from friedel.model.setup import Setup
from friedel.model.stream import Watcher, watched

BRIGHTEST, ASKED = 6_000, 600
"""So many blobs take part in the search for the distance; so many of them look for partners."""
DISTANCE_STEP = 0.0025
"""Of the distance, as a part of it: as wide as untuned blobs make the peak."""
FINER = (0.5, 0.25, 0.125)
CENTRE_STEP_PX, CENTRE_FINE_PX = 0.5, 0.1
NEAR_PX = 2.0
"""Points of one grain are so near to each other."""
LEAST_PAIRS = 20
SETTLED, CENTRE_ROUNDS = 4, 40
"""Rounds of the last fits; that of the centre goes on slowly, since it chooses anew which points belong
together."""
NUDGE = 1e-4
"""Of the distance, for a derivative."""
DEPTH_STEP = 5e-4
"""The same, for how rays that meet move along the beam."""
PAIRS_A_GRAIN = 10.0
"""So many meet in one grain, and stand for one depth."""
FAR = 3.0
"""Where points are known along the beam so many times worse than points of one grain are near, they do not tell
which belong together: then every pair counts, and the centre is left to grains."""
BESIDE_AXIS = 0.2
"""How far the sample's middle may lie beside the axis, as a part of the reach of its grains."""
LEFT_ALONE = (
    "left alone, since pairs across the beam do not tell: tilts (grains do), the height of the centre along the "
    "axis, the sense of the rotation, and flips; the scale is the lattice's"
)


CENTRE_LEFT = "the centre is left to grains: places of pairs are known too badly to tell which are of one grain"


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Pairs with one geometry: their `points` (n,3) um, how these move (n,3) with the centre, and how many of them
    meet others; `across` the pairs themselves, `far` whether points are known too badly to tell."""

    across: AcrossPairs
    points: Floats
    along: Floats
    meeting: int
    far: bool


def fit_to_pairs_across(
    blobs: BlobTable,
    setup: Setup,
    phases: Sequence[Phase],
    params: CalibrateParams,
    match_params: MatchParams,
    *,
    seed: int = 0,
    watcher: Watcher | None = None,
) -> Evidence:
    """The set-up with which most pairs across the beam meet others of their grain, within the ranges."""
    rings = phase_rings(phases, setup, blobs.shape[1:])[0]
    rng = np.random.default_rng([seed, 304])
    search = _Search(blobs, setup, rings, params, match_params, rng)
    distance = search.distance(watcher)
    if distance is None:
        return Evidence(setup, "too few pairs across the beam to calibrate with", (LEFT_ALONE,))
    step = np.zeros(len(STEPS))
    step[1] = distance
    found = search.pairs(step)
    if len(found.points) < LEAST_PAIRS:
        return Evidence(setup, "too few pairs across the beam to calibrate with", (LEFT_ALONE,))
    step[1], distance_error = min(
        search.settled_distance(found, step), search.centred_distance(found, step), key=lambda one: one[1]
    )
    found = search.pairs(step)
    step[0], centre_error = (0.0, np.inf) if found.far else search.centre(found)
    return search.evidence(step, np.array([centre_error, distance_error]), watcher)


class _Search:
    """What the steps of the fit share."""

    def __init__(
        self,
        blobs: BlobTable,
        setup: Setup,
        rings: Floats,
        params: CalibrateParams,
        match_params: MatchParams,
        rng: np.random.Generator,
    ) -> None:
        self.blobs, self.setup, self.rings = blobs, setup, rings
        self.params, self.match_params, self.rng = params, match_params, rng
        self.reference = detector_parameters(setup.detector)
        self.bright = brightest(blobs["sum_intensity"], BRIGHTEST)

    def measured(self, step: Floats) -> MeasuredSpots:
        """Blobs with a moved detector; grains may lie beside the sample as far as the centre may be off."""
        moved_setup = replace(self.setup, detector=moved(self.setup.detector, step))
        measured = measured_spots(self.blobs, moved_setup, self.rings, self.match_params)
        wide = measured.limits.margin + self.params.centre_range_px * self.reference.pixel_um
        return replace(measured, limits=measured.limits._replace(margin=wide))

    def distance(self, watcher: Watcher | None) -> float | None:
        """The change of distance (um) with most pairs, on ever finer grids; None where there is no peak."""
        reach = int(np.ceil(self.params.distance_range / DISTANCE_STEP))
        asked = np.sort(self.rng.permutation(np.flatnonzero(self.bright))[:ASKED])
        grid = DISTANCE_STEP * np.arange(-reach, reach + 1)
        scores = [self._score(part, asked) for part in watched(watcher, "distance", grid, len(grid), "distances")]
        best = int(np.argmax(scores))
        usual = float(np.median(scores))
        if scores[best] < LEAST_PAIRS / 2 or scores[best] < usual + 4.0 * np.sqrt(usual + 1.0):
            return None
        centre = float(grid[best])
        for fine in FINER:
            trial = centre + fine * DISTANCE_STEP * np.array([-1.0, 0.0, 1.0])
            centre = float(trial[int(np.argmax([self._score(part, asked) for part in trial]))])
        return centre * self.reference.distance_um

    def _score(self, part: float, asked: Indices) -> float:
        """Pairs of some blobs, the nearer their rays pass each other the more they count."""
        step = np.zeros(len(STEPS))
        step[1] = part * self.reference.distance_um
        measured = self.measured(step)
        limits = measured.limits._replace(factor=self.match_params.factor)
        bright = np.flatnonzero(self.bright)
        spots = measured.scaled(UNTUNED).only(bright)
        return float(near_misses(spots, self.rings, limits, np.searchsorted(bright, asked)).sum())

    def pairs(self, step: Floats) -> _Found:
        """One-to-one pairs with tolerances of their own, and where their rays meet."""
        measured = self.measured(step)
        across = pairs_across(measured, UNTUNED, self.match_params.replaced(null_repeats=1), self.rng, self.bright)
        return self._meeting(across)

    def _meeting(self, across: AcrossPairs) -> _Found:
        points, error, along = meeting_points(across, self.rings)
        far = bool(len(error)) and float(np.median(error)) > FAR * NEAR_PX * self.reference.pixel_um
        return _Found(across, points, along, len(points) if far else self._count(points), far)

    def _count(self, points: Floats) -> int:
        return int(np.count_nonzero(self._others(points)))

    def _others(self, points: Floats) -> Mask:
        """Which points (n,3) have at least two others near."""
        if len(points) < 3:
            return np.zeros(len(points), dtype=bool)
        reach = NEAR_PX * self.reference.pixel_um
        near = cKDTree(points).query_ball_point(points, reach, return_length=True)
        return np.asarray(near >= 3)

    def settled_distance(self, found: _Found, start: Floats) -> tuple[float, float]:
        """The change of distance (um) with which the rays of these pairs miss each other least, and its error."""
        step, error = start.copy(), np.inf
        scale = NUDGE * self.reference.distance_um
        for _ in range(SETTLED):
            off, more = (self._misses(found, step, extra) for extra in (0.0, scale))
            slope = (more - off) / scale
            weight = 1.0 / (1.0 + (off / 2.5) ** 2)
            curvature = float((weight * slope**2).sum())
            if curvature <= 0 or not np.isfinite(curvature):
                return float(start[1]), np.inf
            step[1] -= float((weight * slope * off).sum()) / curvature
            error = float(np.sqrt(self._clustered(found, weight * slope * off))) / curvature
        return float(step[1]), float(np.hypot(error, self._common_um(found)))

    def centred_distance(self, found: _Found, start: Floats) -> tuple[float, float]:
        """The change of distance (um) with which rays meet as often before the axis as behind it, and its error.

        From far away this says more: where rays nearly run side by side a wrong distance makes them meet elsewhere,
        and miss each other hardly.
        """
        step, scale = start.copy(), DEPTH_STEP * self.reference.distance_um
        error = np.inf
        for _ in range(SETTLED):
            here, beside = (self._depths(found, step, extra) for extra in (0.0, scale))
            slope = float(np.median(beside - here)) / scale
            middle = float(np.median(here))
            if abs(slope) < 1.0 or not np.isfinite(middle):
                return float(start[1]), np.inf
            step[1] -= middle / slope
            spread = 1.4826 * float(np.median(np.abs(here - middle)))
            reach = float(np.median(np.linalg.norm(found.points - np.median(found.points, axis=0), axis=1)))
            error = float(np.hypot(1.2533 * spread * np.sqrt(PAIRS_A_GRAIN / len(here)), BESIDE_AXIS * reach))
            error /= abs(slope)
        return float(step[1]), float(np.hypot(error, self._common_um(found)))

    def _depths(self, found: _Found, step: Floats, extra: float) -> Floats:
        """Where along the beam (um) the rays of these pairs meet, with a distance larger by `extra` (um)."""
        at = step.copy()
        at[1] += extra
        position = moved(self.setup.detector, at).position_um(self.blobs["sc"], self.blobs["fc"])
        return meeting_depths(found.across, self.rings, position)

    def _common_um(self, found: _Found) -> float:
        """By how much (um) the distance errs when all spots lie a little farther from the beam."""
        radius = np.tan(np.median(self.rings[found.across.rows[:, 2]])) * self.reference.distance_um
        return float(COMMON_PX * self.reference.pixel_um * self.reference.distance_um / radius)

    def _misses(self, found: _Found, step: Floats, extra: float) -> Floats:
        """By how much rays miss each other (standard deviations) with a distance larger by `extra` (um)."""
        at = step.copy()
        at[1] += extra
        position = moved(self.setup.detector, at).position_um(self.blobs["sc"], self.blobs["fc"])
        return ray_misses(found.across, self.rings, position)

    def _clustered(self, found: _Found, score: Floats) -> float:
        """Variance of a sum of scores, those of one ring and side erring together."""
        sums = np.bincount(alike_clusters(found.across), score)
        return float(max((sums**2).sum(), (score**2).sum()))

    def centre(self, found: _Found) -> tuple[float, float]:
        """How far the centre is off (um, lab y), and the error of that: with it most points meet others."""
        pixel = self.reference.pixel_um

        def best(centre: float, reach: float, step: float) -> float:
            count = round(reach / step)
            trial = centre + step * np.arange(-count, count + 1)
            scores = np.array([self._count(found.points + shift * found.along) for shift in trial])
            return float(np.median(trial[scores >= 0.98 * scores.max()]))

        shift = best(0.0, self.params.centre_range_px * pixel, CENTRE_STEP_PX * pixel)
        shift = best(shift, 2.0 * CENTRE_STEP_PX * pixel, CENTRE_FINE_PX * pixel)
        error = np.inf
        for _ in range(CENTRE_ROUNDS):
            points = found.points + shift * found.along
            near = cKDTree(points).query_pairs(NEAR_PX * pixel, output_type="ndarray")
            if len(near) < LEAST_PAIRS:
                return 0.0, np.inf
            apart = points[near[:, 0]] - points[near[:, 1]]
            by = found.along[near[:, 0]] - found.along[near[:, 1]]
            square = float((by**2).sum())
            if square <= 0:
                return 0.0, np.inf
            change = float((apart * by).sum()) / square
            shift -= change
            # each point takes part in several differences: they are fewer than they look
            often = 2.0 * len(near) / len(np.unique(near))
            error = float(np.sqrt((apart**2).mean() / square * often))
            if abs(change) < 0.02 * error:
                break
        return shift, error

    def evidence(self, step: Floats, error: Floats, watcher: Watcher | None) -> Evidence:
        """Pairs that meet others, before and after, both with the tolerances that fit afterwards."""
        after = replace(self.setup, detector=moved(self.setup.detector, step))
        tuned = self.pairs(step).across
        counts = []
        both = (np.zeros(len(STEPS)), step)
        for one in watched(watcher, "pairs of either geometry", both, 2, "geometries"):
            measured = self.measured(one)
            limits = measured.limits._replace(factor=self.match_params.factor)
            spots = measured.spots._replace(spread=tuned.spots.spread)
            meeting = []
            for these in (spots, scrambled(spots, self.rng)):
                rows, residuals, _ = best_across(these, self.rings, limits, self.bright)
                meeting.append(self._meeting(replace(tuned, rows=rows, residuals=residuals, spots=these)).meeting)
            counts.append(meeting)
        (before, null_before), (now, null_now) = counts
        old, new = self.reference, detector_parameters(after.detector)
        centre = Change(old.centre_name, old.centre_px, new.centre_px, float(error[0]) / old.pixel_um, "px")
        distance = Change("distance", old.distance_um, new.distance_um, float(error[1]), "um")
        far = not np.isfinite(error[0])
        changes = (distance,) if far else (centre, distance)
        which = "" if far else " that meet others"
        summary = (
            f"{before} pairs across the beam{which} before ({null_before} by chance), {now} after "
            f"({null_now} by chance)"
        )
        remarks = (*(change.line for change in changes), *((CENTRE_LEFT,) if far else ()), LEFT_ALONE)
        free = slice(1, 2) if far else slice(0, 2)
        return Evidence(
            after, summary, remarks, changes, step[free], error[free], before, now, null_before, null_now
        )
