"""Who gets which blob, of all grains together: predict spots, claim blobs, share them, measure what is off.

Blobs go to spots one to one, the least misfit in place and intensity first. Crystals that have lattice planes in
common, as twins have, share blobs on top of that: where a spot finds its blob assigned to one of parallel planes,
and where several spots of parallel planes overlap in a blob that is none of theirs alone. These rules are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from friedel.index.observations import Observations
from friedel.index.params import IndexParams
from friedel.index.tolerances import NORMAL, IndexTolerances
from friedel.index.transmission import diffracted, moments_of, moved_centres, to_pixels, widths_of
from friedel.kernels import bragg
from friedel.kernels.index.assignment import assign_one_to_one, first_choices, unassigned
from friedel.kernels.index.blob_lookup import ABSENT, EXPECTED, blob_choices, predict_spots
from friedel.model.absorption import Absorption
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.strengths import medians

CHOICES = 4
"""Blobs that a spot may claim."""
LEAST_SPOTS = 4
"""A grain with fewer is not fitted."""
LEAST_LOG_SPREAD = 0.05
WITHIN = 2.0
"""A spot is within a blob up to so many of its standard deviations from the centre."""


@dataclass(frozen=True, slots=True, eq=False)
class RefinedGrains:
    """Grains and the spots that have a blob.

    Per grain: `phase` (n), `search` (n) that found it, `parent` (n) the same number for sub-grains of one grain,
    `U` (n,3,3), `position` (n,3) um, `expected` (n) spots to be counted on, `log_volume` (n) relative, NaN where it
    is not known.

    Per spot that has a blob, grain by grain: `grain`, `reflection`, `blob` (m) rows, `solution` (m) 0 or 1 of the
    reflection's two spots; `shared` (m) its blob is another grain's too, `counted` (m) it counts for the
    completeness, `overlapped` (m) it is in the blob but off its centre, where several spots overlap (never
    fitted); `centroid` (m,3) where it was seen, but for what absorption does: omega rad, row px, col px; `residual`
    (m,3) predicted minus seen, omega times |sin eta|.
    """

    phase: Indices
    search: Indices
    parent: Indices
    U: Floats
    position: Floats
    expected: Indices
    log_volume: Floats
    grain: Indices
    reflection: Indices
    solution: Indices
    blob: Indices
    shared: Mask
    counted: Mask
    overlapped: Mask
    centroid: Floats
    residual: Floats

    @classmethod
    def without_blobs(
        cls, phase: Indices, parent: Indices, U: Floats, position: Floats, search: Indices | None = None
    ) -> "RefinedGrains":
        """Grains before any blob is assigned; of the first search where nothing else is said."""
        n, rows, flags = len(phase), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        nowhere = np.zeros((0, 3))
        return cls(
            phase, np.zeros(n, dtype=np.int64) if search is None else search, parent, U, position,
            np.zeros(n, dtype=np.int64), np.full(n, np.nan),
            rows, rows, rows, rows, flags, flags, flags, nowhere, nowhere,
        )  # fmt: skip

    @classmethod
    def together(cls, parts: Sequence["RefinedGrains"]) -> "RefinedGrains":
        """Tables of one grain each as one table."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_GRAIN + PER_SPOT}
        columns["grain"] = np.repeat(np.arange(len(parts)), [len(part.grain) for part in parts])
        return cls(**columns)

    def __len__(self) -> int:
        return len(self.phase)

    def only(self, row: int) -> "RefinedGrains":
        """A table of one grain; its number stays."""
        mine = self.grain == row
        columns = {name: getattr(self, name)[row : row + 1] for name in PER_GRAIN}
        return RefinedGrains(**columns, **{name: getattr(self, name)[mine] for name in PER_SPOT})

    def per_grain(self, mask: Mask) -> Indices:
        """Spots of each grain that `mask` (m) has."""
        return np.bincount(self.grain[mask], minlength=len(self)).astype(np.int64)

    @property
    def found(self) -> Indices:
        """Expected spots that have a blob, per grain."""
        return self.per_grain(self.counted)


