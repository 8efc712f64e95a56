"""Every command as a function: plain arguments in, useful values out; `friedel.run(...)` is `friedel run`.

`settings` are KEY=VALUE texts as on the command line, or a mapping. Nothing is printed unless `verbosity` is given:
-1 quiet, 0 usual, 1 detailed; without it, warnings go the way of Python's warnings. All raise `FriedelError`s.
"""

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from friedel.errors import FriedelWarning, InputError, Interrupted, OutputError
from friedel.io.atomic import replace_text
from friedel.io.fingerprint import same_frames
from friedel.io.import_parameters import import_parameters as read_parameters
from friedel.io.setup_record import setup_record
from friedel.io.store import atomic, read_attributes, read_truth
from friedel.model.leaning_axis import leaning
from friedel.output_folder.files import BLOBS, EARLIER, EVALUATION, EXPORT_FILES, RECIPE, RECORD, REPORT, RESULTS
from friedel.output_folder.reader import OutputFolder
from friedel.recipe import Settings, apply_settings, build_recipe, dump, load_recipe, relative_to
from friedel.recipe.settings import absolute
from friedel.recipe.text import as_toml
from friedel.recipe.whole import read_values
from friedel.runner.estimate import Estimate, estimate_run
from friedel.runner.executors import local_executor
from friedel.runner.pipeline import clean_endings, run_pipeline
from friedel.runner.progress import Progress, log, talking, warnings_kept
from friedel.runner.results import calibrated, export_results, judge
from friedel.survey import Facts, centre_text, guess, inspect_scan

if TYPE_CHECKING:
    from friedel.explorer import Exploration
    from friedel.runner.simulation import SimulatedFiles
    from friedel.viewer.notebook import Page

Paths = str | Path
TO_THE_MAP = """
# To go on from blobs to grains and their map, say where the detector is and what the crystal (docs/recipe.md):
# [setup]
# energy_keV = 40.0
# detector = { distance_um = 5000.0, pixel_um = 3.5, centre_px = [%s] }   # [col, row] where the beam hits
# [[phase]]
# name = "Al"
# lattice = [4.0495, 4.0495, 4.0495, 90, 90, 90]
# spacegroup = "F m -3 m"
"""


def demo(folder: Paths = "friedel-demo", *, verbosity: int | None = None) -> Path:
    """Simulate a small scan, run everything on it, compare with the truth, and write the report: its path."""
    folder = Path(folder)
    try:
        files = simulate(folder / "scan.h5", preset="small", verbosity=verbosity)
        out = run(files.recipe, folder / "out", restart=True, report=False, verbosity=verbosity)
        evaluate(out, files.truth)
        return report(out)
    except Interrupted:
        raise Interrupted("interrupted", rule="the same command begins anew") from None


def simulate(
    out: Paths,
    *,
    config: Paths | None = None,
    preset: str = "default",
    seed: int | None = None,
    settings: Settings = (),
    verbosity: int | None = None,
) -> "SimulatedFiles":
    """Make a raw-looking scan `OUT.h5`, its truth `OUT.truth.h5` and a ready recipe `OUT.toml`.

    Parameters are those of the preset ("default" or "small"), changed by the TOML file `config`, by `settings`
    and by `seed`, in this order.
    """
    from friedel.runner.simulation import simulation_files, write_simulation
    from friedel.simulator import SimulationParams, small

    presets = {"default": SimulationParams(), "small": small()}
    if preset not in presets:
        raise InputError("--preset", rule=f"must be one of {', '.join(presets)}", got=preset)
    with _session(verbosity, "files that were complete are kept, the others were not written") as progress:
        values = presets[preset].model_dump()
        if config is not None:
            values = _merged(values, read_values(Path(config), way_out=""))
        values = apply_settings(values, settings, Path.cwd())
        if seed is not None:
            values["seed"] = seed
        params = SimulationParams.build(values)
        simulation_files(Path(out))
        with local_executor() as executor:
            return write_simulation(params, Path(out), executor, progress)


def inspect(scan: Paths, *, settings: Settings = (), verbosity: int | None = None) -> Facts:
    """What is in a scan: plain values by name; `problems` lists what is odd or missing."""
    with _session(verbosity):
        return inspect_scan(build_recipe(_with_scan(scan, settings)).scan)


def init(scan: Paths, out: Paths = RECIPE, *, settings: Settings = (), verbosity: int | None = None) -> Path:
    """Look at a scan and write a commented recipe with guessed values; returns its path.

    A recipe of that name may have been edited by hand: it is kept beside the new one, as `recipe.toml.bak`.
    """
    out = Path(out)
    with _session(verbosity), local_executor() as executor:
        recipe, notes = guess(_with_scan(scan, settings), executor)
        head = f"Written by `friedel init {Path(scan).name}`: what was guessed says so, the rest are defaults."
        text = dump(relative_to(recipe, out.absolute().parent), notes, head=head)
        if recipe.setup is None:
            text += TO_THE_MAP % centre_text(recipe)
        kept = replace_text(out, text)
        if kept is not None:
            log.warning(f"{out} was already there and is now {kept}")
    return out


