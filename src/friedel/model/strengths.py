"""How strongly each family of planes diffracts, where the atoms are not known: from the spots themselves."""

import numpy as np

from friedel.model.arrays import Floats, Indices

ROUNDS = 10
LEAST_SPOTS = 3
"""A family with fewer spots is taken to be as strong as the usual one."""


def family_log_strengths(counts: Floats, grain: Indices, family: Indices, families: int) -> Floats:
    """Natural logarithm of each family's strength (families), 0 for the median one.

    `counts` (n) are logarithms of the spots' counts without Lorentz and polarisation: that of the grain's volume
    plus that of the family's strength, told apart by medians in turn (Tukey, Exploratory Data Analysis, 1977).
    Families with hardly a spot get 0.
    """
    grains = int(grain.max(initial=-1)) + 1
    strength = np.zeros(families)
    seen = np.bincount(family, minlength=families) >= LEAST_SPOTS
    for _ in range(ROUNDS):
        volume = medians(counts - strength[family], grain, grains)
        strength = np.where(seen, medians(counts - volume[grain], family, families), 0.0)
        strength[seen] -= np.median(strength[seen]) if seen.any() else 0.0
    return strength


def medians(values: Floats, group: Indices, n: int) -> Floats:
    """Median of each group's values (n), NaN without any."""
    order = np.lexsort((values, group))
    pointer = np.searchsorted(group[order], np.arange(n + 1))
    out = np.full(n, np.nan)
    for i in range(n):
        if pointer[i + 1] > pointer[i]:
            out[i] = np.median(values[order[pointer[i] : pointer[i + 1]]])
    return out
