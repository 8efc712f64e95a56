"""Detector positions judged by the rings of the lattice."""
