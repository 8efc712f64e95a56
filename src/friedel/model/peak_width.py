"""How wide a peak of true values is on the even background of chance."""

import numpy as np

from friedel.model.arrays import Floats

WIDTHS, ROUNDS = 40, 30


def peak_width(values: Floats, floor: float) -> float:
    """Standard deviation of a peak about 0 on an even background, by maximum likelihood; at least `floor`.

    False pairs are spread over the whole tolerance of matching: where they are many, a median of distances is
    theirs (a lattice with many unlisted families).
    """
    if not len(values):
        return floor
    reach = max(float(np.abs(values).max()), floor)
    best, width = -np.inf, floor
    for trial in np.geomspace(floor, reach, WIDTHS):
        peak = np.exp(-0.5 * (values / trial) ** 2) / (np.sqrt(2 * np.pi) * trial)
        share = 0.5
        for _ in range(ROUNDS):
            share = float(np.mean(share * peak / (share * peak + (1 - share) / (2 * reach))))
            share = min(max(share, 1e-6), 1 - 1e-6)
        likelihood = float(np.log(share * peak + (1 - share) / (2 * reach)).sum())
        if likelihood > best:
            best, width = likelihood, float(trial)
    return width
