"""Grains: which blobs belong together, where the grain is and how its lattice stands.

Seeds are pairs: where many of their lines meet and the angles between their g-vectors are the lattice's, a crystal
is assumed, fitted to all the spots it predicts and believed if it explains more of them than the same search finds
in the same blobs with scrambled omega.
"""

from friedel.index.grains import index
from friedel.index.params import IndexParams

__all__ = ["IndexParams", "index"]
