"""How each crystal stands in its lattice, where that has more symmetry: chosen by the counts of its spots.

Alternatives of a crystal have their spots in the same places. A plane's counts tell which of its equivalents in the
lattice it is: |F|^2 of hkl against that of khl, say. Where a lattice is only nearly symmetric, places tell too. The
null is the same choice with what was seen dealt out anew among the places that the lattice makes equivalent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from friedel.index.assignment import PER_SPOT, RefinedGrains, counts_of, fit_arrays, predict
from friedel.index.intensities import (
    LEAST_CLEAN,
    IntensityLaw,
    Sightings,
    learned_law,
    log_likelihoods,
    log_volumes,
)
from friedel.index.observations import Observations
from friedel.index.phase_reflections import PhaseReflections
from friedel.kernels.index.fit_grain import gauss_newton, spot_residual
from friedel.model.alternatives import EXACT, turn_text
from friedel.model.arrays import Floats, Indices, Mask
from friedel.model.blobs import Flag
from friedel.model.reflections import representatives

ROUNDS = 4
SHUFFLES = 16
SHUFFLE_SEED = 4127
LEAST_LOG_ODDS = np.log(100.0)
DEVIATIONS = 3.0
"""A choice counts if its odds are above this, and by so many standard deviations above those of shuffled spots."""
TWIN_STEPS = np.linspace(0.0, 0.5, 51)
TWIN_PART, TWIN_ERRORS = 0.1, 2.0
"""A twin is worth a word if it is a larger part of its grain, by so many standard errors."""
LEAST_TWIN_ERROR = 0.03
"""What absorption and thresholds make of the parts of simulated scans without twins."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Of each grain: `log_odds` (n) of how it stands against the likeliest alternative, NaN without one;
    `ambiguous` (n) whether the counts do not tell; `twin_fraction` (n) the part of its counts that is that
    alternative's, with its standard error `twin_error` (n); `second` (n) its number, 0 without one."""

    log_odds: Floats
    ambiguous: Mask
    twin_fraction: Floats
    twin_error: Floats
    second: Indices

    @classmethod
    def unknown(cls, n: int) -> "Standing":
        """Of grains that stand in one way only."""
        number, flags = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
        return cls(np.full(n, np.nan), flags, np.full(n, np.nan), np.full(n, np.nan), number)

    @property
    def twinned(self) -> Mask:
        """Grains (n) that hold their own twin for sure."""
        return np.asarray(self.twin_fraction - TWIN_ERRORS * self.twin_error > TWIN_PART)


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """Sightings of a grain and the rows (m) of their reflections; of each alternative logarithms of |F|^2 (k,m),
    what of it is dark (k,m), and what the places alone say (k)."""

    sightings: Sightings
    rows: Indices
    log_f2: Floats
    dark: Mask
    places: Floats

    def log_likelihoods(self, law: IntensityLaw) -> Floats:
        """Of each alternative (k)."""
        return self.places + log_likelihoods(self.sightings, self.log_f2, self.dark, law)

    def mixed(self, second: int, part: Floats) -> tuple[Floats, Mask]:
        """Logarithms of |F|^2 (p,m) and what is dark (p,m) if parts (p) of the grain stand otherwise."""
        part = part[:, None]
        f2 = (1 - part) * np.exp(self.log_f2[0]) + part * np.exp(self.log_f2[second])
        return np.log(f2), self.dark[0] & (self.dark[second] | (part == 0))


def with_best_alternatives(observations: Observations, grains: RefinedGrains) -> RefinedGrains:
    """The grains, each turned to the alternative that its counts say; sub-grains of one grain are turned alike."""
    for phase, reflections in enumerate(observations.reflections):
        if len(reflections.row_of) > 1 and reflections.phase.knows_atoms and (grains.phase == phase).any():
            grains = _chosen(observations, grains, phase)
    return grains


def _chosen(observations: Observations, grains: RefinedGrains, phase: int) -> RefinedGrains:
    reflections = observations.reflections[phase]
    mine = np.flatnonzero(grains.phase == phase)
    crystals = crystals_of(observations, grains, mine)
    group = np.unique(grains.parent[mine], return_inverse=True)[1]
    stands = np.zeros(len(mine), dtype=np.int64)
    for _ in range(ROUNDS):
        law = learned_law([(c.sightings, c.log_f2[k], c.dark[k]) for c, k in zip(crystals, stands, strict=True)])
        each = np.array([crystal.log_likelihoods(law) for crystal in crystals])
        together = np.zeros((group.max() + 1, each.shape[1]))
        np.add.at(together, group, each)
        before, stands = stands, together[group].argmax(axis=1)
        if (before == stands).all():
            break
    U, position, log_volume = grains.U.copy(), grains.position.copy(), grains.log_volume.copy()
    reflection = grains.reflection.copy()
    for i, number, crystal in zip(mine.tolist(), stands.tolist(), crystals, strict=True):
        if not number:
            continue
        U[i], position[i], _ = _standing_as(observations, grains, i, number)
        own = grains.grain == i
        reflection[own] = reflections.row_of[number][grains.reflection[own]]
        part = slice(number, number + 1)
        log_volume[i] = log_volumes(crystal.sightings, crystal.log_f2[part], crystal.dark[part])[0]
    return replace(grains, U=U, position=position, reflection=reflection, log_volume=log_volume)


