"""What a finished run has left in the output folder, to be taken instead of being worked out again."""

from friedel.errors import FriedelError
from friedel.model.scan import Scan
from friedel.model.setup import Setup
from friedel.output_folder.files import GRAINS, PAIRS
from friedel.output_folder.reader import OutputFolder
from friedel.recipe import Recipe
from friedel.runner.lock import at_work
from friedel.runner.segment_images import SegmentImages, read_segment_images
from friedel.runner.stage_hashes import stage_hashes


def is_finished(stage: str, recipe: Recipe, scan: Scan, folder: OutputFolder) -> bool:
    """Whether the folder holds the result of a stage, of these parameters and this scan.

    Files are known at a glance: who works with one asks whether it is `unchanged`. While a run is at work files
    come before they are recorded: what it recorded holds.
    """
    record = folder.record
    if record is None:
        return False
    try:
        segment_images = SegmentImages() if stage == "preprocess" else read_segment_images(recipe.segment, scan)
        wanted = stage_hashes(recipe, scan, segment_images)[stage]
        if at_work(folder.path):
            return stage in record.stages and record.stages[stage].hash == wanted
        return record.finished(stage, wanted, folder.seems_unchanged)
    except (FriedelError, OSError):
        return False


def calibrated_setup(recipe: Recipe, folder: OutputFolder) -> Setup | None:
    """The geometry that a run with the same [setup] has matched pairs with; None where none can be read."""
    ran = folder.recipe
    same = ran is not None and ran.setup == recipe.setup and folder.has(PAIRS)
    same = same and folder.unchanged(PAIRS) and folder.unchanged(GRAINS)
    return folder.calibrated_setup if same else None
