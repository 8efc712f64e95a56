"""Which stages are left to do, doing them in order, and keeping `run.json` true all the while."""

from pathlib import Path

from friedel.errors import RecipeError
from friedel.io.store import atomic
from friedel.output_folder.files import CLEAN, GRAIN_STAGES, RECIPE, STAGES
from friedel.output_folder.record import RunRecord, StageRecord, write_run_record
from friedel.recipe import Recipe, dump
from friedel.runner.grain_stages import StageInputs, run_stage
from friedel.runner.job import Job
from friedel.runner.leftovers import remove_results, remove_views
from friedel.runner.passes import from_clean, from_raw
from friedel.runner.progress import log

NO_GRAINS = "the recipe has no [setup] and [[phase]]: the run ends with the blobs"
HALF_TURN = "half a turn holds no Friedel pairs, and grains are indexed from pairs: the run ends with the blobs"


class RecordKeeper:
    """Holds what `run.json` says, and writes it: never ahead of the files, never behind them.

    Before a stage's files take their places, `run.json` ceases to vouch for those that stand there. A run that is
    killed between its files and `run.json` would else leave files of one recipe under the hashes of another, and
    the next run would take them for its own.
    """

    def __init__(self, recipe: Recipe, out: Path, record: RunRecord) -> None:
        self._recipe, self._out, self.record = recipe, out, record

    def begin_output(self, stage: str) -> None:
        """The files of `stage`, and of what comes after it, are about to be replaced."""
        self.record = self.record.without(stage)
        self.write()
        remove_views(self._out)

    def finish(self, stages: dict[str, StageRecord]) -> None:
        """These stages are done, their files in their places."""
        for name, stage in stages.items():
            self.record = self.record.with_stage(name, stage)
        remove_results(self._out, self.record.files)  # those made with other parameters, and not made again
        self.write()

    def write(self) -> None:
        """`recipe.toml` and `run.json`, which belong together."""
        text = dump(self._recipe, head="What ran: every default spelled out, paths absolute.")
        with atomic(self._out / RECIPE) as partial:
            partial.write_text(text, encoding="utf-8")
        write_run_record(self._out, self.record)


def stages_for(job: Job, wanted: tuple[str, ...], last: str | None) -> tuple[str, ...]:
    """The wanted stages that this recipe and scan allow; says why when it is not all of them.

    Raises `RecipeError` when the user asked for one (`last`) that needs what the recipe does not say.
    """
    later = [name for name in wanted if name in GRAIN_STAGES]
    if not later:
        return wanted
    why = ""
    if not job.recipe.has_grains:
        why = NO_GRAINS
        if last in GRAIN_STAGES:
            raise RecipeError(
                f"--to {last}", rule="needs [setup] and [[phase]] in the recipe", way_out="--to segment"
            )
    elif last is None and job.scan.at_most_half_a_turn:
        why = HALF_TURN
    if not why:
        return wanted
    log.info(why)
    return tuple(name for name in wanted if name not in GRAIN_STAGES)


def do_stages(job: Job, keeper: RecordKeeper, wanted: tuple[str, ...], *, again: str | None) -> None:
    """Do what is not done; `again` is the stage from which on nothing counts as done."""
    redo = STAGES[STAGES.index(again) :] if again is not None else ()
    blobs = wanted != ("preprocess",)
    busy = _do_blobs(job, keeper, blobs=blobs, redo=redo)
    inputs: StageInputs | None = None
    for name in (name for name in STAGES if name in GRAIN_STAGES and _needed(name, wanted)):
        if name not in redo and keeper.record.finished(name, job.hashes[name], job.out):
            continue
        inputs = inputs or StageInputs(job, lambda: keeper.record)
        job.progress.stage(name)
        stage = run_stage(name, inputs)
        busy = True
        keeper.finish({name: stage})
    if not busy:
        log.info("nothing to do: all stages are finished with these parameters")


def _needed(name: str, wanted: tuple[str, ...]) -> bool:
    """Whether a stage is asked for, or comes before one that is."""
    return bool(wanted) and STAGES.index(name) <= STAGES.index(wanted[-1])


def _do_blobs(job: Job, keeper: RecordKeeper, *, blobs: bool, redo: tuple[str, ...]) -> bool:
    """Preprocess and segment as far as they are not done; whether there was anything to do."""
    clean_done = "preprocess" not in redo and _finished(job, keeper.record, "preprocess")
    blobs_done = "segment" not in redo and clean_done and _finished(job, keeper.record, "segment")
    if blobs_done or (clean_done and not blobs):
        return False
    kept = keeper.record.stages.get("preprocess")
    if clean_done and kept is not None and CLEAN in kept.outputs:
        job.progress.stage("segment")
        log.info("segmenting the clean frames that an earlier run kept")
        keeper.finish(from_clean(job))
    else:
        if clean_done:
            log.info("no clean frames were kept (preprocess.keep_clean), so the raw frames are read again")
        job.progress.stage("preprocess")
        keeper.finish(from_raw(job, blobs=blobs))
    return True


def _finished(job: Job, record: RunRecord, name: str) -> bool:
    wants_clean = name == "preprocess" and job.recipe.preprocess.keep_clean
    if not record.finished(name, job.hashes[name], job.out):
        return False
    return not wants_clean or CLEAN in record.stages[name].outputs
