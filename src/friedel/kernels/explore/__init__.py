"""Bright runs looked at again and again: other floors, slices, images for a screen."""
