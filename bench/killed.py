"""A run killed with SIGKILL at ten random moments and started again each time gives the same blobs.h5.

python -m bench.killed [SEED]
"""

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench._scans import friedel, identical, simulated

KILLS = 10


def main(seed: int) -> int:
    """Kill, start again, compare."""
    chance = random.Random(seed)
    equal = stopped = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _, recipe = simulated(folder, "frames=900", "grains=40")
        friedel("run", recipe, "-o", folder / "warm", "--to", "segment")  # compiles the kernels
        begin = time.perf_counter()
        friedel("run", recipe, "-o", folder / "whole", "--to", "segment")
        whole = time.perf_counter() - begin
        for _ in range(KILLS):
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            command = [sys.executable, "-m", "friedel", "run", str(recipe), "-o", str(out), "--to", "segment", "-q"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.1, 1.0) * whole)
            process.send_signal(signal.SIGKILL)
            stopped += process.wait() != 0
            friedel("run", recipe, "-o", out, "--to", "segment")
            left = {path.name for path in out.iterdir()} - {path.name for path in (folder / "whole").iterdir()}
            equal += identical(out / "blobs.h5", folder / "whole" / "blobs.h5") and not left
    met = equal == KILLS
    print(
        json.dumps(
            {"claim": "same blobs.h5 after a kill", "kills": KILLS, "stopped": stopped, "same": equal, "met": met}
        )
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
