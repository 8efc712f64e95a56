"""A scan explored in a notebook: parameters of [segment] set, blobs found again, and what tells which are good."""

import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from friedel.errors import FriedelWarning, InputError
from friedel.explorer.collected import NotCollected
from friedel.explorer.elbow import Elbow, elbow
from friedel.explorer.finished_run import is_finished
from friedel.explorer.histograms import Histogram, histogram
from friedel.explorer.pairable import CalibratedCounter, PairCount, PairCounter, ThresholdSearch, TriedThresholds
from friedel.explorer.resegmenter import Resegmenter
from friedel.explorer.scan_pass import ScanPass
from friedel.explorer.solution import Solution
from friedel.explorer.solving import Solver
from friedel.io import open_scan
from friedel.model.arrays import Frames
from friedel.model.blobs import BlobTable
from friedel.model.scan import Scan
from friedel.output_folder.files import RECIPE
from friedel.output_folder.reader import OutputFolder
from friedel.recipe import Recipe, Settings, build_recipe, load_recipe
from friedel.runner.executors import Alone, Threads, local_executor
from friedel.segment import SegmentParams

Result = TypeVar("Result")
Range = tuple[int, int]


@dataclass(eq=False)
class _ScanOfRecipe:
    """A scan with its recipe, and the folder where a run of it may have left its results."""

    recipe: Recipe
    scan: Scan
    out: Path
    executor: Threads | Alone
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._results = OutputFolder(self.out)

    @property
    def results(self) -> OutputFolder:
        """What the output folder holds now: another object when a run has changed it."""
        self._results = self._results.renewed()
        return self._results

    def finished(self, stage: str) -> bool:
        """Whether the output folder holds the result of this stage, of these parameters and this scan."""
        return is_finished(stage, self.recipe, self.scan, self.results)


