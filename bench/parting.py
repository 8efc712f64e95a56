"""What it costs to part neighbours at their saddles, as `friedel init` has it, over the brightest claiming all.

`python -m bench.parting`: the whole segmentation of the volume of `bench.segment` both ways, one thread, CPU time.
"""

import sys
import time
from functools import partial

from bench._bench import interleaved, report
from bench.segment import CLAIM, clean_volume, complete
from friedel.survey.guess import SADDLE

GOAL = 1.25


def main() -> int:
    """Measure, print, and say whether the claim holds."""
    volume = clean_volume()
    parted = CLAIM.replaced(overlap="watershed", saddle=SADDLE)
    print(f"{complete(volume, CLAIM)} seeds, {complete(volume, parted)} where neighbours are parted")
    ways = {"claim": partial(complete, volume, CLAIM), "parted": partial(complete, volume, parted)}
    seconds = interleaved(ways, repeats=7, clock=time.process_time)
    ratio = seconds["parted"] / seconds["claim"]
    return report("neighbours parted at their saddles, over one claiming all (CPU time)", ratio, GOAL, "lower")


if __name__ == "__main__":
    sys.exit(main())
