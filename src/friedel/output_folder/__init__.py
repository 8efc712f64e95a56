"""The output folder of a run: its files and who writes them, its record, and the one reader of all of it."""
