"""Match: Friedel pairs among blobs, and what calibration needs of it: candidates, tolerances, pairs by chance."""

from friedel.match.matching import best_pairs, match
from friedel.match.measured_spots import MeasuredSpots, measured_spots
from friedel.match.params import MatchParams
from friedel.match.tolerances import CandidatePairs, candidates_of_unsure_detector, scrambled, tolerance_scale

__all__ = [
    "CandidatePairs",
    "MatchParams",
    "MeasuredSpots",
    "best_pairs",
    "candidates_of_unsure_detector",
    "match",
    "measured_spots",
    "scrambled",
    "tolerance_scale",
]
