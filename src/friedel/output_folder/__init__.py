"""The output folder of a run: its files and who writes them, its record, and the one reader of all of it."""

from friedel.output_folder.reader import OutputFolder
from friedel.output_folder.record import RunRecord, StageRecord

__all__ = ["OutputFolder", "RunRecord", "StageRecord"]
