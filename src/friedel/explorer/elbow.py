"""The elbow: what other seed thresholds would find, one by one, as long as somebody wants to see it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from friedel.errors import NoiseError
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.resegmenter import Resegmenter
from friedel.model.arrays import Floats
from friedel.segment import SegmentParams

THRESHOLDS = 24
HIGHEST = 100.0
"""The last threshold of an elbow over the first one."""
SLOPE = 0.5
"""Where the number of seeds falls less steeply than the threshold to this power, noise makes no more of them."""
_COARSE = 8
"""Every so many thresholds come first: the curve is there early, and becomes finer."""
_KEPT = 4


class Elbow(NamedTuple):
    """What is found with other seed thresholds (in the unit of the parameters), all else being equal.

    Numbers are NaN where a run would refuse because frames are too full, and where `done` of the thresholds do not
    reach yet. `suggested` is the lowest threshold from which on noise makes no more seeds: from there to the next
    one their number falls less than the threshold to the power `SLOPE` rises; never below what blobs grow down to.
    None where it always falls faster, and as long as not all are done.
    """

    thresholds: Floats
    bright_fraction: Floats
    seeds: Floats
    blobs: Floats
    suggested: float | None
    done: int

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        named = {
            "thresholds": self.thresholds, "bright_fraction": self.bright_fraction, "seeds": self.seeds,
            "blobs": self.blobs,
        }  # fmt: skip
        lists = {name: [x if np.isfinite(x) else None for x in values.tolist()] for name, values in named.items()}
        return {**lists, "suggested": self.suggested, "done": self.done}


def elbow(resegmenter: Resegmenter, params: SegmentParams) -> Iterator[Elbow]:
    """Solve with `THRESHOLDS` seed thresholds, from the floor of what was collected up.

    Growth never goes below that floor. First comes the curve without a number of blobs, then one with one more
    threshold each, high ones first since they have fewer blobs.
    """
    bright, unit = resegmenter.bright(), resegmenter.unit(params)
    lowest = bright.floor / unit * (1 + 1e-9)
    top = float(bright.level.max(initial=0.0)) / unit
    thresholds = np.geomspace(lowest, max(min(top, HIGHEST * lowest), 2 * lowest), THRESHOLDS)
    above = np.array([np.count_nonzero(bright.level >= threshold * unit) for threshold in thresholds])
    seeds, blobs = np.full((2, THRESHOLDS), np.nan)
    known = Elbow(thresholds, above / max(resegmenter.voxels, 1), seeds, blobs, None, 0)
    yield known._replace(seeds=seeds.copy(), blobs=blobs.copy())
    grow_min = max(params.grow_min, lowest)
    for done, k in enumerate(_coarse_first(THRESHOLDS), start=1):
        changed = {
            "seed_threshold": float(thresholds[k]), "grow_min": grow_min, "grow_max": max(params.grow_max, grow_min)
        }  # fmt: skip
        with warnings_heard(), suppress(NoiseError):
            table = resegmenter.solved(params.replaced(**changed))
            seeds[k], blobs[k] = len(table.reason), len(table)
        found = suggested(thresholds, seeds, params.grow_min) if done == THRESHOLDS else None
        yield known._replace(seeds=seeds.copy(), blobs=blobs.copy(), suggested=found, done=done)


def _coarse_first(count: int) -> list[int]:
    """All numbers below `count`: the last, every eighth, then those between, each time from above."""
    order, step = [count - 1], _COARSE
    while step:
        order += [k for k in reversed(range(0, count, step)) if k not in order]
        step //= 2
    return order


def suggested(thresholds: Floats, seeds: Floats, grow_min: float = 0.0) -> float | None:
    """The elbow (see `Elbow`), `grow_min` at least; None without seeds."""
    slope = -np.diff(np.log(np.maximum(seeds, 1))) / np.diff(np.log(thresholds))
    flat = np.flatnonzero((slope < SLOPE) & (seeds[:-1] > 0))
    return max(float(f"{thresholds[flat[0]]:.3g}"), grow_min) if len(flat) else None


class _GrowingElbow:
    """One curve on its way."""

    def __init__(self, curve: Iterator[Elbow]) -> None:
        self._curve, self._lock = curve, threading.Lock()
        self._newest = next(curve)

    def after(self, known: int, seconds: float) -> Elbow:
        """With more than `known` thresholds, and as many more as can be had in that time; all if so many are."""
        end = time.monotonic() + seconds
        with self._lock:
            while self._newest.done < THRESHOLDS and (self._newest.done <= known or time.monotonic() < end):
                self._newest = next(self._curve)
            return self._newest


class ElbowCache:
    """The last few curves. They grow only while somebody asks for them: who looks at another leaves this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, _GrowingElbow] = OrderedDict()

    def after(self, key: Hashable, begin: Callable[[], Iterator[Elbow]], known: int, seconds: float) -> Elbow:
        """The curve of a key with more than `known` thresholds (see `THRESHOLDS`), `begin` making what is new."""
        with self._lock:
            growing = self._kept.pop(key, None) or _GrowingElbow(begin())
            self._kept[key] = growing
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return growing.after(known, seconds)
