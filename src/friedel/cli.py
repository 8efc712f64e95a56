"""The command line: one subcommand a verb; nothing heavy is imported before a command runs."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import friedel
from friedel.errors import MOST_QUOTED, FriedelError, brief, few_lines
from friedel.interrupts import finished, listen, server_ends_by_itself
from friedel.output_folder.files import EXPORT_FILES, RECIPE
from friedel.runner.memory_limit import check_limit, watched

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Of the command-line library that typer brings or depends on, whichever it is."""
TAKE_PATTERNS = ("inspect", "init")
"""Commands whose SCAN may be a pattern."""
EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 3 does not fit, 130 interrupted."

app = typer.Typer(
    name="friedel",
    help="From a diffraction contrast tomography scan to a 3D map of a metal's grains.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one parameter; VALUE is TOML, else text. Repeatable."),
]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only warnings and results.")]
Output = Annotated[Path, typer.Argument(metavar="OUT", help="Output folder of a run.")]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, as `friedel init` writes it.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"friedel {friedel.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options that go before the command."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]")] = Path("friedel-demo"),
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Simulate a small scan, run everything on it, and write the report."""
    typer.echo(_commands().demo(folder, verbosity=_verbosity(verbose, quiet)))


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(metavar="OUT.h5", help="The scan; truth and recipe go beside it.")],
    *,
    config: Annotated[Path | None, typer.Option(help="Parameters of the simulation, TOML.")] = None,
    preset: Annotated[str, typer.Option(help='Where the parameters start from: "default" or "small".')] = "default",
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    settings: Settings = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Make a raw-looking scan, its truth (OUT.truth.h5) and a ready recipe (OUT.toml)."""
    verbosity = _verbosity(verbose, quiet)
    files = _commands().simulate(
        out, config=config, preset=preset, seed=seed, settings=settings or (), verbosity=verbosity
    )
    for path in (files.scan, files.truth, files.recipe):
        typer.echo(path)


@app.command()
def inspect(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A file, file::/path, folder or pattern.")],
    settings: Settings = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """What is in a scan: frames, shape, type, angles, darks, compression, problems."""
    facts = _commands().inspect(scan, settings=settings or (), verbosity=_verbosity(verbose, quiet))
    for name, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            typer.echo(f"{name:12s} {line}")


@app.command()
def init(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="A file, file::/path, folder or pattern.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The recipe to write.")] = Path(RECIPE),
    settings: Settings = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Look at a scan and write a commented recipe with guessed values.

    SCAN may also be the folder of a BLISS session: every scan in it gets a recipe, in the folder -o [.].
    """
    options: dict[str, Any] = {"settings": settings or (), "verbosity": _verbosity(verbose, quiet)}
    if not _many().is_session(scan):
        typer.echo(_commands().init(scan, out, **options))
        return
    folder = Path() if out == Path(RECIPE) else out
    _tell_all(_many().init_each(scan, folder, told=_tell, **options), "recipe")


@app.command()
def estimate(recipe: RecipeFile, settings: Settings = None, verbose: Verbose = 0, quiet: Quiet = False) -> None:
    """Memory, disk and time that a run will take; exits 3 when it will not fit."""
    found = _commands().estimate(recipe, settings=settings or (), verbosity=_verbosity(verbose, quiet))
    for name, value in found.lines().items():
        typer.echo(f"{name:12s} {value}")


@app.command()
def run(
    recipes: Annotated[
        list[Path], typer.Argument(metavar="RECIPE...", help="Recipes, as `friedel init` writes them.")
    ],
    *,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help="Output folder [RECIPE without .toml]; of several, the one of all."),
    ] = None,
    from_stage: Annotated[str | None, typer.Option("--from", metavar="STAGE", help="Do again from here.")] = None,
    to_stage: Annotated[str | None, typer.Option("--to", metavar="STAGE", help="Stop after this stage.")] = None,
    settings: Settings = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what an earlier run left in OUT.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html at the end.")] = True,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """The main job: from raw frames to results; goes on where an earlier run stopped.

    Stages: preprocess, segment, match, index, reconstruct, assemble. Several recipes are run one after the other;
    one that fails does not stop the others, and a table says at the end what became of each.
    """
    options: dict[str, Any] = {
        "from_stage": from_stage,
        "to_stage": to_stage,
        "settings": settings or (),
        "restart": restart,
    }
    options |= {"report": report, "verbosity": _verbosity(verbose, quiet)}
    if len(recipes) == 1:
        typer.echo(_commands().run(recipes[0], out, **options))
        return
    _tell_all(_many().run_each(recipes, out, told=_tell, **options), "folder")


@app.command()
def view(
    path: Annotated[Path, typer.Argument(metavar="OUT|RECIPE", help="An output folder of a run, or a recipe.")],
    *,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="Port of the page; 0: a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name that a proxy calls this server by. Repeatable."),
    ] = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """The web page: choose parameters, look at everything. Ctrl-C ends it."""
    server_ends_by_itself(grace_s=4.0)
    options = {"port": port, "browser": browser, "allow_hosts": allow_host or ()}
    try:
        for line in _commands().serve(path, **options, verbosity=_verbosity(verbose, quiet)):
            typer.echo(line)
            sys.stdout.flush()
    except KeyboardInterrupt:  # the way to end it
        return


@app.command()
def evaluate(
    out: Output,
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", help="SCAN.truth.h5 of a simulation.")],
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the numbers here [evaluation.json in OUT]."),
    ] = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Compare a run with the truth."""
    found = _commands().evaluate(out, truth, json_file=json_file, verbosity=_verbosity(verbose, quiet))
    for part, numbers in found.items():
        _print_table(part, numbers)


