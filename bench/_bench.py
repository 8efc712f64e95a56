"""What every bench does: interleaved repeats, medians, and one JSON object as the last line."""

import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

AS_IT_IS = """
[preprocess]
normalise = "none"
background = "none"
despeckle = 1
beam = "none"
"""
"""Part of a recipe: frames that are clean already."""


def interleaved(
    candidates: Mapping[str, Callable[[], Any]], repeats: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Seconds of each candidate, the median of `repeats` runs taken in turns, so that load hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, candidate in candidates.items():
            start = clock()
            candidate()
            seconds[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def report(claim: str, ratio: float, goal: float, better: Literal["higher", "lower"]) -> int:
    """Print the claim as the last line; the exit code is 0 where it is met and 1 where it is not."""
    met = ratio >= goal if better == "higher" else ratio <= goal
    print(json.dumps({"claim": claim, "ratio": round(ratio, 3), "goal": goal, "better": better, "met": met}))
    return 0 if met else 1
