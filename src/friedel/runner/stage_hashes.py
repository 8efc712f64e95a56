"""What tells whether a stage has to be done again: a hash of all that its result depends on."""

import hashlib
import json
from importlib.metadata import version

from friedel.model.scan import Scan
from friedel.output_folder.files import STAGES
from friedel.recipe import Recipe
from friedel.runner.segment_images import SegmentImages


def stage_hashes(recipe: Recipe, scan: Scan, segment_images: SegmentImages) -> dict[str, str]:
    """For each stage a hash of what its result depends on: version, input, parameters, stages before it.

    Of images that the parameters name the content counts as well. How it runs (threads, memory) and whether clean
    frames are kept is no part of it.
    """
    sections = {
        "preprocess": {
            "scan": recipe.scan.model_dump(exclude={"frames"}),
            "preprocess": recipe.preprocess.model_dump(exclude={"keep_clean"}),
        },
        "segment": {"segment": recipe.segment.model_dump(), "images": segment_images.digest},
        "match": {"setup": recipe.setup, "phase": recipe.phase, "match": recipe.match, "seed": recipe.run.seed},
        "index": {"index": recipe.index},
        "reconstruct": {"reconstruct": recipe.reconstruct},
        "assemble": {"assemble": recipe.assemble},
    }
    hashes: dict[str, str] = {}
    before = f"{version('friedel')} {scan.fingerprint} {scan.shape}"
    for name in STAGES:
        text = json.dumps([before, name, sections[name]], sort_keys=True, default=str)
        before = hashes[name] = hashlib.sha256(text.encode()).hexdigest()
    return hashes
