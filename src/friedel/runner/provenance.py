"""`run.json`: what ran, on what, with which result; what lets a run resume and an output folder be checked."""

import hashlib
import json
import math
import platform
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from friedel.errors import OutputError
from friedel.io.store import atomic
from friedel.model.scan import Scan
from friedel.recipe import Recipe
from friedel.runner.areas import Areas

RECORD = "run.json"
STAGES = ("preprocess", "segment", "match", "index", "reconstruct", "assemble")
GRAIN_STAGES = STAGES[2:]
PACKAGES = ("friedel", "numpy", "numba", "h5py", "hdf5plugin", "pydantic")


@dataclass(frozen=True, slots=True)
class Output:
    """One file of the output folder."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One finished stage: `hash` of its parameters and inputs, when, how long, what came out.

    `handed_on` are files that a later stage, which vouches for them now, has written anew. `measured` holds what
    the stage found out about the scan (levels, boxes, noise), `counts` numbers of things.
    """

    hash: str
    started: str
    seconds: float
    counts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)
    handed_on: list[str] = field(default_factory=list)

    def handing_on(self, names: Container[str]) -> "StageRecord":
        """The same, where a later stage has written some of its files anew (the map adds to grains.h5)."""
        mine = {name: output for name, output in self.outputs.items() if name not in names}
        return replace(self, outputs=mine, handed_on=sorted({*self.handed_on, *(set(self.outputs) - set(mine))}))


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The content of `run.json`."""

    versions: dict[str, str]
    input: dict[str, Any]
    stages: dict[str, StageRecord] = field(default_factory=dict)

    def with_stage(self, name: str, record: StageRecord) -> "RunRecord":
        """The same with one stage finished; what stood for it and for later stages is void."""
        valid = self.without(name)
        before = {stage: one.handing_on(record.outputs) for stage, one in valid.stages.items()}
        return replace(valid, stages={**before, name: record})

    def without(self, name: str) -> "RunRecord":
        """The same as if neither that stage nor later ones had been done."""
        kept = {stage: self.stages[stage] for stage in STAGES[: STAGES.index(name)] if stage in self.stages}
        return replace(self, stages=kept)

    @property
    def files(self) -> set[str]:
        """Names of all that the finished stages left."""
        return {name for stage in self.stages.values() for name in stage.outputs}

    def finished(self, name: str, expected_hash: str, out: Path) -> bool:
        """Whether a stage was done with the same parameters and inputs, and its files are there."""
        record = self.stages.get(name)
        if record is None or record.hash != expected_hash:
            return False
        later = {file: output for stage in self.stages.values() for file, output in stage.outputs.items()}
        if not all(file in later for file in record.handed_on):
            return False
        mine = record.outputs | {file: later[file] for file in record.handed_on}
        return all(_size(out / file) == output.bytes for file, output in mine.items())


def new_record(scan: Scan) -> RunRecord:
    """A record for a scan, with no stage done."""
    facts = {
        "fingerprint": scan.fingerprint,
        "name": scan.name,
        "shape": list(scan.shape),
        "dtype": str(scan.frames.dtype),
        "omega_start_deg": scan.omega_start_deg,
        "omega_step_deg": scan.omega_step_deg,
        "full_turn": scan.full_turn,
        "saturation": scan.saturation,
        "notes": list(scan.notes),
    }
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return RunRecord(versions, facts)


def stage_hashes(recipe: Recipe, scan: Scan, areas: Areas) -> dict[str, str]:
    """For each stage a hash of what its result depends on: version, input, parameters, stages before it.

    Of images that the parameters name the content counts as well. How it runs (threads, memory) and whether clean
    frames are kept is no part of it.
    """
    sections = {
        "preprocess": {
            "scan": recipe.scan.model_dump(exclude={"frames"}),
            "preprocess": recipe.preprocess.model_dump(exclude={"keep_clean"}),
        },
        "segment": {"segment": recipe.segment.model_dump(), "images": areas.digest},
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


def write_record(out: Path, record: RunRecord) -> None:
    """Write `run.json`, whole or not at all."""
    text = json.dumps(_finite(asdict(record)), indent=1, allow_nan=False, default=_plain)
    with atomic(out / RECORD) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_record(out: Path) -> RunRecord | None:
    """What an output folder says about itself; None where no run has begun. Raises `OutputError` for garbage."""
    path = out / RECORD
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        stages = {name: _stage(stage) for name, stage in values["stages"].items()}
        return RunRecord(values["versions"], values["input"], stages)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            str(path), rule="cannot be understood", got=error, way_out="--restart begins anew"
        ) from None


def describe(path: Path) -> Output:
    """Hash and size of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Output(digest, path.stat().st_size)


def damaged(out: Path, record: RunRecord) -> Iterator[tuple[str, str]]:
    """Files of the finished stages that are not what the run left: name, and what is wrong."""
    for stage in record.stages.values():
        for name, expected in stage.outputs.items():
            path = out / name
            if not path.is_file():
                yield name, "is missing"
            elif describe(path) != expected:
                yield name, "has changed since the run"


def _stage(values: Mapping[str, Any]) -> StageRecord:
    outputs = {name: Output(**output) for name, output in values["outputs"].items()}
    return StageRecord(**{**values, "outputs": outputs})


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become text."""
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """Numbers of numpy."""
    return value.item() if hasattr(value, "item") else str(value)
