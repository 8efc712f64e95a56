"""Are these thresholds good? Friedel pairs say so: blobs of noise and blobs run together have no partner.

Objective of a proposal: pairs found minus those found by chance (with scrambled omega). Settings within `PLATEAU`
of the most are equally good as far as this count can tell; of them the lowest seed threshold is taken, which finds
the weakest spots. Tolerance and grow_min are not raised at will: the cores of spots that overlap are apart, and
pair better the less they grow, but grains are made of whole spots. On a simulated scan of 80 grains (seeds of 50
and 111 sigma) tolerance 0.1 -> 0.5 raised the pairs by 8 and 26 %, and lowered F1 at IoU 0.75 from 0.65 to 0.42 and
from 0.60 to 0.20.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from friedel.calibrator import CalibrationRequest, choose_setup
from friedel.errors import FriedelError, NoiseError
from friedel.explorer.finished_run import calibrated_setup
from friedel.explorer.heard_warnings import warnings_heard
from friedel.explorer.resegmenter import Resegmenter
from friedel.io.distortion_file import read_distortion
from friedel.match import MatchParams, match
from friedel.model.blobs import BlobTable
from friedel.model.crystal import Phase
from friedel.model.distortion import undistorted
from friedel.model.leaning_axis import of_straight_axis
from friedel.model.setup import Setup
from friedel.model.still_sample import of_still_sample
from friedel.output_folder.reader import OutputFolder
from friedel.recipe import Recipe
from friedel.runner.executors import give_way
from friedel.segment import SegmentParams

PLATEAU = 0.02
SEEDS = 10
SPAN = 40.0
"""The highest seed threshold that is tried over the lowest."""
TOLERANCES = (0.03, 0.05, 0.1, 0.15, 0.2)
GROWTHS = (1.0, 1.25, 1.6, 2.0)
"""Values of grow_min that are tried, over the lowest that voxels were collected for."""
FINE = {"seed_threshold": 1.25, "tolerance": 1.3, "grow_min": 1.15}
"""Factors by which the best setting is varied at last."""
MOST_BLOBS = 200_000
"""With more, nearly all are noise, and matching them takes minutes."""
KEYS = ("seed_threshold", "tolerance", "grow_min")


@dataclass(frozen=True, slots=True)
class PairCount:
    """How many Friedel pairs there are, how many of them by chance (`null`), among how many blobs."""

    pairs: int
    null: float
    blobs: int

    @property
    def excess(self) -> float:
        """Pairs that chance does not explain."""
        return self.pairs - self.null

    @property
    def fraction(self) -> float:
        """The part of the blobs that has a partner, chance taken away."""
        return float(np.clip(2.0 * self.excess / self.blobs, 0.0, 1.0)) if self.blobs else 0.0

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"pairs": self.pairs, "null": self.null, "blobs": self.blobs, "fraction": self.fraction}


@dataclass(frozen=True, slots=True, eq=False)
class PairCounter:
    """Counts Friedel pairs as a run finds them. `calibrate` and the files of the `distortion` are the recipe's."""

    setup: Setup
    phases: tuple[Phase, ...]
    params: MatchParams
    seed: int
    calibrate: str
    distortion: tuple[str, ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, calibrated: Setup | None = None) -> "PairCounter":
        """By a recipe; `calibrated` is the geometry that a run of it has found. Raises `FriedelError`s."""
        if recipe.setup is None or not recipe.phase:
            raise FriedelError("Friedel pairs", rule="need [setup] and [[phase]] in the recipe")
        phases = tuple(one.phase() for one in recipe.phase)
        way = recipe.setup.calibrate if calibrated is None else "off"
        setup, distortion = calibrated or recipe.setup.setup(), recipe.setup.distortion
        return cls(setup, phases, recipe.match, recipe.run.seed, way, distortion)

    @classmethod
    def of_run(cls, recipe: Recipe, folder: OutputFolder) -> "PairCounter":
        """By a recipe, with the geometry of a run with the same [setup] where the folder holds one.

        Raises `FriedelError`s.
        """
        return cls.of(recipe, calibrated_setup(recipe, folder))

    def count(self, blobs: BlobTable) -> PairCount:
        """Pairs among the kept blobs, half a turn apart and across the beam."""
        blobs = of_straight_axis(of_still_sample(self._corrected(blobs), self.setup), self.setup)
        with warnings_heard():
            pairs = match(blobs, self.setup, self.phases, self.params, seed=self.seed)
        return PairCount(pairs.pairs_of_both_kinds, pairs.null_pairs + pairs.across.null_pairs, len(blobs))

    def calibrated_by(self, blobs: BlobTable) -> "PairCounter":
        """With the geometry that the blobs' pairs ask for, where a run would take it."""
        if self.calibrate == "off" or not len(blobs):
            return self
        request = CalibrationRequest(self.setup, self.phases, self.calibrate, self.params, self.seed)
        with warnings_heard():
            return replace(self, setup=choose_setup(self._corrected(blobs), request).setup, calibrate="off")

    def _corrected(self, blobs: BlobTable) -> BlobTable:
        """The blobs where an ideal detector has them."""
        if not self.distortion:
            return blobs
        return undistorted(blobs, read_distortion(self.distortion, (blobs.shape[1], blobs.shape[2])))


