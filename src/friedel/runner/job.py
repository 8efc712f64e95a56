"""What every stage of a run shares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from friedel.model.scan import Scan
from friedel.model.stream import Executor
from friedel.recipe import Recipe
from friedel.runner.plan import Plan
from friedel.runner.progress import Progress
from friedel.runner.segment_images import SegmentImages


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One run: what to do, on what, where to, and with what means.

    `hashes` are those of the stages. `begin_output(stage)` is called before the first file of a stage takes its
    place: what stood for that stage and for later ones is void from then on. `warned` is what came up before.
    """

    recipe: Recipe
    scan: Scan
    segment_images: SegmentImages
    out: Path
    plan: Plan
    executor: Executor
    progress: Progress
    hashes: dict[str, str]
    begin_output: Callable[[str], None]
    warned: tuple[str, ...] = ()
