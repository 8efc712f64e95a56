"""What the counts of a grain's spots say about how its crystal stands: a likelihood with heavy tails.

A spot has the counts of |F|^2 times Lorentz and polarisation times the grain's volume, within what the scan's own
spots scatter by (absorption, what thresholds cut off); or those of anything, where another spot lies over it. Where
few counts are expected it may be missing; how often, the scan says too. The model is ours.
"""

from dataclasses import dataclass, field

import numpy as np

from friedel.model.arrays import Floats, Indices, Mask

ODD = 0.05
"""The part of the blobs whose counts say nothing: spots over each other."""
LEAST_SPREAD = 0.1
"""Of the logarithm of the counts."""
MEDIAN_OF_T3 = 0.765
"""Median of |t| of Student's distribution with three degrees of freedom."""
T3_PEAK = 2.0 / (np.pi * np.sqrt(3.0))
BINS = 10
LEAST_CHANCE, MOST_CHANCE = 0.02, 0.98
"""That a spot is seen."""
LEAST_CLEAN = 4
"""A grain with fewer spots of its own says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Places (m) where a grain has spots if it stands in one way or another.

    `factor` (m) logarithm of Lorentz and polarisation; `counts` (m) logarithm of the blob's counts without these,
    0 where there is none; `found` (m) whether there is a blob, `clean` (m) whether it is whole and its own.
    """

    factor: Floats
    counts: Floats
    found: Mask
    clean: Mask

    def shuffled(self, rng: np.random.Generator, orbit: Indices) -> "Sightings":
        """With what was seen dealt out anew among the places of each `orbit` (m)."""
        order = np.lexsort((rng.random(len(orbit)), orbit))
        home = np.argsort(orbit, kind="stable")
        counts, found, clean = self.counts.copy(), self.found.copy(), self.clean.copy()
        for new, old in ((counts, self.counts), (found, self.found), (clean, self.clean)):
            new[home] = old[order]
        return Sightings(self.factor, counts, found, clean)


@dataclass(frozen=True, slots=True, eq=False)
class IntensityLaw:
    """How counts scatter: `spread` of their logarithm; a spot of logarithm `level` (b) is seen with a chance of
    `seen` (b), one without intensity with `dark_seen`."""

    spread: float = 0.5
    level: Floats = field(default_factory=lambda: np.zeros(1))
    seen: Floats = field(default_factory=lambda: np.full(1, 0.8))
    dark_seen: float = 0.05


def log_volumes(sightings: Sightings, log_f2: Floats, dark: Mask) -> Floats:
    """Logarithm of the grain's volume (a) for each way to stand: |F|^2 (a,m) and what of it is dark (a,m)."""
    use = sightings.clean & ~dark
    values = np.sort(np.where(use, sightings.counts - log_f2, np.inf), axis=-1)
    number = use.sum(axis=-1)
    middle = np.take_along_axis(values, np.maximum(number - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    usual = float(np.median(sightings.counts[sightings.clean])) if sightings.clean.any() else 0.0
    return np.where(number > 0, middle, usual)


def log_likelihoods(sightings: Sightings, log_f2: Floats, dark: Mask, law: IntensityLaw) -> Floats:
    """Logarithm of the likelihood (a) of each way to stand, whose reflections have |F|^2 (a,m)."""
    volume = log_volumes(sightings, log_f2, dark)[..., None]
    expected = log_f2 + volume
    chance = np.where(dark, law.dark_seen, np.interp(expected + sightings.factor, law.level, law.seen))
    clean = sightings.clean
    own = sightings.counts[clean] if clean.any() else np.zeros(1)
    middle, wide = float(own.mean()), max(float(own.std()), 1.0)
    anything = np.exp(-0.5 * ((sightings.counts - middle) / wide) ** 2) / (wide * np.sqrt(2 * np.pi))
    off = (sightings.counts - expected) / law.spread
    right = T3_PEAK / law.spread / (1.0 + off**2 / 3.0) ** 2
    density = np.where(dark, anything, (1.0 - ODD) * right + ODD * anything)
    parts = np.where(clean, np.log(chance * density), np.where(sightings.found, 0.0, np.log1p(-chance)))
    return np.asarray(parts.sum(axis=-1))


def learned_law(every: list[tuple[Sightings, Floats, Mask]]) -> IntensityLaw:
    """The law of some grains, each with |F|^2 (m) and the dark ones (m) of how it stands."""
    off, level, found, unseen = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, dtype=bool)], [np.zeros(0, dtype=bool)]
    for sightings, log_f2, dark in every:
        if sightings.clean.sum() < LEAST_CLEAN:
            continue
        expected = log_f2 + log_volumes(sightings, log_f2[None], dark[None])[0]
        use = sightings.clean & ~dark
        off.append((sightings.counts - expected)[use])
        level.append((expected + sightings.factor)[~dark])
        found.append(sightings.found[~dark])
        unseen.append(sightings.found[dark])
    all_off, all_level, all_found = np.concatenate(off), np.concatenate(level), np.concatenate(found)
    if not len(all_off):
        return IntensityLaw()
    spread = max(float(np.median(np.abs(all_off))) / MEDIAN_OF_T3, LEAST_SPREAD)
    parts = np.array_split(np.argsort(all_level, kind="stable"), min(BINS, len(all_level)))
    seen = np.array([(all_found[part].sum() + 0.5) / (len(part) + 1) for part in parts])
    seen = np.clip(np.maximum.accumulate(seen), LEAST_CHANCE, MOST_CHANCE)
    dark_found = np.concatenate(unseen)
    dark_seen = float(np.clip((dark_found.sum() + 0.5) / (len(dark_found) + 10), LEAST_CHANCE, 0.5))
    return IntensityLaw(spread, np.array([all_level[part].mean() for part in parts]), seen, dark_seen)
