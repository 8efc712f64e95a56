"""Frames that are too full of bright voxels: how many there may be, and the error for a frame with more."""

from friedel.errors import NoiseError
from friedel.segment.params import SegmentParams

LEAST_BRIGHT = 9
"""One spot of 3 × 3 is not too much for any frame, however small."""


def most_bright(params: SegmentParams, pixels: int) -> int:
    """How many voxels of a frame may be bright; `pixels` of it are looked at."""
    return max(int(params.max_bright_fraction * pixels), LEAST_BRIGHT)


def too_full(frame: int, bright: int, pixels: int, *, most: int, floor: float, more: int = 0) -> NoiseError:
    """The error for a frame with `bright` voxels at or above `floor`, and as many as `more` others like it."""
    others = f", and {more} more frames like it" if more else ""
    return NoiseError(
        f"frame {frame}",
        rule=f"at most {most} of its voxels may be above the lowest threshold, {floor:g}",
        got=f"{bright} ({bright / max(pixels, 1):.1%}){others}",
        way_out="raise segment.grow_min or segment.tolerance, exclude what is bright, "
        "or raise segment.max_bright_fraction",
    )