def estimate(recipe: Paths, *, settings: Settings = (), verbosity: int | None = None) -> Estimate:
    """What a run will take, from the scan and a short measurement. Raises `CapacityError` if it will not fit."""
    with _session(verbosity):
        return estimate_run(load_recipe(recipe, settings), _default_folder(Path(recipe)))


def run(
    recipe: Paths,
    out: Paths | None = None,
    *,
    from_stage: str | None = None,
    to_stage: str | None = None,
    settings: Settings = (),
    restart: bool = False,
    report: bool = True,
    verbosity: int | None = None,
) -> Path:
    """Run the stages of a recipe into the folder `out` (default: the recipe's name without `.toml`); returns it.

    What an earlier run of the same scan finished with the same parameters is kept. The report comes last; one that
    fails is warned of, and the results are no worse for it.
    """
    if isinstance(out, str) and not out.strip():
        raise InputError("-o", rule="must name a folder", got="an empty text")
    out = _default_folder(Path(recipe)) if out is None else Path(out)
    with _session(verbosity) as progress:
        with warnings_kept() as warned:
            parameters = load_recipe(recipe, settings)
        run_pipeline(
            parameters,
            out,
            first=from_stage,
            last=to_stage,
            restart=restart,
            progress=progress,
            warned=warned,
        )
        if (
            report and not (out / REPORT).exists() and os.access(out, os.W_OK)
        ):  # one that is there is of these results
            progress.stage("report")
            _report_if_possible(out)
    return out


def evaluate(
    out: Paths, truth: Paths, *, json_file: Paths | None = None, verbosity: int | None = None
) -> dict[str, Any]:
    """Compare a run with the truth; the numbers also go to `json_file`.

    Without one they go to `evaluation.json` in the folder, for the report. Warns when the truth is that of another
    scan.
    """
    with _session(verbosity):
        result = judge(Path(out), read_truth(truth))
        _compare_scans(Path(out) / BLOBS, Path(truth))
        text = json.dumps(result, indent=1) + "\n"
        with atomic(Path(out) / EVALUATION if json_file is None else Path(json_file)) as partial:
            partial.write_text(text, encoding="utf-8")
    return result


def report(out: Paths, *, verbosity: int | None = None) -> Path:
    """Write `report.html` from what is in an output folder; returns its path."""
    with _session(verbosity):
        return _report(Path(out))


def serve(
    path: Paths,
    *,
    port: int = 0,
    browser: bool = True,
    allow_hosts: Iterable[str] = (),
    verbosity: int | None = None,
) -> Iterator[str]:
    """The web page of a recipe or an output folder: yields the lines to print, then serves until an interrupt.

    Quiet, it is the address alone.
    """
    from friedel.viewer.server import PageServer

    with _session(verbosity):
        server = PageServer(path, port=port, allow_hosts=allow_hosts)
    yield server.address
    if verbosity is None or verbosity >= 0:
        yield f"from another computer: {server.ssh}"
    server.run(browser=browser)


def view(path: Paths, *, port: int = 0, allow_hosts: Iterable[str] = ()) -> "Page":
    """The web page of a recipe or an output folder, in a notebook: the object shows itself, `close()` ends it."""
    from friedel.viewer.notebook import Page

    with _session(None):
        return Page(path, port=port, allow_hosts=allow_hosts)


def explore(path: Paths, *, settings: Settings = ()) -> "Exploration":
    """The scan of a recipe or an output folder, to find its blobs again with other parameters of [segment].

    What `friedel view` does on a page, for scripts and notebooks: see `friedel.explorer.Exploration`.

        with friedel.explore("recipe.toml") as scan:
            print(scan.set(seed_threshold=60.0).counts())
    """
    from friedel.explorer import Exploration

    with _session(None):
        return Exploration.open(path, settings)


def export(out: Paths, format_name: str, target: Paths | None = None, *, verbosity: int | None = None) -> Path:
    """Write results for other programs, in one of the formats `EXPORT_FILES`; the path."""
    if format_name not in EXPORT_FILES:
        raise InputError("--format", rule=f"must be one of {', '.join(EXPORT_FILES)}", got=format_name)
    name, *_ = EXPORT_FILES[format_name]
    target = Path(out) / name if target is None else _file_in(target, name)
    with _session(verbosity):
        return export_results(Path(out), format_name, target)


