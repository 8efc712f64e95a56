"""A scan segmented again and again: other thresholds in milliseconds, exactly as a run finds the blobs."""

from friedel.explorer.exploration import Exploration

__all__ = ["Exploration"]
