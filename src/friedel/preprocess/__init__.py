"""From raw frames to clean ones: dark, intensity, moving median along the rotation, despeckling."""

from friedel.preprocess.measure import measure
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.stream import clean_blocks, ring_bytes

__all__ = ["PreprocessParams", "clean_blocks", "measure", "ring_bytes"]
