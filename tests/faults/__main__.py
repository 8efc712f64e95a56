"""Many faults, two at a time, and how many of each kind there were: `python -m tests.faults [NUMBER] [SEED]`.

A fault that is not survived is printed with its kind and seed; `python -m tests.faults KIND SEED` repeats it.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.forking import ended, forked
from tests.faults.kinds import KINDS
from tests.faults.tiny_run import Tiny, make_tiny
from tests.faults.trials import try_fault

NUMBER = 600
WORKERS = 2


def main(arguments: list[str]) -> int:
    """All kinds in turn; 1 where one was not survived."""
    with tempfile.TemporaryDirectory() as temporary:
        tiny = make_tiny(Path(temporary))
        if arguments and arguments[0] in KINDS:
            print(try_fault(tiny, arguments[0], int(arguments[1])) or "survived")
            return 0
        number, seed = (int(text) for text in (arguments + [str(NUMBER), "1"][len(arguments) :]))
        begin = time.monotonic()
        faults = [(kind, seed + i) for i in range(-(-number // len(KINDS))) for kind in KINDS]
        wrong = _tried(tiny, faults)
        figures = Counter(kind for kind, _ in faults)
        for kind, count in figures.items():
            print(f"{kind:24s} {count:5d} faults, {sum(text.startswith(f'{kind} ') for text in wrong):3d} wrong")
        print("\n".join(wrong), end="\n" if wrong else "")
        claim = {"claim": "every fault is survived", "faults": len(faults), "wrong": len(wrong)}
        print(json.dumps({**claim, "seconds": round(time.monotonic() - begin), "met": not wrong}))
    return 1 if wrong else 0


def _tried(tiny: Tiny, faults: list[tuple[str, int]]) -> list[str]:
    """What went wrong, tried by some workers beside each other: copies of this process, since runs fork too."""
    files = [tiny.folder / f"worker {worker}" for worker in range(WORKERS)]

    def work(worker: int) -> int:
        texts = (try_fault(tiny, kind, seed) for kind, seed in faults[worker::WORKERS])
        files[worker].write_text(json.dumps([text for text in texts if text]))
        return 0

    workers = [forked(lambda worker=worker: work(worker)) for worker in range(WORKERS)]
    if any(ended(worker, within_s=7200.0) for worker in workers):
        raise RuntimeError("a worker ended early")
    return [text for file in files for text in json.loads(file.read_text())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
