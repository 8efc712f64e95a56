"""One blob for each spot and one spot for each blob, where several grains claim it."""

from typing import Any

import numpy as np

from friedel.kernels.compiled import njit


@njit(cache=True, nogil=True)
def assign_one_to_one(order: Any, spot: Any, blob: Any, blob_of_spot: Any, spot_of_blob: Any) -> None:
    """One blob for a spot and one spot for a blob, the claims taken in `order`.

    Claim c is of spot[c] for blob[c]; `blob_of_spot` and `spot_of_blob` come as -1 and take the other's number.
    """
    for c in order:
        if blob_of_spot[spot[c]] < 0 and spot_of_blob[blob[c]] < 0:
            blob_of_spot[spot[c]] = blob[c]
            spot_of_blob[blob[c]] = spot[c]


@njit(cache=True, nogil=True)
def first_choices(order: Any, spot: Any, blob: Any, blob_of_spot: Any, first_choice: Any) -> None:
    """first_choice[s] = the blob that an unassigned spot claims first of all, -1 for the other spots."""
    first_choice[:] = -1
    for i in range(len(order) - 1, -1, -1):
        c = order[i]
        if blob_of_spot[spot[c]] < 0:
            first_choice[spot[c]] = blob[c]


def unassigned(count: int) -> Any:
    """An array of -1: nothing is assigned yet."""
    return np.full(count, -1, dtype=np.int64)
