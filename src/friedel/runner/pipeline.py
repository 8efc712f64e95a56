"""The stages in order: what is done already is left alone, the rest is done, and every step is recorded."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from friedel.errors import CapacityError, FriedelError, InputError, Interrupted, OutputError
from friedel.interrupts import is_interrupt, promised
from friedel.io import open_scan
from friedel.io.sources import held_bytes
from friedel.model.scan import Scan
from friedel.model.shapes import Grid
from friedel.output_folder.contents import Contents
from friedel.output_folder.files import BLOBS, EARLIER, LOG, STAGES
from friedel.output_folder.record import RunRecord, new_record, read_run_record
from friedel.preprocess import buffer_bytes
from friedel.recipe import Recipe
from friedel.runner.executors import local_executor, usable_cores
from friedel.runner.job import Job
from friedel.runner.leftovers import earlier_record
from friedel.runner.lock import LOCK, at_work, locked
from friedel.runner.plan import Plan, budget, check_map_fits, plan_blocks, usable_memory
from friedel.runner.preflight import check_output, check_recipe, crystals_of
from friedel.runner.progress import Progress, log, log_file
from friedel.runner.stage_hashes import stage_hashes
from friedel.runner.stages import NOTHING, Progressed, RecordKeeper, do_stages, has_usable_recipe, stages_for

INTERRUPTED = "finished stages are kept, and the same command without --restart and --from goes on after them"


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
    with clean_endings(INTERRUPTED):
        phases = crystals_of(recipe, last)
        scan = open_scan(recipe.scan.frames, recipe.scan)
        wanted, ends = stages_for(recipe, scan, wanted, last)
        segment_images = check_recipe(recipe, scan, phases, last)
        hashes = stage_hashes(recipe, scan, segment_images)
        progressed = Progressed(recipe, hashes, Contents(out))
        if first is None and not restart:
            done = _finished_record(out, scan, progressed, wanted[-1])
            if done is not None:
                for text in filter(None, (ends, NOTHING)):
                    log.info(text)
                return done
        plan = plan_for(recipe, scan)
        if not (out / BLOBS).exists():
            check_output(recipe, scan, out)
        with locked(out):
            fresh = new_record(scan, recipe.scan.model_dump(mode="json"))
            earlier = earlier_record(out, fresh, restart=restart)
            record = replace(fresh, stages=earlier.stages) if earlier else fresh
            with log_file(out / LOG), local_executor(recipe.run.threads) as executor:
                log.info(f"{scan.name}: {' × '.join(map(str, scan.shape))} frames × rows × cols -> {out}")
                log.debug(f"{executor.threads} threads, {plan.windows_per_block} windows a block, {plan}")
                if ends:
                    log.info(ends)
                keeper = RecordKeeper(recipe, out, record)
                keeper.begin()
                job = Job(
                    recipe,
                    scan,
                    segment_images,
                    out,
                    plan,
                    executor,
                    progress or Progress(),
                    hashes,
                    keeper.begin_output,
                    tuple(warned),
                )
                do_stages(job, keeper, progressed, wanted[-1], again=first)
    return keeper.record


def _finished_record(out: Path, scan: Scan, progressed: Progressed, last: str) -> RunRecord | None:
    """What `run.json` says where all is done: then nothing is written, also where nothing could be.

    A folder in which a run was killed is tidied up first, if it may be written to.
    """
    leftovers = [out / LOCK, out / EARLIER, *out.glob(".*.part")]
    if at_work(out) or (os.access(out, os.W_OK) and any(path.exists() for path in leftovers)):
        return None
    try:
        record = read_run_record(out)
    except OutputError:
        return None  # whoever takes the folder says so
    if record is None or record.input.get("fingerprint") != scan.fingerprint:
        return None
    return None if progressed.first_left(record, last, None) or not has_usable_recipe(out) else record


def stages_between(first: str | None, last: str | None) -> tuple[str, ...]:
    """Names of the stages from `first` to `last`, both included; all by default."""
    for option, name in (("--from", first), ("--to", last)):
        if name is not None and name not in STAGES:
            raise InputError(option, rule=f"must be one of {', '.join(STAGES)}", got=name)
    begin, end = STAGES.index(first or STAGES[0]), STAGES.index(last or STAGES[-1])
    if begin > end:
        raise InputError("--from", rule=f"must not be after --to {last}", got=first)
    return STAGES[begin : end + 1]


def plan_for(recipe: Recipe, scan: Scan) -> Plan:
    """How much at a time. Raises `CapacityError` when scan or map do not fit into the memory that may be used."""
    threads = recipe.run.threads or usable_cores()
    allowed = budget(recipe.run.memory_gb, usable_memory())
    if recipe.has_grains and recipe.setup is not None:
        setup = recipe.setup.setup()
        voxel_um = Grid.of(setup, recipe.reconstruct.voxel_um).voxel_um
        check_map_fits(setup.sample.size_um, voxel_um / recipe.assemble.finer, allowed)
    held = held_bytes(scan.frames)
    return plan_blocks(
        allowed, lambda windows: held + buffer_bytes(recipe.preprocess, scan.shape, windows, threads)
    )


@contextmanager
def clean_endings(kept: str = "nothing was written") -> Iterator[None]:
    """Turn an interrupt, an exhausted memory and a full disk into one line each.

    `kept` is what is true after an interrupt.
    """
    try:
        with promised(kept):
            yield
    except FriedelError:
        raise
    except (KeyboardInterrupt, Exception) as error:
        if is_interrupt(error):  # also the SystemError that one in the middle of a kernel's call becomes
            raise Interrupted("interrupted", rule=kept) from None
        ending = _ending(error)
        if ending is None:
            raise
        raise ending from error


def _ending(error: BaseException) -> FriedelError | None:
    """What an error means to the user, where it is of the machine."""
    if isinstance(error, MemoryError):
        return CapacityError("memory", rule=f"is exhausted: {error}", way_out="lower run.memory_gb")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        way_out = "lower run.threads, or raise the limit (ulimit -u, ulimit -v)"
        return CapacityError("threads", rule="the system allows no more", way_out=way_out)
    if isinstance(error, OSError):
        what = str(error.filename or "a file")
        return OutputError(what, rule=os.strerror(error.errno) if error.errno else str(error))
    return None
