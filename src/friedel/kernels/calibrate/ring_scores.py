"""How well the angles of pairs sit on the rings of the lattice, for many detector positions at once."""

import math
from typing import Any

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def ring_scores(direction: Any, weight: Any, rings: Any, across: Any, along: Any, width: float, out: Any) -> None:
    """Fill out [i,j]: the weighted number of pairs on rings when the detector is moved.

    `direction` (n,3) = (xA + xB, yA + yB, zA - zB) in um; both spots move by across[i] along lab y and by along[j]
    along x. A pair counts exp(-d^2 / 2) with d its distance to the nearest ring over `width` (rad). `rings` ascend.
    """
    for i in range(len(across)):
        for j in range(len(along)):
            score = 0.0
            for k in range(len(direction)):
                x = direction[k, 0] + 2.0 * along[j]
                y = direction[k, 1] + 2.0 * across[i]
                z = direction[k, 2]
                two_theta = math.atan2(math.sqrt(y * y + z * z), x)
                off = 1e9
                for ring in rings:
                    off = min(off, abs(two_theta - ring))
                if off < 4.0 * width:
                    score += weight[k] * math.exp(-0.5 * (off / width) ** 2)
            out[i, j] = score
