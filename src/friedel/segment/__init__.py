"""Segmentation: clean frames in, blobs out.

`bright_voxels` -> `components_of` -> `solve`, or `segment` for all three block by block.
"""

from friedel.segment.blob_runs import BlobRuns
from friedel.segment.bright import BrightVoxels, bright_voxels
from friedel.segment.components import Components
from friedel.segment.double_threshold import components_of, segment, solve
from friedel.segment.exclude import excluded_area
from friedel.segment.params import SegmentParams

__all__ = [
    "BlobRuns",
    "BrightVoxels",
    "Components",
    "SegmentParams",
    "bright_voxels",
    "components_of",
    "excluded_area",
    "segment",
    "solve",
]
