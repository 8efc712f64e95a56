"""Runs: stages in order, blocks and memory, threads, resuming, and the record of what was done."""
