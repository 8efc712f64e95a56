"""The kinds of faults: what goes wrong in a run, or between two, drawn from a seed.

Each kind is a function of a `Trial` that lets it happen and returns what is wrong with how the run took it, or
nothing. What must be true of the folder afterwards is the same for all, see `trials`.
"""

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from friedel.io import h5_output
from friedel.output_folder.files import RESULTS, STAGES
from friedel.runner.grain_stages import FRAMES_NOT_READ
from tests.faults.forking import ended, forked
from tests.faults.tiny_run import Tiny

WRITES = 2000
"""About as many calls as HDF5 makes to write all files of a tiny run."""
RENAMES = 20
READS = 400
RUN_S = 1.0
"""About as long as a tiny run takes."""


@dataclass
class Trial:
    """One fault: the scan, the folder of the run, chance, and what the run printed.

    A kind may set `told`: the run has said what it met, and its results need not be the undisturbed ones; and
    `again`: options with which the next run makes everything right.
    """

    tiny: Tiny
    out: Path
    chance: random.Random
    said: Path
    told: bool = False
    again: tuple[str, ...] = ()
    started: str = ""
    mounted: bool = False

    def begin(self) -> None:
        """A new folder, or one that an earlier run has left with some stages done."""
        self.started = self.chance.choice(["", "", *STAGES[:-1]])
        self.tiny.start(self.out, self.started)

    def threads(self) -> tuple[str, str]:
        """One or two."""
        return "--set", f"run.threads={self.chance.choice([1, 2])}"

    def run(self, before: Callable[[], object], codes: set[int]) -> str:
        """A run in which `before` has made something go wrong; it must end with one of the exit codes."""
        self.begin()
        return self.judged(self.tiny.run(self.out, self.said, before, *self.threads()), codes)

    def judged(self, code: int, codes: set[int]) -> str:
        """What is wrong about how it ended."""
        said = self.said.read_text(errors="replace") if self.said.exists() else ""
        if code not in codes:
            return f"exit code {code}: {said[-2000:]}"
        return f"a traceback: {said[-2000:]}" if "Traceback" in said else ""


def at_any_moment(sign: int, codes: set[int]) -> Callable[[Trial], str]:
    """A signal from outside, some time after the start."""

    def kind(trial: Trial) -> str:
        trial.begin()
        threads = trial.threads()
        child = forked(lambda: trial.tiny.command(trial.out, _usual_signals, *threads), trial.said)
        time.sleep(trial.chance.uniform(0.0, RUN_S))
        os.kill(child, sign)
        return trial.judged(ended(child), codes)

    return kind


def signal_inside_a_write(trial: Trial) -> str:
    """A signal while HDF5 is writing."""
    sign = trial.chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    at = _up_to(trial.chance, WRITES)

    def before() -> None:
        _usual_signals()
        _nth_write(at, lambda: os.kill(os.getpid(), sign))

    return trial.run(before, {0, -9 if sign == signal.SIGKILL else 130})


def refused_write(trial: Trial) -> str:
    """A write of HDF5 that the disk refuses, and all that follow."""
    number = trial.chance.choice([errno.ENOSPC, errno.EIO, errno.EDQUOT])
    at = _up_to(trial.chance, WRITES)

    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    return trial.run(lambda: _nth_write(at, refuse, on=True), {0, 1})


def quota(trial: Trial) -> str:
    """Files that may not grow beyond a size."""
    size = int(2 ** trial.chance.uniform(6, 21))

    def before() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return trial.run(before, {0, 1})


def small_disk(trial: Trial) -> str:
    """A disk of its own that fills up, and has room for the next run; a quota where this user may mount none."""
    trial.out.mkdir()
    left, when = int(2 ** trial.chance.uniform(10, 21)), trial.chance.uniform(0.0, RUN_S)
    if not _mount(trial.out, "size=64m"):
        trial.out.rmdir()
        return quota(trial)
    trial.mounted = True
    threads = trial.threads()
    child = forked(lambda: trial.tiny.command(trial.out, lambda: None, *threads), trial.said)
    time.sleep(when)
    full = trial.out / "somebody else's"
    with full.open("wb") as file, suppress(OSError):
        free = os.statvfs(trial.out)
        os.posix_fallocate(file.fileno(), 0, max(1, free.f_bavail * free.f_bsize - left))
    wrong = trial.judged(ended(child), {0, 1, 3})
    full.unlink()
    return wrong