class CalibratedCounter:
    """Counts pairs with one geometry as long as recipe and output folder stay: that of the blobs counted first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[tuple[object, ...], PairCounter] | None = None

    def count(self, recipe: Recipe, folder: OutputFolder, solved: Callable[[], BlobTable]) -> PairCount:
        """Pairs among the blobs that `solved` gives. Raises `FriedelError`s, before solving where it can."""
        counter, blobs = PairCounter.of_run(recipe, folder), solved()
        key = pairing_key(recipe, folder)
        with self._lock:
            known = self._known
        if known is None or known[0] != key:
            known = key, counter.calibrated_by(blobs)
            with self._lock:
                self._known = known
        return known[1].count(blobs)


def pairing_key(recipe: Recipe, folder: OutputFolder) -> tuple[object, ...]:
    """With the same key, pairs are counted in the same way."""
    return recipe.setup, recipe.phase, recipe.match, recipe.run.seed, folder


@dataclass(frozen=True, slots=True)
class TriedThresholds:
    """Thresholds, and the pairs that they gave."""

    params: SegmentParams
    found: PairCount

    @property
    def changes(self) -> dict[str, float]:
        """The parameters that were varied, by name."""
        return {key: getattr(self.params, key) for key in KEYS}

    def plain(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {"segment": self.changes, **self.found.plain()}


def best_of(tried: list[TriedThresholds]) -> TriedThresholds | None:
    """Of the settings within `PLATEAU` of the most pairs beyond chance the one with the lowest seed threshold."""
    most = max((one.found.excess for one in tried), default=0.0)
    good = [one for one in tried if one.found.excess > 0 and one.found.excess >= (1 - PLATEAU) * most]
    return min(good, key=lambda one: (one.params.seed_threshold, -one.found.excess), default=None)


@dataclass
class ThresholdSearch:
    """Tries thresholds one after the other; the same voxels give the same proposal, whoever asks."""

    resegmenter: Resegmenter
    start: SegmentParams
    counter: PairCounter
    tried: list[TriedThresholds] = field(default_factory=list)
    done: int = 0

    total = SEEDS + len(TOLERANCES) + len(GROWTHS) + 4 * len(FINE)

    def steps(self) -> Iterator[TriedThresholds | None]:
        """The best thresholds so far, after each that were tried."""
        lowest = self.resegmenter.floor / self.resegmenter.unit(self.start)
        first = self._set(self.start, grow_min=max(self.start.grow_min, lowest))
        self.counter = self.counter.calibrated_by(self._solved(first) or self.resegmenter.table(self.start))
        for threshold in np.geomspace(max(lowest, 1e-9), SPAN * lowest, SEEDS):
            yield self._try(first, seed_threshold=float(threshold))
        for key, values in (("tolerance", TOLERANCES), ("grow_min", tuple(lowest * x for x in GROWTHS))):
            best = self._best(first)
            for value in values:
                yield self._try(best, **{key: value})
        for factor in (1.0, 0.5):
            for key, fine in FINE.items():
                best = self._best(first)
                for power in (-factor, factor):
                    yield self._try(best, **{key: getattr(best, key) * fine**power})

    def _best(self, otherwise: SegmentParams) -> SegmentParams:
        best = best_of(self.tried)
        return otherwise if best is None else best.params

    def _try(self, base: SegmentParams, **changes: float) -> TriedThresholds | None:
        self.done += 1
        params = self._set(base, **changes)
        if params not in [one.params for one in self.tried]:
            blobs = self._solved(params)
            if blobs is not None and len(blobs) <= MOST_BLOBS:
                self.tried.append(TriedThresholds(params, self.counter.count(blobs)))
        return best_of(self.tried)

    def _set(self, base: SegmentParams, **changes: float) -> SegmentParams:
        """Changed, with plain numbers, nothing below what was collected, growth never above the seeds."""
        lowest = self.resegmenter.floor / self.resegmenter.unit(base)
        values = {key: getattr(base, key) for key in KEYS} | changes
        seed = _plain_above(values["seed_threshold"], lowest)
        low = min(_plain_above(values["grow_min"], lowest), seed)
        grow_max = max(base.grow_max, low)
        tolerance = float(f"{min(values['tolerance'], max(TOLERANCES[-1], self.start.tolerance)):.2g}")
        return base.replaced(seed_threshold=seed, grow_min=low, grow_max=grow_max, tolerance=tolerance)

    def _solved(self, params: SegmentParams) -> BlobTable | None:
        """The blobs; None where a run would refuse."""
        try:
            return self.resegmenter.table(params)
        except NoiseError:
            return None


def _plain_above(value: float, lowest: float) -> float:
    """Three digits, not below `lowest`."""
    plain = float(f"{value:.3g}")
    return plain if plain >= lowest else float(f"{max(value, lowest) * 1.005:.3g}")


class Proposer:
    """One search at a time, in a thread; `state` is what the page's progress shows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.state: dict[str, Any] = {"state": "idle", "done": 0, "total": 0, "best": None, "text": ""}

    def start(self, search: Callable[[], ThresholdSearch]) -> None:
        """Begin; `search` is made in the thread. Raises `FriedelError` where one is under way."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise FriedelError("a proposal", rule="is being worked out already")
            self._stop = threading.Event()
            self.state = {"state": "running", "done": 0, "total": ThresholdSearch.total, "best": None, "text": ""}
            arguments = (search, self._stop)
            self._thread = threading.Thread(target=self._work, args=arguments, name="friedel-propose", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it after the setting at hand; the best so far stays."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> None:
        """Until it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self, make: Callable[[], ThresholdSearch], stop: threading.Event) -> None:
        give_way()
        try:
            search = make()
            for best in search.steps():
                plain = None if best is None else best.plain()
                self.state = {**self.state, "done": search.done, "best": plain}
                if stop.is_set():
                    self.state = {**self.state, "state": "stopped"}
                    return
            text = "" if self.state["best"] else "no setting gives more pairs than chance: check the geometry"
            self.state = {**self.state, "state": "done", "text": text}
        except (FriedelError, MemoryError) as error:
            self.state = {**self.state, "state": "failed", "text": str(error)}