def judge_alternatives(observations: Observations, grains: RefinedGrains) -> Standing:
    """How sure it is that each grain stands as it does, and how much of it may stand otherwise."""
    standing = Standing.unknown(len(grains))
    for phase, reflections in enumerate(observations.reflections):
        mine = np.flatnonzero(grains.phase == phase)
        if len(reflections.row_of) == 1 or not len(mine):
            continue
        if not reflections.phase.knows_atoms:
            standing.log_odds[mine], standing.ambiguous[mine] = 0.0, True
            continue
        crystals, orbit = crystals_of(observations, grains, mine), _orbits(reflections)
        standing.second[mine], standing.twin_fraction[mine] = 1, 0.0
        for _ in range(ROUNDS):  # what a twin adds is not scatter
            mixed = [
                crystal.mixed(int(standing.second[i]), standing.twin_fraction[i : i + 1])
                for i, crystal in zip(mine.tolist(), crystals, strict=True)
            ]
            law = learned_law(
                [(c.sightings, f2[0], dark[0]) for c, (f2, dark) in zip(crystals, mixed, strict=True)]
            )
            for i, crystal in zip(mine.tolist(), crystals, strict=True):
                _weigh(standing, i, crystal, law)
        for i, crystal in zip(mine.tolist(), crystals, strict=True):
            _doubt(standing, i, crystal, law, orbit[crystal.rows])
    return standing


def _weigh(standing: Standing, i: int, crystal: Crystal, law: IntensityLaw) -> None:
    """Fill in a grain's odds, and how much of it stands otherwise."""
    odds = crystal.log_likelihoods(law)
    second = 1 + int(np.argmax(odds[1:]))
    standing.second[i], standing.log_odds[i] = second, odds[0] - odds[second]
    likely = log_likelihoods(crystal.sightings, *crystal.mixed(second, TWIN_STEPS), law)
    best = int(np.argmax(likely))
    inside = TWIN_STEPS[likely > likely[best] - 0.5]
    standing.twin_fraction[i] = TWIN_STEPS[best]
    standing.twin_error[i] = max(float(np.ptp(inside)) / 2, LEAST_TWIN_ERROR)


def _doubt(standing: Standing, i: int, crystal: Crystal, law: IntensityLaw, orbit: Indices) -> None:
    """Fill in whether a grain is ambiguous: whether its odds are no more than those of shuffled spots."""
    rng = np.random.default_rng([SHUFFLE_SEED, i])
    by_chance = np.empty(SHUFFLES)
    for trial in range(SHUFFLES):
        dealt = np.sort(log_likelihoods(crystal.sightings.shuffled(rng, orbit), crystal.log_f2, crystal.dark, law))
        by_chance[trial] = dealt[-1] - dealt[-2]
    limit = max(LEAST_LOG_ODDS, float(by_chance.mean() + DEVIATIONS * by_chance.std()))
    places = float(crystal.places[0] - crystal.places[standing.second[i]])
    few = crystal.sightings.clean.sum() < LEAST_CLEAN
    standing.ambiguous[i] = (few or standing.log_odds[i] < limit) and places < limit


def crystals_of(observations: Observations, grains: RefinedGrains, rows: Indices) -> list[Crystal]:
    """What was seen of some grains (rows), and what it would be of each alternative."""
    spots = predict(observations, grains)
    first = np.searchsorted(spots.grain, np.arange(len(grains) + 1))
    blob_of_spot = np.full(len(spots), -1, dtype=np.int64)
    here = first[grains.grain] + 2 * grains.reflection + grains.solution
    blob_of_spot[here] = grains.blob
    clean = np.zeros(len(spots), dtype=bool)
    whole = observations.whole[grains.blob]
    saturated = (observations.blobs["flags"][grains.blob] & int(Flag.SATURATED)) != 0
    clean[here] = whole & ~saturated & ~grains.shared & ~grains.overlapped
    found = []
    for i in rows:
        reflections = observations.reflections[grains.phase[i]]
        part = first[i] + np.flatnonzero(spots.in_view[first[i] : first[i + 1]])
        own = spots.reflection[part]
        log_f2 = np.log(reflections.f_squared)
        factor = np.log(spots.strength[part]) - log_f2[own]
        has = blob_of_spot[part] >= 0
        counts = np.where(has, np.log(counts_of(observations, blob_of_spot[part])) - factor, 0.0)
        turned = reflections.row_of[:, own]
        sightings = Sightings(factor, counts, has, clean[part])
        places = _by_places(observations, grains, int(i))
        found.append(Crystal(sightings, own, log_f2[turned], reflections.dark[turned], places))
    return found


