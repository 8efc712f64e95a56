"""Segmentation: clean frames in, blobs out."""

from friedel.segment.blob_runs import BlobRuns
from friedel.segment.bright import BrightVoxels, bright_voxels
from friedel.segment.components import Components, components_of
from friedel.segment.double_threshold import segment, solve, solve_components, solve_runs
from friedel.segment.exclude import excluded_area
from friedel.segment.ledger import apply_limits
from friedel.segment.params import SegmentParams

__all__ = [
    "BlobRuns",
    "BrightVoxels",
    "Components",
    "SegmentParams",
    "apply_limits",
    "bright_voxels",
    "components_of",
    "excluded_area",
    "segment",
    "solve",
    "solve_components",
    "solve_runs",
]
