"""The default simulated scan with `friedel init`'s unedited recipe, judged against its truth.

python -m bench.default_scan [SEED]
"""

import json
import sys
import tempfile
from pathlib import Path

from bench._scans import friedel, simulated

F1_GOAL = 0.85
RECALL_GOAL = 0.97


def main(seed: int) -> int:
    """Simulate, run, evaluate and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _, recipe = simulated(folder, seed=seed)
        friedel("run", recipe, "-o", folder / "out", "--to", "segment")
        friedel("evaluate", folder / "out", folder / "scan.truth.h5", "--json", folder / "m.json")
        blobs = json.loads((folder / "m.json").read_text())["blobs"]
    f1, recall = blobs["f1"]["0.5"], blobs["recall_isolated_above_5_sigma"]
    met = f1 >= F1_GOAL and recall >= RECALL_GOAL
    print(
        json.dumps(
            {
                "claim": "init's recipe on the default scan",
                "f1": f1,
                "recall_isolated_above_5_sigma": recall,
                "met": met,
            }
        )
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
