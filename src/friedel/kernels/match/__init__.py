"""Friedel pairs."""
