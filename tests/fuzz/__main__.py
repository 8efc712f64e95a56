"""`python -m tests.fuzz [--inputs N] [--first N] [--workers N] [--seconds S] [--kinds A,B] [--replay KIND:N]`."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.engine import fuzz, numbers_of, rng_of
from tests.fuzz.kinds import KINDS

SHOWN = 40


def main() -> int:
    """Try inputs, print figures by kind and what failed; 1 where something did."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input of each kind")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no more after this time")
    parser.add_argument("--kinds", default="", help="some only, with commas between")
    parser.add_argument("--replay", default="", help="KIND:NUMBER, tried in this process")
    asked = parser.parse_args()
    if asked.replay:
        return replay(asked.replay)
    wanted = numbers_of(asked.inputs, [name for name in asked.kinds.split(",") if name])
    wanted = {name: range(asked.first, asked.first + len(numbers)) for name, numbers in wanted.items()}
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="friedel-fuzz-") as folder:
        tally = fuzz(wanted, Path(folder), asked.workers, begin + asked.seconds)
    write = sys.stdout.write
    for kind, number, outcome, said, alike in [*tally.distinct()][:SHOWN]:
        write(f"\n{outcome} ({alike} alike): python -m tests.fuzz --replay {kind}:{number}\n{said}\n")
    for line in tally.lines():
        write(f"{line}\n")
    write(f"{time.monotonic() - begin:.0f} s with {asked.workers} processes\n")
    return 1 if tally.failures else 0


def replay(text: str) -> int:
    """One input once more, where a debugger can look at it; its files stay."""
    kind, _, number = text.partition(":")
    folder = Path(tempfile.mkdtemp(prefix=f"friedel-fuzz-{kind}-"))
    KINDS[kind].prepare(folder)
    sys.stdout.write(f"in {folder}\n")
    sys.stdout.write(f"{KINDS[kind].one(rng_of(kind, int(number)))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