@app.command()
def report(out: Output, verbose: Verbose = 0, quiet: Quiet = False) -> None:
    """Write report.html: one page, no network, each stage in pictures and numbers."""
    typer.echo(_commands().report(out, verbosity=_verbosity(verbose, quiet)))


@app.command()
def export(
    out: Output,
    format_name: Annotated[str, typer.Option("--format", metavar="|".join(EXPORT_FILES), help="What to write.")],
    target: Annotated[str | None, typer.Option("-o", "--out", metavar="PATH", help="Where to [in OUT].")] = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Write results for other programs."""
    typer.echo(_commands().export(out, format_name, target, verbosity=_verbosity(verbose, quiet)))


@app.command()
def calibrate(out: Output, verbose: Verbose = 0, quiet: Quiet = False) -> None:
    """Say what the pairs and grains tell about centre, distance and tilts; nothing is changed."""
    for line in _commands().calibrate(out, verbosity=_verbosity(verbose, quiet)):
        typer.echo(line)


@app.command("import-parameters")
def import_parameters(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="ImageD11's .par, or ESRF DCT's parameters.h5.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="RECIPE", help="The recipe to write.")] = Path(RECIPE),
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Write a recipe with the geometry and crystals that another program wrote down."""
    typer.echo(_commands().import_parameters(file, out, verbosity=_verbosity(verbose, quiet)))


@app.command()
def verify(out: Output, verbose: Verbose = 0, quiet: Quiet = False) -> None:
    """Check an output folder against its hashes; exits 1 when a file or a stage is missing or has changed."""
    for name in _commands().verify(out, verbosity=_verbosity(verbose, quiet)):
        typer.echo(f"{name} is as the run left it")


def _print_table(title: str, numbers: dict[str, Any]) -> None:
    """Numbers by name; those that hold several are one row with all of them."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "", title=title, show_header=False, title_justify="left")
    for name, value in numbers.items():
        parts = value if isinstance(value, dict) else {"": value}
        shown = (f"{key}: {_short(part)}" if key else _short(part) for key, part in parts.items())
        table.add_row(name.replace("_", " "), "   ".join(shown))
    Console(soft_wrap=True).print(table)


def _tell(outcome: Any) -> None:
    """Where the result of one of several scans lies, or why there is none."""
    if outcome.error:
        _failed(f"{outcome.name}: {outcome.error}", outcome.exit_code)
    else:
        typer.echo(outcome.path)


def _tell_all(outcomes: list[Any], result: str) -> None:
    """A table of what became of many scans; ends the command."""
    from rich.console import Console
    from rich.table import Column, Table

    counted = dict.fromkeys(name for outcome in outcomes for name in outcome.counts)
    numbers = (Column(name, justify="right") for name in (*counted, "seconds"))
    table = Table(Column(result, overflow="fold"), *numbers, "")
    for one in outcomes:
        counts = (f"{one.counts[name]:,}" if name in one.counts else "" for name in counted)
        said = "failed" if one.error else "done"
        table.add_row(os.path.relpath(one.path), *counts, f"{one.seconds:.1f}", said)
    Console(soft_wrap=True, stderr=True).print(table)
    raise typer.Exit(_many().exit_code(outcomes))


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_short, value[:20])) + (" ..." if len(value) > 20 else "") if value else "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _commands() -> Any:
    """The functions behind the commands, and all that they import."""
    check_limit()
    from friedel import commands

    return commands


def _many() -> Any:
    """The functions for many scans at a time."""
    check_limit()
    from friedel import many_scans

    return many_scans


def _verbosity(verbose: int, quiet: bool) -> int:
    return -1 if quiet else min(verbose, 1)


def main() -> NoReturn:
    """Entry point: every failure is one line and an exit code, unless --debug asks for more."""
    code = watched()
    if code is not None:
        sys.exit(code)
    try:
        listen()  # a job's end (SIGTERM) is an interrupt like Ctrl-C
        debug = "--debug" in sys.argv[1:]
        arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
        code = run_command(["--debug", *arguments] if debug else arguments, debug=debug)
    except KeyboardInterrupt:  # before a command has begun
        code = _failed("interrupted", 130)
    finished(code)  # only Python's own end is left to interrupt
    sys.exit(code)


def run_command(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command; returns its exit code, having printed one line about a failure."""
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="friedel", standalone_mode=False)
        # what typer makes of an interrupt that no command caught, e.g. while it imported what it needs
        return _failed("interrupted", 130) if code == 130 else code if isinstance(code, int) else 0
    except FriedelError as error:
        if debug:
            raise
        return _failed(str(error), error.exit_code)
    except UsageError as error:
        return _misused(error)
    except (typer.Abort, KeyboardInterrupt):
        return _failed("interrupted", 130)
    except MemoryError as error:  # not where a command would say more: while it imported what it needs
        return _failed(f"memory: is exhausted: {error}" if str(error) else "memory: is exhausted", 3)
    except BrokenPipeError:  # e.g. `friedel inspect ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _misused(error: Any) -> int:
    """One line about a wrong command line, or the whole help where there was no command at all."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return 2
    command = error.ctx.command_path if error.ctx else "friedel"
    text = brief(error.format_message(), 2 * MOST_QUOTED)
    if "unexpected extra argument" in text and command.split()[-1] in TAKE_PATTERNS:
        return _failed(f"{text} (quote a pattern, so that the shell leaves it alone: '*.edf')", 2)
    return _failed(f"{text} (see `{command} --help`)", 2)


def _failed(text: str, code: int) -> int:
    for line in few_lines(text):  # a recipe may have several mistakes
        typer.echo(f"friedel: {line}", err=True)
    return code