def calibrate(out: Paths, *, verbosity: int | None = None) -> tuple[str, ...]:
    """What the blobs and grains of a run say about its geometry: lines that end with `detector = ...` for a recipe.

    Nothing is changed: put the last line, and the `lean_deg` before it, under [setup] where they convince.
    """
    with _session(verbosity) as progress:
        progress.stage("calibrate")
        found = calibrated(Path(out), progress)
        plane, lean = setup_record(leaning(found.setup, 0.0)), found.setup.axis.lean_deg
        vectors = {name: [round(x, 4) for x in plane[name]] for name in ("origin_um", "u_um", "v_um")}
        axis = (f"lean_deg = {round(lean, 5)}",) if lean else ()
        return (*found.lines, *axis, f"detector = {as_toml(vectors)}")


def import_parameters(file: Paths, out: Paths = RECIPE, *, verbosity: int | None = None) -> Path:
    """Write a recipe with geometry and crystals from ImageD11's `.par` or ESRF DCT's `parameters.h5`; its path."""
    with _session(verbosity):
        found = read_parameters(file)
        sections = {"setup": found.setup, "preprocess": found.preprocess, "segment": found.segment}
        values: dict[str, Any] = {name: dict(part) for name, part in sections.items() if part}
        values["phase"] = [dict(phase) for phase in found.phase]
        head = "\n".join(
            [f"Geometry and crystals of {Path(file).name}; scan.frames is yet to be filled in.", *found.notes]
        )
        replace_text(Path(out), dump(build_recipe(values), head=head))
    return Path(out)


def verify(out: Paths, *, verbosity: int | None = None) -> list[str]:
    """Check the files of an output folder against their hashes; returns the names of the good ones.

    Raises `OutputError` that names those that are missing or have changed, and stages that are missing.
    """
    with _session(verbosity):
        folder = OutputFolder(Path(out))
        record = folder.needed(folder.record, RECORD)
        wrong = [f"{name} {what}" for name, what in record.damaged(folder.path)]
        if folder.recipe is None or RECIPE in folder.errors:
            wrong.append(f"{RECIPE} {'cannot be used' if folder.has(RECIPE) else 'is missing'}")
        left = folder.stages_left
        if left:
            wrong.append(f"{', '.join(left)} {'is' if len(left) == 1 else 'are'} missing")
            earlier = [name for name in RESULTS if (folder.path / EARLIER / name).exists()]
            if earlier:
                wrong.append(f"{EARLIER}/ holds {', '.join(earlier)} of other parameters")
        if wrong:
            again = f"`friedel run {Path(out) / RECIPE} -o {out}` makes them"
            raise OutputError(str(out), rule="; ".join(wrong), way_out=again)
        return list(record.outputs)


@contextmanager
def _session(verbosity: int | None, kept: str = "nothing was written") -> Iterator[Progress]:
    """Console and progress of one command, and one line for whatever ends it; `kept` is true after an interrupt."""
    with clean_endings(kept):
        if verbosity is None:
            yield Progress()
            return
        with talking(verbosity) as progress, warnings_kept():
            yield progress


def _report(out: Path) -> Path:
    from friedel.reporter import write_report  # it brings matplotlib, which takes longer than most commands

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what matplotlib thinks of a picture (tests hear it)
        warnings.simplefilter("always", FriedelWarning)
        return write_report(out)


def _report_if_possible(out: Path) -> None:
    """The report of a run that is done."""
    log.debug("drawing the report")
    try:
        with clean_endings():
            _report(out)
    except Interrupted:
        raise Interrupted(
            "interrupted", rule="the run is finished, only its report is missing", way_out=f"friedel report {out}"
        ) from None
    except Exception as error:  # noqa: BLE001  (a picture that fails must not take the results with it)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.debug("the report failed", exc_info=True)
        warnings.warn(f"no report was written: {reason}", FriedelWarning, stacklevel=3)


def _file_in(target: Paths, name: str) -> Path:
    """The file that a user means: a folder stands for the usual name in it, and a suffix may be left out."""
    path = Path(target)
    if path.is_dir() or str(target).endswith(("/", os.sep)):
        return path / name
    return path if path.suffix else path.with_suffix(Path(name).suffix)


def _compare_scans(blobs: Path, truth: Path) -> None:
    """Warn when two files say that they are of different frames; older truths say nothing."""
    marks = [str(read_attributes(path).get("scan_fingerprint", "")) for path in (blobs, truth)]
    if all(marks) and not same_frames(*marks):
        text = f"{truth} is the truth of another scan than that of {blobs}: the numbers mean nothing"
        warnings.warn(text, FriedelWarning, stacklevel=3)


def _default_folder(recipe: Path) -> Path:
    if recipe.suffix != ".toml":
        raise InputError(str(recipe), rule="a recipe's name ends in .toml", way_out="or say where with -o")
    return recipe.with_suffix("")


def _with_scan(scan: Paths, settings: Settings) -> dict[str, Any]:
    """Plain recipe values: the scan, and the settings, which overrule it."""
    return apply_settings({"scan": {"frames": absolute(str(scan), Path.cwd())}}, settings, Path.cwd())


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `changes` put in, table by table."""
    merged = dict(values)
    for name, change in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return merged
