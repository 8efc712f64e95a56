"""`run.json`: what ran, on what, with which result; what lets a run resume and an output folder be checked."""

import hashlib
import json
import math
import platform
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from friedel.errors import OutputError
from friedel.io.store import atomic
from friedel.model.scan import Scan
from friedel.output_folder.files import RECORD, STAGES

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
    the stage found out about the scan (levels, boxes, noise), `counts` numbers of things. What an old or foreign
    `run.json` does not say is empty; a stage without its hash has to be done again.
    """

    hash: str = ""
    started: str = ""
    seconds: float = 0.0
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

    def changed(self, out: Path) -> list[str]:
        """Files of the finished stages that are gone, or of another size than the run left them with."""
        left = {file: output.bytes for stage in self.stages.values() for file, output in stage.outputs.items()}
        return [file for file, size in left.items() if _size(out / file) != size]

    def damaged(self, out: Path) -> Iterator[tuple[str, str]]:
        """The same by content: name, and what is wrong. Every file is read."""
        for stage in self.stages.values():
            for file, expected in stage.outputs.items():
                if not (out / file).is_file():
                    yield file, "is missing"
                elif output_of(out / file) != expected:
                    yield file, "has changed since the run"


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
        "missing_frames": [list(gap) for gap in scan.gaps],
        "saturation": scan.saturation,
        "notes": list(scan.notes),
    }
    versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return RunRecord(versions, facts)


def write_run_record(out: Path, record: RunRecord) -> None:
    """Write `run.json`, whole or not at all."""
    text = json.dumps(_finite(asdict(record)), indent=1, allow_nan=False, default=_plain)
    with atomic(out / RECORD) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_run_record(out: Path) -> RunRecord | None:
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


def output_of(path: Path) -> Output:
    """Hash and size of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Output(digest, path.stat().st_size)


def _stage(values: Mapping[str, Any]) -> StageRecord:
    """Of plain values; what no stage says today is left out."""
    known = {one.name: values[one.name] for one in fields(StageRecord) if one.name in values}
    outputs = {name: Output(**output) for name, output in values.get("outputs", {}).items()}
    return StageRecord(**{**known, "outputs": outputs})


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