class Exploration:
    """The blobs of a scan for one set of parameters after the other, exactly as `friedel run` finds them.

    The first question takes about as long as the first two stages of a run: it goes over the scan once, and keeps
    all voxels that any blob may hold (after a run with the same parameters its backgrounds are used, which takes
    half of that). Every other question is answered from these voxels, in milliseconds to seconds; where parameters
    need lower ones, the scan is gone over again.

        with friedel.explore("recipe.toml") as scan:
            scan.set(seed_threshold=60.0, grow_min=30.0)
            print(scan.counts())
            strong = scan.blobs()["sum_intensity"] > 1e4

    Where `frames` are [start, stop), only these frames are looked at; blobs that may go on beyond them say
    `SCAN_END` in their flags, all others are those of the whole scan. What a run would warn of is warned of once.
    Not for several threads.
    """

    def __init__(self, recipe: Recipe, scan: Scan, out: Path, executor: Threads | Alone) -> None:
        self._source = _ScanOfRecipe(recipe, scan, out, executor)
        self._pass = ScanPass(self._source, executor=executor)
        self._solver = Solver(self._pass, executor, executor)
        self._counter = CalibratedCounter()
        self._told: set[str] = set()

    @classmethod
    def open(cls, path: Path | str, settings: Settings = ()) -> Self:
        """Of RECIPE.toml or an output folder, with KEY=VALUE `settings` in place. Raises `FriedelError`s."""
        path = Path(path).absolute()
        of_recipe = path.suffix == ".toml" and not path.is_dir()
        recipe = load_recipe(path if of_recipe else path / RECIPE, settings)
        scan = open_scan(recipe.scan.frames, recipe.scan)
        return cls(recipe, scan, path.with_suffix("") if of_recipe else path, local_executor(recipe.run.threads))

    @property
    def recipe(self) -> Recipe:
        """All parameters, those that were set included."""
        return self._source.recipe

    @property
    def params(self) -> SegmentParams:
        """The parameters of [segment] in force."""
        return self._source.recipe.segment

    @property
    def scan(self) -> Scan:
        """The scan."""
        return self._source.scan

    def set(self, **changes: Any) -> Self:
        """Change parameters of [segment]. Raises `RecipeError`, and nothing is changed then."""
        values = self.recipe.model_dump(exclude_none=True)
        self._source.recipe = build_recipe({**values, "segment": {**values["segment"], **changes}})
        return self

    def blobs(self, frames: Range | None = None) -> BlobTable:
        """The table of blobs as a run writes it, voxels and rejected seeds included. Raises as a run does."""
        return self._solution(frames).table

    def counts(self, frames: Range | None = None) -> dict[str, int]:
        """How many seeds are blobs ("kept"), and how many are not, by reason."""
        return self._solution(frames).blobs.counts_by_reason()

    def histogram(self) -> Histogram:
        """Voxels by value in the unit of the thresholds, and as many as noise alone would have.

        Those above the floor of what was collected are all counted, the others in a probe of them.
        """
        resegmenter = self._resegmenter()
        middle = self._pass.sub_volume(self.scan.shape[0] // 2)
        return histogram(resegmenter, self.params, middle.frames, middle.scan_state.value_step)

    def elbow(self) -> Elbow:
        """Seeds and blobs of the whole scan with other seed thresholds, all other parameters being the same."""
        resegmenter = self._resegmenter()
        *_, curve = elbow(resegmenter, self.params)
        return curve

    def pairable(self) -> PairCount:
        """Friedel pairs among the blobs, those by chance, and the fraction of blobs in pairs beyond chance.

        Needs [setup] and [[phase]] in the recipe. The geometry is that of a run with the same [setup] in the output
        folder; without one it is calibrated once, as a run would. Raises `FriedelError`.
        """

        def solved() -> BlobTable:
            return self._collected(lambda: self._solver.whole_scan_table(self.params))

        return self._counter.count(self.recipe, self._source.results, solved)

    def propose(self) -> TriedThresholds | None:
        """The thresholds with the most Friedel pairs beyond chance, found by trying some 30; None without any.

        They are not set: `scan.set(**found.changes)` does. The geometry is chosen as in `pairable`.
        """
        counter = PairCounter.of_run(self.recipe, self._source.results)
        *_, best = ThresholdSearch(self._resegmenter(), self.params, counter).steps()
        return best

    def clean(self, start: int, stop: int) -> Frames:
        """Clean frames [start, stop), float32 [frame, row, col] in counts, as a run's."""
        start, stop = self._range((start, stop))
        return self._collected(lambda: self._pass.clean(start, stop))

    def close(self) -> None:
        """Let go of the scan's voxels and threads."""
        self._pass.close()
        self._source.executor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _solution(self, frames: Range | None) -> Solution:
        if frames is None:
            found = self._collected(lambda: self._solver.solve(self.params, "whole"))
        else:
            around = self._range(frames)
            found = self._collected(lambda: self._solver.solve(self.params, "sub", around=around))
        self._tell(found.warnings)
        return found

    def _resegmenter(self) -> Resegmenter:
        return self._collected(lambda: self._solver.resegmenter(self.params, "whole"))

    def _collected(self, ask: Callable[[], Result]) -> Result:
        """What `ask` answers, once the voxels that it needs are collected."""
        if self._pass.bright is None:
            self._update()
        try:
            return ask()
        except NotCollected:  # they are asked for by now
            self._update()
            return ask()

    def _update(self) -> None:
        self._pass.update()
        self._tell(self._pass.warnings)

    def _tell(self, texts: Iterable[str]) -> None:
        for text in texts:
            if text not in self._told:
                self._told.add(text)
                warnings.warn(text, FriedelWarning, stacklevel=4)

    def _range(self, frames: Range) -> Range:
        start, stop = frames
        count = self.scan.shape[0]
        if not 0 <= start < stop <= count:
            raise InputError("frames", rule=f"must be [start, stop) within 0..{count}", got=[start, stop])
        return int(start), int(stop)
