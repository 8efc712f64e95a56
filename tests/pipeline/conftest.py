"""A small simulated scan, made once, and the command line in a process of its own or in this one."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import friedel
from friedel.cli import run_command

SMALL = (
    "frames=240",
    "rows=112",
    "cols=120",
    "grains=2",
    "pixel_um=12",
    "sample.radius_um=100",
    "sample.height_um=120",
    "light.spot_counts=50",
)
WINDOW = (
    "preprocess.half_window=60",
    "preprocess.half_step=8",
    "segment.seed_threshold=60",
    "segment.grow_min=20",
    "segment.seed_min_voxels=5",
    "segment.min_size=[3,3,1]",
)


@pytest.fixture(scope="session", autouse=True)
def _no_reports() -> Iterator[None]:
    """Runs draw no report, which takes longer than they do, unless a test asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(friedel.run.__kwdefaults__, "report", False)
        yield


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`scan.h5` with its truth and recipe beside it; nobody writes into its folder."""
    path = tmp_path_factory.mktemp("scan") / "scan.h5"
    friedel.simulate(path, preset="small", seed=5, settings=SMALL)
    return path


@pytest.fixture(scope="session")
def recipe(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `friedel init` makes of it."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    return friedel.init(str(scan), path, settings=WINDOW)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`friedel ARGUMENTS...` in this process: exit code, standard output, standard error."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = run_command(_without_report(arguments))
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def _without_report(arguments: tuple[str | Path, ...]) -> list[str]:
    """As text; `run` with --no-report, unless it says --report."""
    texts = [str(argument) for argument in arguments]
    return [*texts, "--no-report"] if texts[:1] == ["run"] and not {"--report", "--help"} & set(texts) else texts


def spawn(*arguments: str | Path, cwd: Path | None = None, code: str = "") -> "subprocess.Popen[str]":
    """`friedel ARGUMENTS...` as a process of its own; `code` is Python to run before."""
    program = f"{code}\nimport sys\nfrom friedel.cli import main\nsys.argv = ['friedel', *sys.argv[1:]]\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *_without_report(arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
