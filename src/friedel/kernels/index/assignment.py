"""Who gets a blob that several grains want."""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def assign(order: Any, spot: Any, blob: Any, of_spot: Any, of_blob: Any) -> None:
    """One blob for a spot and one spot for a blob, the claims taken in `order`.

    Claim c is of spot[c] for blob[c]; `of_spot` and `of_blob` come as -1 and take the other's number.
    """
    for c in order:
        if of_spot[spot[c]] < 0 and of_blob[blob[c]] < 0:
            of_spot[spot[c]] = blob[c]
            of_blob[blob[c]] = spot[c]


@njit(cache=True, nogil=True)
def lost_claims(order: Any, spot: Any, blob: Any, of_spot: Any, first_choice: Any) -> None:
    """first_choice[s] = the blob that a spot left without one wants most, -1 for the others."""
    first_choice[:] = -1
    for i in range(len(order) - 1, -1, -1):
        c = order[i]
        if of_spot[spot[c]] < 0:
            first_choice[spot[c]] = blob[c]


def nobody(count: int) -> Any:
    """An array of -1."""
    return np.full(count, -1, dtype=np.int64)