def failing_rename(trial: Trial) -> str:
    """A rename that fails, before or after it was done."""
    number, at = trial.chance.choice([errno.EIO, errno.EACCES, errno.ENOSPC]), trial.chance.randint(1, RENAMES)
    done = trial.chance.random() < 0.3
    return trial.run(lambda: _nth_call("replace", at, number, done=done), {0, 1})


def failing_flush(trial: Trial) -> str:
    """A flush that fails: the disk has lost what it took."""
    at = trial.chance.randint(1, 2 * RENAMES)
    return trial.run(lambda: _nth_call("fsync", at, errno.EIO, done=False), {0, 1})


def short_reads(trial: Trial) -> str:
    """Reads that give less than was asked for: nothing is wrong."""
    most = trial.chance.choice([64, 1000, 4096])
    usual = os.preadv

    def short(handle: int, buffers: list[Any], offset: int) -> int:
        return usual(handle, [memoryview(buffers[0])[:most]], offset)

    def before() -> None:
        os.preadv = short

    return trial.run(before, {0})


def failing_read(trial: Trial) -> str:
    """Some reads that fail: refused, or the frames are bridged and the run says so."""
    usual, calls = os.preadv, [0]
    at, many = trial.chance.randint(1, READS), trial.chance.choice([1, 1, 2, 10, 1000])

    def once(handle: int, buffers: list[Any], offset: int) -> int:
        calls[0] += 1
        if at <= calls[0] < at + many:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return usual(handle, buffers, offset)

    def before() -> None:
        os.preadv = once

    wrong = trial.run(before, {0, 1, 2})
    return wrong or _told(trial)


def changed_input(trial: Trial) -> str:
    """A scan that is cut off, overwritten or replaced while it is read: refused, or the run says so."""
    trial.tiny = trial.tiny.spoilable(trial.out.with_name("scan"))
    scan, chance = trial.tiny.folder / "scan.h5", trial.chance
    whole, other = scan.read_bytes(), trial.tiny.made / "other" / "scan.h5"
    how = chance.choice(["cut", "overwritten", "replaced", "gone"])
    trial.begin()
    threads = trial.threads()
    child = forked(lambda: trial.tiny.command(trial.out, lambda: None, *threads), trial.said)
    time.sleep(chance.uniform(0.0, RUN_S / 2))
    if how == "cut":
        os.truncate(scan, int(chance.uniform(0, len(whole))))
    elif how == "overwritten":
        scan.write_bytes(other.read_bytes())
    elif how == "replaced":
        shutil.copy(other, scan.with_suffix(".new"))
        scan.with_suffix(".new").replace(scan)
    else:
        scan.unlink()
    wrong = trial.judged(ended(child), {0, 1, 2})
    scan.write_bytes(whole)
    if trial.tiny.wrong(trial.out) and trial.tiny.of_the_other(trial.out):  # before the run looked
        trial.told, trial.again, trial.started = True, ("--restart",), ""
        return wrong
    return wrong or _told(trial)


def two_at_once(trial: Trial) -> str:
    """Two runs into one folder: one of them is refused, unless the other has ended."""
    trial.begin()
    said = trial.said.with_name("said too")
    first = forked(lambda: trial.tiny.command(trial.out, lambda: None, *trial.threads()), trial.said)
    time.sleep(trial.chance.uniform(0.0, RUN_S))
    second = forked(lambda: trial.tiny.command(trial.out, lambda: None, *trial.threads()), said)
    codes = ended(first), ended(second)
    if 0 not in codes:
        return f"exit codes {codes}: {trial.said.read_text()} {said.read_text()}"
    return trial.judged(codes[0], {0, 1}) or trial.judged(codes[1], {0, 1})


