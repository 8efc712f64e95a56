"""The stages in order: what is done already is left alone, the rest is done, and every step is recorded."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from friedel.errors import CapacityError, FriedelError, InputError, Interrupted, OutputError, RecipeError
from friedel.io import open_scan
from friedel.io.store import atomic
from friedel.model.scan import Scan
from friedel.preprocess import ring_bytes
from friedel.recipe import Recipe, dump
from friedel.runner.areas import read_areas
from friedel.runner.executors import local_executor, usable_cores
from friedel.runner.folder import earlier_record, remove_results, remove_views
from friedel.runner.job import Job
from friedel.runner.lock import locked
from friedel.runner.passes import from_clean, from_raw
from friedel.runner.plan import Plan, budget, plan_blocks, usable_memory
from friedel.runner.progress import Progress, log, log_file
from friedel.runner.provenance import BUILT, STAGES, RunRecord, new_record, stage_hashes, write_record

NOT_BUILT = "match, index, reconstruct and assemble are not built yet: the run ends with the blobs"
NO_GRAINS = "the recipe has no [setup] and [[phase]]: the run ends with the blobs"


def run_pipeline(
    recipe: Recipe,
    out: Path,
    *,
    first: str | None = None,
    last: str | None = None,
    restart: bool = False,
    progress: Progress | None = None,
    warned: Sequence[str] = (),
) -> RunRecord:
    """Run the stages from `first` to `last` (default: all that the recipe allows) into the folder `out`.

    A stage that finished earlier with the same parameters on the same scan is skipped, unless it is `first` or
    after it. `warned` is what reading the recipe warned about, which belongs into the record too. Returns what
    `run.json` says afterwards. Raises `FriedelError`s; after any of them, and after a kill,
    the same call goes on from the last finished stage.
    """
    wanted = stages_between(first, last)
    _refuse_unbuilt(recipe)
    with clean_endings():
        scan = open_scan(recipe.scan.frames, recipe.scan)
        plan = plan_for(recipe, scan)
        areas = read_areas(recipe.segment, scan)
        with locked(out):
            fresh = new_record(scan)
            earlier = earlier_record(out, scan, restart=restart)
            record = replace(fresh, stages=earlier.stages) if earlier else fresh
            with log_file(out / "log.txt"), local_executor(recipe.run.threads) as executor:
                log.info(f"{scan.name}: {' × '.join(map(str, scan.shape))} frames × rows × cols -> {out}")
                log.debug(f"{executor.threads} threads, {plan.windows_per_block} windows a block, {plan}")
                if not record.stages:
                    _write_both(recipe, out, record)
                job = Job(
                    recipe,
                    scan,
                    areas,
                    out,
                    plan,
                    executor,
                    progress or Progress(),
                    stage_hashes(recipe, scan, areas),
                    _voider(recipe, out, record),
                    tuple(warned),
                )
                record = _stages(job, record, wanted, again=first)
                if last is None:
                    log.info(NOT_BUILT if recipe.has_grains else NO_GRAINS)
    return record


def stages_between(first: str | None, last: str | None) -> tuple[str, ...]:
    """Names of the stages from `first` to `last`, both included; all built ones by default."""
    for option, name in (("--from", first), ("--to", last)):
        if name is not None and name not in STAGES:
            raise InputError(option, rule=f"must be one of {', '.join(STAGES)}", got=name)
        if name is not None and name not in BUILT:
            raise FriedelError(f"{option} {name}", rule="this stage is not built yet", way_out="use --to segment")
    begin, end = STAGES.index(first or BUILT[0]), STAGES.index(last or BUILT[-1])
    if begin > end:
        raise InputError("--from", rule=f"must not be after --to {last}", got=first)
    return STAGES[begin : end + 1]


def _refuse_unbuilt(recipe: Recipe) -> None:
    """What a recipe may say one day, but not yet."""
    for key, value, built in (
        ("run.executor", recipe.run.executor, "local"),
        ("segment.method", recipe.segment.method, "double_threshold"),
    ):
        if value != built:
            raise RecipeError(key, rule="this choice is not built yet", got=f'"{value}"', way_out=f'use "{built}"')


def plan_for(recipe: Recipe, scan: Scan) -> Plan:
    """How much at a time. Raises `CapacityError` when the scan does not fit into the memory it may use."""
    threads = recipe.run.threads or usable_cores()
    allowed = budget(recipe.run.memory_gb, usable_memory())
    return plan_blocks(allowed, lambda windows: ring_bytes(recipe.preprocess, scan.shape, windows, threads))


@contextmanager
def clean_endings() -> Iterator[None]:
    """Turn an interrupt, an exhausted memory and a full disk into one line each."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted", rule="what is finished is kept", way_out="the same command goes on"
        ) from None
    except MemoryError as error:
        raise CapacityError("memory", rule=f"is exhausted: {error}", way_out="lower run.memory_gb") from error
    except OSError as error:
        what = str(error.filename or "a file")
        raise OutputError(what, rule=os.strerror(error.errno) if error.errno else str(error)) from error


def _stages(job: Job, record: RunRecord, wanted: tuple[str, ...], *, again: str | None) -> RunRecord:
    """Do what is not done; `again` is the stage from which on nothing counts as done."""
    redo = wanted if again is not None else ()
    clean_done = "preprocess" not in redo and _finished(job, record, "preprocess")
    blobs_done = "segment" not in redo and clean_done and _finished(job, record, "segment")
    if blobs_done or (clean_done and "segment" not in wanted):
        log.info("nothing to do: all stages are finished with these parameters")
        return record
    kept = record.stages.get("preprocess")
    if clean_done and kept is not None and "clean.h5" in kept.outputs:
        log.info("segmenting the clean frames that an earlier run kept")
        finished = from_clean(job)
    else:
        if again == "segment":
            log.info("no clean frames were kept (preprocess.keep_clean), so the raw frames are read again")
        finished = from_raw(job, blobs="segment" in wanted)
    for name, stage in finished.items():
        record = record.with_stage(name, stage)
    remove_results(job.out, record.files)  # those made with other parameters, and not made again
    _write_both(job.recipe, job.out, record)
    return record


def _voider(recipe: Recipe, out: Path, record: RunRecord) -> Callable[[str], None]:
    """Before a stage's files take their places, `run.json` must cease to vouch for those that stand there.

    A run that is killed between its files and `run.json` would else leave files of one recipe under the hashes
    of another, and the next run would take them for its own.
    """

    def begin_output(stage: str) -> None:
        _write_both(recipe, out, record.without(stage))
        remove_views(out)

    return begin_output


def _finished(job: Job, record: RunRecord, name: str) -> bool:
    wants_clean = name == "preprocess" and job.recipe.preprocess.keep_clean
    if not record.finished(name, job.hashes[name], job.out):
        return False
    return not wants_clean or "clean.h5" in record.stages[name].outputs


def _write_both(recipe: Recipe, out: Path, record: RunRecord) -> None:
    """`recipe.toml` and `run.json`, which belong together."""
    text = dump(recipe, head="What ran: every default spelled out, paths absolute.")
    with atomic(out / "recipe.toml") as partial:
        partial.write_text(text, encoding="utf-8")
    write_record(out, record)