def _by_places(observations: Observations, grains: RefinedGrains, i: int) -> Floats:
    """What the places of a grain's spots say for each alternative (k): logarithms; 0 where they are the same."""
    alternatives = observations.reflections[grains.phase[i]].phase.alternatives
    if alternatives.exact:
        return np.zeros(len(alternatives))
    return np.array([_standing_as(observations, grains, i, number)[2] for number in range(len(alternatives))])


def _standing_as(
    observations: Observations, grains: RefinedGrains, i: int, number: int
) -> tuple[Floats, Floats, float]:
    """Orientation and position of a grain as one of its alternatives; logarithm of the likelihood of its places."""
    reflections = observations.reflections[grains.phase[i]]
    alternatives = reflections.phase.alternatives
    U, position = grains.U[i] @ alternatives.rotation[number], grains.position[i]
    if alternatives.misfit[number] < EXACT and alternatives.exact:
        return U, position, 0.0
    hkl, centroid, errors = fit_arrays(observations, grains, i)
    hkl = np.ascontiguousarray(np.rint(hkl @ alternatives.index[number].T))
    wavelength, plane = observations.wavelength, observations.plane
    if len(hkl) >= LEAST_CLEAN:
        U, position, _ = gauss_newton(U, reflections.B, position, hkl, centroid, errors, wavelength, plane, 4)
    out, hit, total = np.zeros(3), np.zeros(2), 0.0
    scatter = np.maximum(errors, observations.search_error)
    for one, seen, error in zip(hkl, centroid, scatter, strict=True):
        if spot_residual(U @ reflections.B, position, one, seen, wavelength, plane, hit, out):
            total -= 2.0 * float(np.log1p((out / error) ** 2 / 3.0).sum())
    return U, position, total


def _orbits(reflections: PhaseReflections) -> Indices:
    """A number for each reflection (n), the same for those that the lattice's rotations take into each other."""
    names = representatives(reflections.hkl.astype(np.int64), reflections.phase.space_group.rotations)
    family = np.unique(names, axis=0, return_inverse=True)[1].ravel()
    return np.asarray(family[reflections.row_of].min(axis=0))


def without_dark_spots(observations: Observations, grains: RefinedGrains) -> RefinedGrains:
    """The grains without blobs in places where, as each stands, it has no intensity: they are another's."""
    if not any(reflections.dark.any() for reflections in observations.reflections):
        return grains
    dark = np.zeros(len(grains.grain), dtype=bool)
    for phase, reflections in enumerate(observations.reflections):
        mine = grains.phase[grains.grain] == phase
        dark[mine] = reflections.dark[grains.reflection[mine]]
    return replace(grains, **{name: getattr(grains, name)[~dark] for name in PER_SPOT})


def notes_about_alternatives(
    observations: Observations, grains: RefinedGrains, standing: Standing
) -> Iterator[str]:
    """What is to be said about grains that may stand otherwise, or that hold their own twin."""
    for phase, reflections in enumerate(observations.reflections):
        mine, kind = grains.phase == phase, reflections.phase
        if len(reflections.row_of) == 1 or not mine.any():
            continue
        number = np.bincount(standing.second[mine], minlength=2)[1:].argmax() + 1
        turn = turn_text(kind.alternatives.rotation[number], kind.B)
        other = f"turned by {turn} a crystal has its spots in the same places"
        ambiguous, twinned = int((standing.ambiguous & mine).sum()), standing.twinned & mine
        if not kind.knows_atoms:
            yield (
                f"{kind.name}: {other}, and without its atoms nobody knows which intensities these have: "
                f"all {mine.sum()} grains are ambiguous; give atoms or a cif"
            )
        elif ambiguous:
            yield (
                f"{kind.name}: {other}; the intensities of {ambiguous} of {mine.sum()} grains do not tell which it "
                "is: these are ambiguous"
            )
        if twinned.any():
            part = 100 * standing.twin_fraction[twinned]
            yield (
                f"{kind.name}: {twinned.sum()} of {mine.sum()} grains hold their own twin, turned by {turn}: "
                f"{part.min():.0f} to {part.max():.0f} % of the grain (twin_fraction)"
            )
