"""Histograms of clean values, which come in steps: without a comb, and without a spike at 0.

Bins that are finer than the steps, or that hold now one and now two of them, show what is not in the data; so do
values in steps over a noise that is another one in each pixel: 0 stays 0, and the others lie closer or farther.
"""

import numpy as np

from friedel.model.arrays import AnyArray, Floats

_GOLDEN = 0.6180339887498949
"""Its multiples, modulo 1, fill any stretch evenly."""


def between_values(edges: Floats, step: float | None) -> Floats:
    """Ascending edges, each moved half way between two multiples of `step`; those that meet become one.

    None: values of all sizes occur, and the edges stay.
    """
    if step is None:
        return edges
    places = np.unique(np.rint(edges / step - 0.5))
    if len(places) == 1:
        places = np.array([places[0], places[0] + 1])
    return np.asarray((places + 0.5) * step, dtype=np.float64)


def spread_over_steps(values: AnyArray, step: float | None) -> AnyArray:
    """Values (n), each somewhere in the step that it stands for, all places alike; the same ones every time."""
    if step is None:
        return values
    places = np.mod(np.arange(1, len(values) + 1) * _GOLDEN, 1.0) - 0.5
    return np.asarray(values + step * places, dtype=np.float32)
