"""Networks of exchanges: which values of a square to compare, in which order, to find its median.

An exchange (low, high) leaves the lesser of two values at `low` and the greater at `high`. All values of a vector
go through the same exchanges, whatever they are, so that whole vectors are exchanged at once.

The columns of the square are sorted already (neighbouring squares share them). Sorting the rows keeps the columns
sorted; then the value in row r and column c is no less than (r + 1) · (c + 1) - 1 others, which settles that most
in the corners are not the median. What is left forgets extremes: of any half plus two neither the least nor the
greatest is the median. (A. W. Paeth, Graphics Gems, 171 (1990), for 3 × 3.)
"""

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

BOTH, LESSER, GREATER = 0, 1, 2
"""What is still needed of the two results of an exchange."""

Exchanges = list[tuple[int, int]]


def sorting(places: list[int]) -> Exchanges:
    """Sort the values at `places`: Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2 M)."""
    n = len(places)
    top = 1 << ((n - 1).bit_length() - 1)
    exchanges: Exchanges = []
    p = top
    while p:
        q, r, d = top, 0, p
        while d:
            exchanges += [(places[i], places[i + d]) for i in range(n - d) if i & p == r]
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return exchanges


def _extremes(places: list[int]) -> Exchanges:
    """The least value to the first of `places`, the greatest to the last: pairs first, then among the winners."""
    n = len(places)
    exchanges = [(places[i], places[n - 1 - i]) for i in range(n // 2)]
    exchanges += [(places[0], places[i]) for i in range(1, (n + 1) // 2)]
    exchanges += [(places[i], places[-1]) for i in range(n // 2, n - 1)]
    return exchanges


def _useful(exchanges: Exchanges, size: int) -> Exchanges:
    """Those of the exchanges that ever change something where rows and columns are sorted already.

    An exchange that leaves all such squares of zeros and ones as they are leaves all of any values.
    """
    ones_of_columns = np.array(list(combinations_with_replacement(range(size + 1), size))).T
    values = [ones_of_columns[c] >= size - r for r in range(size) for c in range(size)]
    kept = []
    for low, high in exchanges:
        a, b = values[low], values[high]
        if (a & ~b).any():
            kept.append((low, high))
            values[low], values[high] = a & b, a | b
    return kept


def _needed(exchanges: Exchanges, place: int) -> NDArray[np.int64]:
    """Those of the exchanges on which the value at `place` depends, as (low, high, what is needed)."""
    needed, kept = {place}, []
    for low, high in reversed(exchanges):
        if low in needed and high in needed:
            kept.append((low, high, BOTH))
        elif low in needed or high in needed:
            kept.append((low, high, LESSER if low in needed else GREATER))
            needed |= {low, high}
    return np.array(kept[::-1])


def column_plan(size: int) -> NDArray[np.int64]:
    """Exchanges (low, high, BOTH) that sort `size` values."""
    return np.array([(low, high, BOTH) for low, high in sorting(list(range(size)))])


def square_plan(size: int) -> tuple[NDArray[np.int64], int]:
    """Exchanges (n,3) among values at [row * size + column], columns sorted, and where they leave the median."""
    middle = size * size // 2 + 1
    rows: Exchanges = []
    places = []
    for r in range(size):
        row = list(range(r * size, (r + 1) * size))
        rows += sorting(row)
        places += [row[c] for c in range(size) if max((r + 1) * (c + 1), (size - r) * (size - c)) <= middle]
    first = len(places) // 2 + 2
    window, rest = places[:first], places[first:]
    forget: Exchanges = []
    while len(window) > 1:
        forget += _extremes(window)
        window = window[1:-1] + rest[:1]
        rest = rest[1:]
    return _needed(rows + _useful(forget, size), window[0]), window[0]