PER_GRAIN = ("phase", "search", "parent", "U", "position", "expected", "log_volume")
PER_SPOT = (
    *("grain", "reflection", "solution", "blob"), *("shared", "counted", "overlapped"), *("centroid", "residual")
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PredictedSpots:
    """Both spots of every reflection of every grain, grain by grain (s).

    `place` (s,4) omega rad, row px, col px, |sin eta|; `state` (s) whether it is expected
    (`kernels.index.blob_lookup`), and `in_view` (s) whether it would be if its family were in use; `g` (s,3)
    1/Angstrom in the sample frame; `strength` (s) counts that a grain of volume 1 would have there, up to a factor.
    `moved` (s,2) px is what absorption does to row and col: part of `place`.
    """

    grain: Indices
    reflection: Indices
    solution: Indices
    place: Floats
    state: Indices
    in_view: Mask
    g: Floats
    strength: Floats
    moved: Floats

    def __len__(self) -> int:
        return len(self.grain)


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Which spot has which blob: -1 is none.

    `blob_of_spot` (s), `spot_of_blob` (b) the one that got it first; `first_choice` (s) the blob that an unassigned
    spot claimed first of all; `shared` and `overlapped` (s) as of `RefinedGrains`.
    """

    blob_of_spot: Indices
    spot_of_blob: Indices
    first_choice: Indices
    shared: Mask
    overlapped: Mask


def assign_blobs(
    observations: Observations, grains: RefinedGrains, tolerances: IndexTolerances, params: IndexParams
) -> RefinedGrains:
    """The same grains, with blobs assigned anew."""
    spots = predict(observations, grains)
    assignment = claim(observations, grains, spots, params)
    assignment = share_parallel(grains, spots, assignment, tolerances)
    assignment = share_overlapped(observations, grains, spots, assignment, tolerances)
    return measure(observations, grains, spots, assignment)


def predict(observations: Observations, grains: RefinedGrains) -> PredictedSpots:
    """Every spot of every grain."""
    n = len(grains)
    sizes = np.array([2 * len(observations.reflections[p].hkl) for p in grains.phase], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    total = int(first[-1])
    place, state, g = np.zeros((total, 4)), np.zeros(total, dtype=np.int64), np.zeros((total, 3))
    strength, in_view = np.full(total, np.nan), np.zeros(total, dtype=bool)
    for i in range(n):
        reflections, part = observations.reflections[grains.phase[i]], slice(first[i], first[i + 1])
        vectors = reflections.hkl @ (grains.U[i] @ reflections.B).T
        predict_spots(
            vectors,
            grains.position[i],
            observations.wavelength,
            observations.plane,
            tuple(observations.window),
            place[part],
            state[part],
        )
        in_view[part] = state[part] == EXPECTED
        reflections.count_on_used(state[part])
        g[part] = np.repeat(vectors, 2, axis=0)
        f2 = np.repeat(reflections.f_squared, 2) / reflections.phase.cell_volume**2
        two_theta = np.repeat(reflections.two_theta, 2)
        strength[part] = f2 * _lorentz_polarisation(two_theta, np.maximum(place[part][:, 3], 0.02))
    grain = np.repeat(np.arange(n), sizes)
    within = np.arange(total) - first[grain]
    unmoved = np.zeros((total, 2))
    spots = PredictedSpots(grain, within // 2, within % 2, place, state, in_view, g, strength, unmoved)
    return (
        spots
        if observations.absorption is None
        else _absorbed(observations, grains, spots, observations.absorption)
    )


def _absorbed(
    observations: Observations, grains: RefinedGrains, spots: PredictedSpots, absorption: Absorption
) -> PredictedSpots:
    """The spots as absorption leaves them; those of a grain without blobs, of unknown size, stay where they are."""
    place, strength, moved = spots.place.copy(), spots.strength.copy(), spots.moved.copy()
    first = np.searchsorted(spots.grain, np.arange(len(grains) + 1))
    alone = ~grains.shared & ~grains.overlapped & observations.whole[grains.blob]
    view = np.zeros((len(spots), 2, 3))
    for i in range(len(grains)):
        there = first[i] + np.flatnonzero(spots.state[first[i] : first[i + 1]] != ABSENT)
        omega = place[there, 0]
        k = diffracted(spots.g[there], omega, observations.wavelength)
        strength[there] *= np.exp(absorption.log_transmission(grains.position[i], omega, k))
        mine = np.flatnonzero((grains.grain == i) & alone)
        if len(mine):
            view[there] = to_pixels(omega, k, observations.plane)
            seen = view[first[i] + 2 * grains.reflection[mine] + grains.solution[mine]]
            moments = moments_of(seen, widths_of(observations, grains.blob[mine]))
            moved[there] = moved_centres(absorption, moments, grains.position[i], (omega, k), view[there])
    place[:, 1:3] += moved
    return replace(spots, place=place, strength=strength, moved=moved)


def _lorentz_polarisation(two_theta: Floats, sine: Floats) -> Floats:
    """Lorentz and polarisation factor, from |sin eta|."""
    eta = np.arcsin(np.minimum(sine, 1.0))
    return np.asarray(bragg.lorentz(two_theta, eta) * bragg.polarisation(two_theta, eta))


def claim(
    observations: Observations, grains: RefinedGrains, spots: PredictedSpots, params: IndexParams
) -> Assignment:
    """One blob for a spot and one spot for a blob: of all claims those with the least misfit first.

    The misfit is the squared distance over the errors, and that of the counts to the grain's volume.
    """
    blobs = np.full((len(spots), CHOICES), -1, dtype=np.int64)
    squares = np.zeros((len(spots), CHOICES))
    lookup, error = tuple(observations.lookup), observations.search_error
    blob_choices(spots.place, spots.state, lookup, error, params.tolerance, blobs, squares)
    spot, choice = np.nonzero(blobs >= 0)
    blob, square = blobs[spot, choice], squares[spot, choice]
    log_volume = np.log(counts_of(observations, blob) / spots.strength[spot])
    misfit = square + _intensity_misfit(log_volume, grains.log_volume[spots.grain[spot]])
    order = np.argsort(misfit, kind="stable")
    blob_of_spot, spot_of_blob = unassigned(len(spots)), unassigned(len(observations.blobs))
    first_choice = unassigned(len(spots))
    assign_one_to_one(order, spot, blob, blob_of_spot, spot_of_blob)
    first_choices(order, spot, blob, blob_of_spot, first_choice)
    none = np.zeros(len(spots), dtype=bool)
    return Assignment(blob_of_spot, spot_of_blob, first_choice, none, none)


def counts_of(observations: Observations, blob: Indices) -> Floats:
    """Counts of blobs (n), never 0."""
    return np.asarray(np.maximum(observations.blobs["sum_intensity"][blob], 1e-12))


def _intensity_misfit(log_volume: Floats, known: Floats) -> Floats:
    """Squared misfit of a blob's counts to its grain's volume (log), at most 9; 0 where the volume is not known."""
    off = log_volume - known
    use = np.isfinite(off)
    if use.sum() < 10:
        return np.zeros(len(off))
    spread = max(float(np.median(np.abs(off[use]))) * NORMAL, LEAST_LOG_SPREAD)
    return np.where(use, np.minimum((off / spread) ** 2, 9.0), 0.0)


def share_parallel(
    grains: RefinedGrains, spots: PredictedSpots, assignment: Assignment, tolerances: IndexTolerances
) -> Assignment:
    """Unassigned spots share their first choice with another grain's spot if both planes are parallel (twins)."""
    first_choice, g, parent = assignment.first_choice, spots.g, grains.parent[spots.grain]
    blob_of_spot, shared = assignment.blob_of_spot.copy(), assignment.shared.copy()
    losers = np.flatnonzero(first_choice >= 0)
    owners = assignment.spot_of_blob[first_choice[losers]]
    apart = np.linalg.norm(g[losers] - g[owners], axis=1)
    parallel = apart < tolerances.direction_rad * np.linalg.norm(g[losers], axis=1)
    parallel &= parent[losers] != parent[owners]
    blob_of_spot[losers[parallel]] = first_choice[losers[parallel]]
    shared[losers[parallel]] = shared[owners[parallel]] = True
    return replace(assignment, blob_of_spot=blob_of_spot, shared=shared)


def share_overlapped(
    observations: Observations,
    grains: RefinedGrains,
    spots: PredictedSpots,
    assignment: Assignment,
    tolerances: IndexTolerances,
) -> Assignment:
    """Unassigned spots of parallel planes of several grains that overlap in one blob share it.

    The blob's centre is none of theirs then: it is enough that a spot lies within the blob.
    """
    g, parent, spot_of_blob = spots.g, grains.parent[spots.grain], assignment.spot_of_blob
    blob_of_spot, shared = assignment.blob_of_spot.copy(), assignment.shared.copy()
    overlapped = np.zeros(len(spots), dtype=bool)
    for blob, claiming in _spots_within_blobs(observations, spots, blob_of_spot).items():
        all_spots = claiming + ([int(spot_of_blob[blob])] if spot_of_blob[blob] >= 0 else [])
        for spot in claiming:
            others = [other for other in all_spots if parent[other] != parent[spot]]
            apart = np.linalg.norm(g[others] - g[spot], axis=1)
            near = tolerances.direction_rad * np.linalg.norm(g[spot])
            if blob_of_spot[spot] < 0 and (apart < near).any():
                blob_of_spot[spot] = blob
                overlapped[spot] = shared[spot] = True
                if spot_of_blob[blob] >= 0:
                    shared[spot_of_blob[blob]] = True
    return replace(assignment, blob_of_spot=blob_of_spot, shared=shared, overlapped=overlapped)


def _spots_within_blobs(
    observations: Observations, spots: PredictedSpots, blob_of_spot: Indices
) -> dict[int, list[int]]:
    """For each blob the unassigned spots that lie within it, the blobs in the order of the spots."""
    lost = np.flatnonzero((blob_of_spot < 0) & (spots.state != ABSENT))
    blobs, squares = np.full((len(lost), CHOICES), -1, dtype=np.int64), np.zeros((len(lost), CHOICES))
    lookup, error = tuple(observations.overlap_lookup), observations.search_error
    blob_choices(spots.place[lost], spots.state[lost], lookup, error, WITHIN, blobs, squares)
    within: dict[int, list[int]] = {}
    row, choice = np.nonzero(blobs >= 0)
    for blob, spot in zip(blobs[row, choice].tolist(), lost[row].tolist(), strict=True):
        within.setdefault(blob, []).append(spot)
    return within


def measure(
    observations: Observations, grains: RefinedGrains, spots: PredictedSpots, assignment: Assignment
) -> RefinedGrains:
    """The grains with the blobs of an assignment: how far these are off, and the volumes that their counts say."""
    has, n = np.flatnonzero(assignment.blob_of_spot >= 0), len(grains)
    blob, grain, shared = assignment.blob_of_spot[has], spots.grain[has], assignment.shared[has]
    centroid = observations.lookup.centroid[blob]
    residual = predicted_minus_seen(spots.place[has], centroid)
    centroid[:, 1:] -= spots.moved[has]
    counted = spots.state == EXPECTED
    log_volume = np.log(counts_of(observations, blob) / spots.strength[has])
    whole = observations.whole[blob] & ~shared
    whole &= in_use(observations, grains.phase[grain], spots.reflection[has])
    return replace(
        grains,
        expected=np.bincount(spots.grain[counted], minlength=n).astype(np.int64),
        log_volume=medians(log_volume[whole], grain[whole], n),
        grain=grain,
        reflection=spots.reflection[has],
        solution=spots.solution[has],
        blob=blob,
        shared=shared,
        counted=counted[has],
        overlapped=assignment.overlapped[has],
        centroid=centroid,
        residual=residual,
    )


def fit_arrays(observations: Observations, grains: RefinedGrains, i: int) -> tuple[Floats, Floats, Floats]:
    """What grain i is fitted to: hkl (m,3), centroids (m,3) rad, px, px, and their errors (m,3) of its spots."""
    mine = (grains.grain == i) & ~grains.overlapped
    hkl = observations.reflections[grains.phase[i]].hkl[grains.reflection[mine]]
    extra = observations.lookup.extra_error[grains.blob[mine]]
    return hkl, grains.centroid[mine], np.sqrt(observations.fit_error**2 + extra**2)


def in_use(observations: Observations, phase: Indices, reflection: Indices) -> Mask:
    """Whether reflections (m), of phases (m), are of the families in use."""
    out = np.ones(len(phase), dtype=bool)
    for number, one in enumerate(observations.reflections):
        out[phase == number] = one.in_use[reflection[phase == number]]
    return out


def predicted_minus_seen(place: Floats, centroid: Floats) -> Floats:
    """Residuals (m,3) in omega |sin eta| (rad), row and col (px) of predicted places (m,4), as `predict_spots`
    gives them, and centroids (m,3) of the blobs."""
    off = place[:, :3] - centroid
    off[:, 0] = (np.mod(off[:, 0] + np.pi, 2 * np.pi) - np.pi) * place[:, 3]
    return off
