"""Which stages are left to do, doing them in order, and keeping `run.json` true all the while."""

from collections.abc import Callable, Mapping
from pathlib import Path

from friedel.errors import RecipeError
from friedel.io.setup_record import is_setup_record
from friedel.io.store import atomic, forget_description
from friedel.model.scan import Scan
from friedel.output_folder.contents import Contents
from friedel.output_folder.files import (
    CLEAN,
    EARLIER,
    EXTENDS,
    GRAIN_STAGES,
    GRAINS,
    OF_BLOBS,
    RECIPE,
    RECORD,
    RESULTS,
    STAGES,
)
from friedel.output_folder.record import Output, RunRecord, StageRecord, write_run_record
from friedel.recipe import Recipe, dump
from friedel.recipe.usable import load_usable
from friedel.runner.grain_stages import FRAMES_NOT_READ, StageInputs, run_stage
from friedel.runner.job import Job
from friedel.runner.leftovers import copy_aside, forget_earlier, move_aside, outdated
from friedel.runner.passes import from_clean, from_raw
from friedel.runner.progress import log

NO_GRAINS = "the recipe has no [setup] and [[phase]]: the run ends with the blobs"
NOTHING = "nothing to do: all stages are finished with these parameters"

Wanted = tuple[str, ...]
AS_BEFORE: Mapping[str, Callable[[Path], None]] = {GRAINS: forget_description}
"""How a file that a later stage has extended becomes that of the stage which made it, byte for byte."""


class RecordKeeper:
    """Holds what `run.json` says, and writes it: never ahead of the files, never behind them.

    Before a stage's files take their places, `run.json` ceases to vouch for those that stand there. A run that is
    killed between its files and `run.json` would else leave files of one recipe under the hashes of another, and
    the next run would take them for its own. What stood there is not lost: it lies in `OUT/earlier` until all of
    it has been made anew.
    """

    def __init__(self, recipe: Recipe, out: Path, record: RunRecord) -> None:
        self._recipe, self._out, self.record = recipe, out, record
        self._told = self._wrote_recipe = False

    def begin(self) -> None:
        """A run begins: results that nobody vouches for, since a run was killed among its files, are set aside."""
        old = outdated(self._out, self._kept(self.record))
        stray = any(name in RESULTS for name in old)
        if self.record.stages and stray:
            self._set_aside(old)
        elif not self.record.stages and not stray:
            self.write()  # else, a run that begins anew: what is there stands until it has something better

    def begin_output(self, stage: str) -> None:
        """The files of `stage`, and of what comes after it, are about to be replaced."""
        kept, before = self.record.without(stage), self.record.outputs
        extended = [file for file, output in kept.outputs.items() if before[file] != output]
        old = outdated(self._out, self._kept(kept))
        if old or extended:  # they are copied so that moving all of it back undoes this
            shared = {file for later in STAGES[STAGES.index(stage) :] for file in EXTENDS.get(later, ())}
            copy_aside(self._out, (RECORD, RECIPE, *sorted(shared & {*kept.outputs})))
        self.record = kept
        self.write()
        self._set_aside(old)
        for file in extended:
            if file in AS_BEFORE:
                AS_BEFORE[file](self._out / file)

    def finish(self, stages: dict[str, StageRecord]) -> None:
        """These stages are done, their files in their places."""
        for name, stage in stages.items():
            self.record = self.record.with_stage(name, stage)
        self.write()
        forget_earlier(self._out, self.record.outputs)

    def describe(self, hashes: Mapping[str, str]) -> None:
        """Put the recipe back that is gone or cannot be used any more, where it is of all that was done."""
        of_all = all(one.hash == hashes[name] for name, one in self.record.stages.items())
        if of_all and not has_usable_recipe(self._out):
            self.write()

    def write(self) -> None:
        """`run.json`, and before it once the recipe, which goes with it from then on."""
        if not self._wrote_recipe:
            text = dump(self._recipe, head="What ran: every default spelled out, paths absolute.")
            with atomic(self._out / RECIPE) as partial:
                partial.write_text(text, encoding="utf-8")
            self._wrote_recipe = True
        write_run_record(self._out, self.record)

    def _kept(self, record: RunRecord) -> set[str]:
        """Names of what a record vouches for, and of what was made from that alone."""
        return {*record.outputs, *(OF_BLOBS if "segment" in record.stages else ())}

    def _set_aside(self, names: list[str]) -> None:
        if not names:
            return
        move_aside(self._out, names)
        if not self._told:
            log.info(f"what these parameters replace lies in {self._out / EARLIER} until all of it is made anew")
            self._told = True


