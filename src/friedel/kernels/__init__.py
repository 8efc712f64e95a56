"""Loops in numba: arrays in, arrays out, by the stage that calls them; what several stages need is on top.

No files, no parameters, no logging here. Each public kernel has a slow twin, named in `tests/oracles.py`.
"""
