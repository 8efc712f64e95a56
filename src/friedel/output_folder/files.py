"""The files of an output folder, and who writes each of them: said here, and nowhere else."""

from collections.abc import Mapping

STAGES = ("preprocess", "segment", "match", "index", "reconstruct", "assemble")
GRAIN_STAGES = STAGES[2:]

RECIPE, RECORD, LOG = "recipe.toml", "run.json", "log.txt"
BACKGROUND, CLEAN, BLOBS = "background.h5", "clean.h5", "blobs.h5"
PAIRS, GRAINS, SHAPES, VOLUME = "pairs.h5", "grains.h5", "shapes.h5", "volume.h5"
REPORT, EVALUATION = "report.html", "evaluation.json"
EARLIER = "earlier"
"""Folder in the output folder: what a run with other parameters replaces, until its own result is complete."""

STAGE_FILES: Mapping[str, tuple[str, ...]] = {
    "preprocess": (BACKGROUND, CLEAN),
    "segment": (BLOBS,),
    "match": (PAIRS,),
    "index": (GRAINS,),
    "reconstruct": (SHAPES,),
    "assemble": (VOLUME,),
}
"""What each stage makes; a later stage may add to a file (the map adds sizes and neighbours to the grains), which
then belongs to both."""
EXTENDS: Mapping[str, tuple[str, ...]] = {"index": (PAIRS,), "assemble": (GRAINS,)}
"""Files of earlier stages that a stage may write anew."""
RESULTS = tuple(file for files in STAGE_FILES.values() for file in files)
TABLES = (BACKGROUND, BLOBS, PAIRS, GRAINS, VOLUME)
"""Results that others than the stages look at."""
UNREAD = (BACKGROUND, CLEAN)
"""Large results that no later stage reads (clean frames only where blobs are found in them again)."""

EXPORT_FILES: Mapping[str, tuple[str, ...]] = {
    "vtkhdf": ("map.vtkhdf",),
    "xdmf": ("map.xdmf", "map.xdmf.h5"),
    "dream3d": ("map.dream3d",),
    "imaged11": ("grains.map", "grains.par", "grains.flt"),
    "parquet": ("blobs.parquet", "blobs_grains.parquet"),
    "csv": ("blobs.csv", "blobs_grains.csv"),
}
"""What each format of `friedel export` writes unless the user gives another name; the first is the main file."""
DERIVED_FILES = (REPORT, EVALUATION, *(file for files in EXPORT_FILES.values() for file in files))
"""Made from the results by other commands: they must not outlive them."""
OF_BLOBS = tuple(EXPORT_FILES[name][0] for name in ("parquet", "csv"))
"""Those that no stage after segment makes untrue."""
OURS = (*RESULTS, *DERIVED_FILES, RECIPE, RECORD)


def stage_of(file: str) -> str | None:
    """The stage that makes a file; None for those that every run or another command writes."""
    return next((stage for stage, files in STAGE_FILES.items() if file in files), None)


def way_to(file: str) -> str:
    """What a user does to get a file that is not there."""
    stage = stage_of(file)
    if file == EVALUATION:
        return "`friedel evaluate` makes one"
    return "`friedel run` makes one" if stage is None else f"run it up to {stage}"
