"""Match: Friedel pairs among blobs."""

from friedel.match.matching import match
from friedel.match.params import MatchParams

__all__ = ["MatchParams", "match"]
