"""Our HDF5 files: their writers and readers, in one place to import from."""

from friedel.io.atomic import atomic
from friedel.io.blob_store import read_attributes, read_blobs, write_blobs
from friedel.io.truth_store import read_truth, write_grains_group, write_truth, write_volume_group
from friedel.io.writers import BackgroundWriter, CleanWriter, RawWriter, write_background

__all__ = [
    "BackgroundWriter",
    "CleanWriter",
    "RawWriter",
    "atomic",
    "read_attributes",
    "read_blobs",
    "read_truth",
    "write_background",
    "write_blobs",
    "write_grains_group",
    "write_truth",
    "write_volume_group",
]
