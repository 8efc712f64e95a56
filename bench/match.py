"""Matching grows with the number of spots, not with its square: time per spot at 80, 300 and 1000 grains.

    python -m bench.match

Spot tables of random aluminium grains (0.2 px and 0.02 degrees of noise, nothing missing), no frames. Prints the
pairs' precision and recall too, and the null. Claim: time per spot grows by less than 3 from 80 to 1000 grains.
"""

import sys

from bench._bench import interleaved, report
from friedel.match import MatchParams, match
from friedel.model.crystal import Phase
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from tests.oracles_match import SAMPLE_HALF_HEIGHT, SAMPLE_RADIUS, is_true, spot_table, true_pairs

GRAINS = (80, 300, 1000)
GOAL = 3.0


def main() -> int:
    """Measure, print, and say whether the claim holds."""
    phases = [Phase.from_lattice("Al", [4.0495] * 3 + [90.0] * 3, "F m -3 m")]
    sample = SampleShape("cylinder", (2 * SAMPLE_RADIUS, 2 * SAMPLE_RADIUS, 2 * SAMPLE_HALF_HEIGHT))
    setup = Setup(Beam(40.0), Detector.from_distance(3094.0, 3.5, (255.5, 255.5)), Axis(1), sample)
    tables = {grains: spot_table(setup, phases, grains) for grains in GRAINS}
    params = MatchParams()
    for blobs in tables.values():
        pairs = match(blobs, setup, phases, params)
        right = int(is_true(blobs, pairs).sum())
        print(f"{pairs.message}; precision {right / len(pairs):.4f}, recall {right / len(true_pairs(blobs)):.4f}")
    seconds = interleaved(
        {str(n): lambda blobs=blobs: match(blobs, setup, phases, params) for n, blobs in tables.items()}, repeats=3
    )
    spot = {n: seconds[str(n)] / len(blobs) for n, blobs in tables.items()}
    for n, blobs in tables.items():
        print(f"{n:5d} grains {len(blobs):7d} spots {seconds[str(n)]:7.3f} s  {1e6 * spot[n]:6.2f} us/spot")
    ratio = spot[1000] / spot[80]
    return report("matching: time per spot, 1000 grains over 80 (time)", ratio, GOAL, "lower")


if __name__ == "__main__":
    sys.exit(main())
