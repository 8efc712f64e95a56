"""Projections of a grain, forth and back, and the blobs that show it."""
