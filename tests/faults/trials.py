"""One fault after the other, and what must be true after each: the results are right, or absent and made next."""

import random
import shutil

from friedel.output_folder.files import RESULTS
from tests.faults.kinds import KINDS, Trial, unmount
from tests.faults.tiny_run import Tiny, hashes, vouched


def try_fault(tiny: Tiny, kind: str, seed: int) -> str:
    """Let a fault happen; what is wrong afterwards, nothing where all is right.

    Right: no result that stands there is another than an undisturbed run's, `run.json` vouches for nothing else,
    what was finished before is still there, and the next run finishes the rest and leaves nothing lying about.
    """
    folder = tiny.folder / f"{kind} {seed}".replace(" ", "_")
    folder.mkdir()
    trial = Trial(tiny, folder / "out", random.Random(f"{kind} {seed}"), folder / "said")
    try:
        wrong = KINDS[kind](trial) or _left(trial) or _next(trial)
    finally:
        if trial.mounted:
            unmount(trial.out)
        shutil.rmtree(folder, ignore_errors=True)
    return f"{kind} {seed}: {wrong}" if wrong else ""


def _left(trial: Trial) -> str:
    """What is wrong with what a fault has left."""
    if trial.told:
        return ""
    wrong = trial.tiny.wrong(trial.out)
    if wrong:
        return f"other results than the undisturbed: {wrong}"
    found, shared = hashes(trial.out), {name for name, some in trial.tiny.allowed.items() if len(some) > 1}
    false = [  # one that a later stage extends is right with and without that, and the next run knows it
        name
        for name, digest in vouched(trial.out).items()
        if found.get(name) != digest and not (name in shared and name in found)
    ]
    if false:
        return f"vouched for, and not so: {false}"
    had = hashes(trial.tiny.made / "stopped" / trial.started) if trial.started else {}
    lost = [name for name in had if name not in found]
    return f"lost: {lost}" if lost else ""


def _next(trial: Trial) -> str:
    """What is wrong with the next run, in which nothing goes wrong."""
    code = trial.tiny.run(trial.out, trial.said, lambda: None, *trial.threads(), *trial.again)
    wrong = trial.judged(code, {0})
    left = trial.tiny.unfinished(trial.out)
    return wrong or (f"the next run has not finished {left} of {len(RESULTS)}" if left else "")
