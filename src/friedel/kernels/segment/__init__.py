"""Bright runs, their components, seeds, claims, saddles and sums."""
