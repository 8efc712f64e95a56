"""What tells whether a stage has to be done again: a hash of all that its result depends on."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from friedel.model.scan import Scan
from friedel.output_folder.files import STAGES
from friedel.recipe import Recipe
from friedel.recipe.settings import PATHS
from friedel.runner.segment_images import SegmentImages

OF_THE_SCAN = frozenset({"scan.frames", "scan.dark", "scan.mask", "scan.omega.path"})
"""Parameters that name files whose content is in the scan's fingerprint: all stages depend on it."""
OF_SEGMENT = frozenset({"segment.noise", "segment.exclude"})
"""Those that name images: their pixels count, see `SegmentImages`."""
READ_BY: Mapping[str, str] = {"setup.distortion": "segment", "phase.cif": "match", "setup.sample.mask": "index"}
"""All others that name files: the first stage that depends on what is in them."""


def stage_hashes(recipe: Recipe, scan: Scan, segment_images: SegmentImages) -> dict[str, str]:
    """For each stage a hash of what its result depends on: version, input, parameters, stages before it.

    Of files that the parameters name the content counts as well. How it runs (threads, memory) and whether clean
    frames are kept is no part of it.
    """
    sections: dict[str, dict[str, Any]] = {
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
    for key, stage in READ_BY.items():
        texts = _texts(recipe.model_dump(), key.split("."))
        digests = [digest_of(path) for path in texts if path not in PATHS[key]]
        sections[stage] |= {key: digests} if any(digests) else {}
    hashes: dict[str, str] = {}
    before = f"{version('friedel')} {scan.fingerprint} {scan.shape}"
    for name in STAGES:
        text = json.dumps([before, name, sections[name]], sort_keys=True, default=str)
        before = hashes[name] = hashlib.sha256(text.encode()).hexdigest()
    return hashes


def _texts(values: Any, path: list[str]) -> Iterator[str]:
    """The texts at `path` below plain values, of every entry of a list on the way."""
    if isinstance(values, list | tuple):
        for one in values:
            yield from _texts(one, path)
    elif isinstance(values, Mapping) and path:
        yield from _texts(values.get(path[0]), path[1:])
    elif isinstance(values, str) and not path:
        yield values


def digest_of(path: str) -> str:
    """Of a file's content; nothing where there is none, which is for those to say who want to read it."""
    try:
        with Path(path.partition("::")[0]).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
