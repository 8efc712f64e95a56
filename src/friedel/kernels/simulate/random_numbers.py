"""Random numbers by counter: what a pixel draws depends on seed, frame and pixel alone, never on the order.

The generator is splitmix64 (Steele, Lea, Flood 2014) read at position 64 * pixel + draw. Normals come from the
ziggurat in Doornik's form (2005). Poisson numbers are exact (inversion) below a mean of `EXACT`, and above it
normal with Fisher's correction of the skewness, which errs by less than a photon there.
"""

import math
from typing import Any

import numpy as np

from friedel.kernels.compiled import njit

EXACT = 16.0
"""Photons below which the Poisson numbers are exact."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53
_R = 3.442619855899
_V = 9.91256303526217e-3


def _ziggurat() -> tuple[Any, Any]:
    edges = np.zeros(129)
    density = math.exp(-0.5 * _R * _R)
    edges[0], edges[1] = _V / density, _R
    for i in range(2, 128):
        edges[i] = math.sqrt(-2.0 * math.log(_V / edges[i - 1] + density))
        density = math.exp(-0.5 * edges[i] ** 2)
    return edges, edges[1:] / edges[:-1]


_EDGES, _RATIOS = _ziggurat()


@njit(cache=True, nogil=True)
def bits(state: Any) -> Any:
    """64 random bits of a position."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * _M1
    z = (z ^ (z >> np.uint64(27))) * _M2
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def stream(seed: int, kind: int, frame: int) -> Any:
    """Where the numbers of one frame begin; `kind` keeps frames and darks apart."""
    start = bits(np.uint64(seed) + _GOLDEN)
    start = bits(start + np.uint64(kind) * _GOLDEN)
    return bits(start + np.uint64(frame) * _GOLDEN)


@njit(cache=True, nogil=True)
def at(start: Any, pixel: int) -> Any:
    """Where the numbers of one pixel begin."""
    return start + np.uint64(pixel) * (np.uint64(64) * _GOLDEN)


@njit(cache=True, nogil=True)
def uniform(state: Any) -> float:
    """In (0, 1)."""
    return float((np.float64(bits(state) >> np.uint64(11)) + 0.5) * _TO_UNIT)


@njit(cache=True, nogil=True)
def normal(state: Any) -> float:
    """Mean 0, variance 1; takes numbers from `state` on."""
    while True:
        random = bits(state)
        state += _GOLDEN
        layer = np.int64(random & np.uint64(127))
        u = 2.0 * ((np.float64(random >> np.uint64(11)) + 0.5) * _TO_UNIT) - 1.0
        if abs(u) < _RATIOS[layer]:
            return float(u * _EDGES[layer])
        if layer == 0:
            return float(_tail(state, u < 0.0))
        x = u * _EDGES[layer]
        upper = math.exp(-0.5 * (_EDGES[layer] ** 2 - x * x))
        lower = math.exp(-0.5 * (_EDGES[layer + 1] ** 2 - x * x))
        v = uniform(state)
        state += _GOLDEN
        if lower + v * (upper - lower) < 1.0:
            return float(x)


@njit(cache=True, nogil=True)
def _tail(state: Any, negative: bool) -> float:
    while True:
        x = math.log(uniform(state)) / _R
        y = math.log(uniform(state + _GOLDEN))
        state += np.uint64(2) * _GOLDEN
        if -2.0 * y >= x * x:
            return float(x - _R if negative else _R - x)


@njit(cache=True, nogil=True)
def poisson(state: Any, mean: float) -> float:
    """A number of photons."""
    if mean <= 0.0:
        return 0.0
    if mean < EXACT:
        left = uniform(state)
        count = 0
        term = math.exp(-mean)
        while left > term and count < 1000:
            left -= term
            count += 1
            term *= mean / count
        return float(count)
    z = normal(state)
    # 1/18 of the variance comes from the skewness term, 1/12 from the rounding
    photons = mean + math.sqrt(mean - 0.1389) * z + (z * z - 1.0) / 6.0
    return float(max(math.floor(photons + 0.5), 0.0))


@njit(cache=True, nogil=True)
def expose(
    expected: Any,
    photons_per_count: float,
    gain: Any,
    offset: Any,
    read_noise: float,
    saturation: float,
    seed: int,
    kind: int,
    frame: int,
    out: Any,
) -> None:
    """One raw frame, out uint16 [row, col], from expected counts [row, col] at the nominal gain.

    `photons_per_count` is the light of that frame over the nominal gain; `gain` [row, col] is counts per photon,
    `offset` [row, col] counts without light, `read_noise` in counts.
    """
    start = stream(seed, kind, frame)
    rows, cols = expected.shape
    for row in range(rows):
        for col in range(cols):
            state = at(start, row * cols + col)
            photons = poisson(state, expected[row, col] * photons_per_count)
            value = offset[row, col] + photons * gain[row, col]
            value += read_noise * normal(state + np.uint64(32) * _GOLDEN)
            out[row, col] = np.uint16(min(max(math.floor(value + 0.5), 0.0), saturation))
