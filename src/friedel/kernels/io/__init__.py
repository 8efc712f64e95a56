"""Bytes of compressed chunks."""
