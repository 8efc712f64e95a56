"""From raw frames to clean ones: dark, intensity, moving median along the rotation, despeckling."""

from friedel.preprocess.baseline import dead_pixels, measure_baseline
from friedel.preprocess.params import PreprocessParams
from friedel.preprocess.stream import buffer_bytes, clean_blocks

__all__ = ["PreprocessParams", "buffer_bytes", "clean_blocks", "dead_pixels", "measure_baseline"]