def has_usable_recipe(out: Path) -> bool:
    """Whether the folder's recipe can be used."""
    try:
        return not load_usable(out / RECIPE)[1]
    except RecipeError:
        return False


def stages_for(
    recipe: Recipe, scan: Scan, wanted: tuple[str, ...], last: str | None
) -> tuple[tuple[str, ...], str]:
    """The wanted stages that this recipe and scan allow, and why it is not all of them.

    Raises `RecipeError` when the user asked for one (`last`) that needs what the recipe does not say.
    """
    why = ""
    if not any(name in GRAIN_STAGES for name in wanted):
        return wanted, why
    if not recipe.has_grains:
        why = NO_GRAINS
        if last in GRAIN_STAGES:
            raise RecipeError(
                f"--to {last}", rule="needs [setup] and [[phase]] in the recipe", way_out="--to segment"
            )
    if not why:
        return wanted, why
    return tuple(name for name in wanted if name not in GRAIN_STAGES) or ("segment",), why


class Progressed:
    """What is done of a run: by the hashes of its stages and the contents of the folder's files."""

    def __init__(self, recipe: Recipe, hashes: Mapping[str, str], contents: Contents) -> None:
        self._recipe, self._hashes, self.contents = recipe, hashes, contents

    def first_left(self, record: RunRecord, last: str, again: str | None) -> str | None:
        """The first stage up to `last` that is not done; from `again` on nothing counts as done."""
        redo = STAGES[STAGES.index(again) :] if again is not None else ()
        upto = STAGES[: STAGES.index(last) + 1]
        return next((name for name in upto if name in redo or not self._finished(record, name)), None)

    def changed(self, record: RunRecord, stage: str) -> list[str]:
        """Files of a stage that is done with these parameters, which are not as the run left them."""
        one = record.stages.get(stage)
        if one is None or one.hash != self._hashes[stage]:
            return []
        last = record.outputs
        return [
            file
            for file, mine in one.outputs.items()
            if not (self.contents.holds(file, last[file]) or self.contents.holds(file, mine))
        ]

    def _finished(self, record: RunRecord, name: str) -> bool:
        if not record.finished(name, self._hashes[name], self.contents.holds):
            return False
        done = record.stages[name]
        if name == "match":  # which a later stage begins with
            return is_setup_record(done.measured.get("setup"))
        if name == "reconstruct":  # once more, where it had to do without frames
            return FRAMES_NOT_READ not in done.measured
        return name != "preprocess" or not self._recipe.preprocess.keep_clean or CLEAN in done.outputs


def do_stages(job: Job, keeper: RecordKeeper, progressed: Progressed, last: str, *, again: str | None) -> None:
    """Do what is not done up to `last`; `again` is the stage from which on nothing counts as done."""
    first = progressed.first_left(keeper.record, last, again)
    if first is None:
        log.info(NOTHING)
        keeper.describe(job.hashes)
        return
    for file in progressed.changed(keeper.record, first):
        log.warning(f"{file} is not as the run left it: {first} is done again")
    if first not in GRAIN_STAGES:
        _do_blobs(job, keeper, progressed.contents.surely_holds, first, blobs=last != "preprocess")
    inputs: StageInputs | None = None
    for name in STAGES[STAGES.index(first) : STAGES.index(last) + 1]:
        if name in GRAIN_STAGES:
            inputs = inputs or StageInputs(job, lambda: keeper.record)
            job.progress.stage(name)
            keeper.finish({name: run_stage(name, inputs)})


def _do_blobs(
    job: Job, keeper: RecordKeeper, holds: Callable[[str, Output], bool], first: str, *, blobs: bool
) -> None:
    """Preprocess and segment, or segment alone where clean frames were kept."""
    kept = keeper.record.stages["preprocess"].outputs if first == "segment" else {}
    if CLEAN in kept and holds(CLEAN, kept[CLEAN]):
        job.progress.stage("segment")
        log.info("segmenting the clean frames that an earlier run kept")
        keeper.finish(from_clean(job))
        return
    if CLEAN in kept:
        log.warning(f"{CLEAN} is not as the run left it: preprocess is done again")
    elif first == "segment":
        log.info("no clean frames were kept (preprocess.keep_clean), so the raw frames are read again")
    job.progress.stage("preprocess")
    keeper.finish(from_raw(job, blobs=blobs))
