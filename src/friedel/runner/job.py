"""What every stage of a run shares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from friedel.io.distortion_file import read_distortion
from friedel.model.distortion import Distortion
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

    @property
    def distortion(self) -> Distortion | None:
        """How far the detector's pixels lie beside a plane grid; read anew each time."""
        return distortion_of(self.recipe, self.scan.shape)


def distortion_of(recipe: Recipe, shape: tuple[int, ...]) -> Distortion | None:
    """What the recipe says of a scan of `shape` (frames, rows, cols). Raises `SetupError`, `ScanError`."""
    files = recipe.setup.distortion if recipe.setup is not None else ()
    return read_distortion(files, (shape[1], shape[2])) if files else None
