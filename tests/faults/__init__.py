"""Kills, signals, full disks, short reads, failing renames, changed files; after each, right or not there."""
