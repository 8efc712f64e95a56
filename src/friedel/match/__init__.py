"""Match: Friedel pairs among blobs, and what calibration needs of it: candidates, tolerances, pairs by chance."""

from friedel.match.across import (
    AcrossPairs,
    alike_clusters,
    best_across,
    brightest,
    meeting_depths,
    meeting_points,
    near_misses,
    pairs_across,
    ray_misses,
)
from friedel.match.matching import best_pairs, match
from friedel.match.measured_spots import MeasuredSpots, measured_spots, pairable_fraction
from friedel.match.params import MatchParams
from friedel.match.tolerances import (
    UNTUNED,
    CandidatePairs,
    candidates_of_unsure_detector,
    scrambled,
    tolerance_scale,
)

__all__ = [
    "UNTUNED",
    "AcrossPairs",
    "CandidatePairs",
    "MatchParams",
    "MeasuredSpots",
    "alike_clusters",
    "best_across",
    "best_pairs",
    "brightest",
    "candidates_of_unsure_detector",
    "match",
    "measured_spots",
    "meeting_depths",
    "meeting_points",
    "near_misses",
    "pairable_fraction",
    "pairs_across",
    "ray_misses",
    "scrambled",
    "tolerance_scale",
]
