"""Spots as images, what of them can be seen, and noise."""