def changed_output(trial: Trial) -> str:
    """A file of a finished run that somebody has changed: `verify` says so, and it is made again."""
    trial.started = STAGES[-1]
    trial.tiny.start(trial.out, trial.started)
    name = trial.chance.choice([*RESULTS, "run.json", "recipe.toml"])
    file, how = trial.out / name, trial.chance.choice(["gone", "empty", "cut", "flipped"])
    data = file.read_bytes()
    at = trial.chance.randrange(len(data) - 1)
    if how == "gone":
        file.unlink()
    else:
        flipped = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        file.write_bytes({"empty": b"", "cut": data[:at], "flipped": flipped}[how])
    trial.told = True  # the fault is in the results themselves
    trial.started = ""
    if name in RESULTS:
        code = ended(forked(lambda: _verify(trial.out), trial.said))
        if code == 0:
            return f"verify has nothing to say about {name}, which is {how}"
        wrong = trial.judged(code, {1})
        trial.again = ("--restart",) if how == "flipped" else ()
        return wrong
    trial.again = ("--restart",)
    return ""


def jumping_clock(trial: Trial) -> str:
    """A clock that jumps back and forth by years, and files from the future: nothing is wrong."""
    usual, seed = time.time, trial.chance.random()

    def before() -> None:
        chance = random.Random(seed)
        time.time = lambda: max(0.0, usual() + chance.uniform(-1e9, 1e9))

    trial.begin()
    for file in trial.out.glob("*"):
        moment = time.time() + trial.chance.uniform(-1e9, 1e9)
        os.utime(file, (moment, moment))
    return trial.judged(trial.tiny.run(trial.out, trial.said, before, *trial.threads()), {0})


KINDS: dict[str, Callable[[Trial], str]] = {
    "killed": at_any_moment(signal.SIGKILL, {0, -signal.SIGKILL}),
    "interrupted": at_any_moment(signal.SIGINT, {0, 130}),
    "terminated": at_any_moment(signal.SIGTERM, {0, 130}),
    "signal inside a write": signal_inside_a_write,
    "refused write": refused_write,
    "full quota": quota,
    "small disk": small_disk,
    "failing rename": failing_rename,
    "failing flush": failing_flush,
    "short reads": short_reads,
    "failing read": failing_read,
    "changed input": changed_input,
    "two at once": two_at_once,
    "changed output": changed_output,
    "jumping clock": jumping_clock,
}


def unmount(folder: Path) -> None:
    """Take away what `small_disk` has mounted."""
    subprocess.run(["umount", str(folder)], check=True)


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "friedel", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _usual_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _up_to(chance: random.Random, most: int) -> int:
    """Whole numbers, small ones as often as large ones."""
    return int(most ** chance.random())


def _nth_write(at: int, happen: Callable[[], None], *, on: bool = False) -> None:
    """Let something happen at one of HDF5's writes; with `on` at all that follow too."""
    calls = [0]

    class Faulty(FileIO):
        def write(self, data: Any) -> int:
            calls[0] += 1
            if calls[0] == at or (on and calls[0] > at):
                happen()
            return super().write(data)

    h5_output.FileIO = Faulty


def _nth_call(name: str, at: int, number: int, *, done: bool) -> None:
    """Let a function of `os` fail once, before or after it has done its work."""
    usual, calls = getattr(os, name), [0]

    def faulty(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] != at:
            return usual(*arguments, **named)
        if done:
            usual(*arguments, **named)
        raise OSError(number, os.strerror(number), *map(str, arguments[:1]))

    setattr(os, name, faulty)


def _told(trial: Trial) -> str:
    """Results other than the undisturbed are right where the run has warned of frames that it could not read.

    Those in which no faint spots were looked for are made again by the next run, of itself.
    """
    if trial.tiny.wrong(trial.out):
        record = (trial.out / "run.json").read_text()
        if FRAMES_NOT_READ in record and {*trial.tiny.wrong(trial.out)} <= {"grains.h5", "shapes.h5", "volume.h5"}:
            trial.told = True
            return ""
        if "frames were corrupt" not in record:
            return f"other results than the undisturbed, and no word: {trial.tiny.wrong(trial.out)}"
        trial.told, trial.again, trial.started = True, ("--restart",), ""
    return ""


def _verify(out: Path) -> int:
    from friedel.cli import run_command

    return run_command(["verify", str(out)])
