"""`run.json`: what ran, on what, with which result; what lets a run resume and an output folder be checked."""

import hashlib
import json
import math
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from friedel.errors import OutputError
from friedel.io.store import atomic
from friedel.model.scan import Scan
from friedel.output_folder.files import CLEAN, RECORD, STAGE_FILES, STAGES
from friedel.output_folder.record_values import check

PACKAGES = ("friedel", "numpy", "numba", "h5py", "hdf5plugin", "pydantic")


@dataclass(frozen=True, slots=True)
class Output:
    """One file of the output folder."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One finished stage: `hash` of its parameters and inputs, when, how long, what came out.

    `outputs` are its files as it left them; one that a later stage has extended stands there too, as that stage
    left it, and belongs to both. `measured` holds what the stage found out about the scan (levels, boxes, noise),
    `counts` numbers of things. What an old or foreign `run.json` does not say is empty; a stage without its hash
    has to be done again.
    """

    hash: str = ""
    started: str = ""
    seconds: float = 0.0
    counts: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The content of `run.json`."""

    versions: dict[str, str]
    input: dict[str, Any]
    stages: dict[str, StageRecord] = field(default_factory=dict)

    def with_stage(self, name: str, record: StageRecord) -> "RunRecord":
        """The same with one stage finished; what stood for it and for later stages is void."""
        valid = self.without(name)
        return replace(valid, stages={**valid.stages, name: record})

    def without(self, name: str) -> "RunRecord":
        """The same as if neither that stage nor later ones had been done."""
        kept = {stage: self.stages[stage] for stage in STAGES[: STAGES.index(name)] if stage in self.stages}
        return replace(self, stages=kept)

    @property
    def outputs(self) -> dict[str, Output]:
        """What the folder holds, by name: each file as the last stage that wrote it left it."""
        return {file: output for stage in self.stages.values() for file, output in stage.outputs.items()}

    def finished(self, name: str, expected_hash: str, holds: Callable[[str, Output], bool]) -> bool:
        """Whether a stage was done with the same parameters and inputs, and its files are there.

        `holds` tells whether the folder holds a file so: by its content, or by its size alone. A file that a later
        stage has extended may be as either left it.
        """
        record = self.stages.get(name)
        if record is None or record.hash != expected_hash:
            return False
        if not {*STAGE_FILES[name]} - {CLEAN} <= {*record.outputs}:
            return False
        last = self.outputs
        return all(holds(file, last[file]) or holds(file, mine) for file, mine in record.outputs.items())

    def damaged(self, out: Path) -> Iterator[tuple[str, str]]:
        """Files that are not as the run left them: name, and what is wrong. Every file is read."""
        for file, expected in self.outputs.items():
            if not (out / file).is_file():
                yield file, "is missing"
            elif output_of(out / file) != expected:
                yield file, "has changed since the run"


def new_record(scan: Scan, settings: Mapping[str, Any] | None = None) -> RunRecord:
    """A record for a scan, with no stage done; `settings` are plain values of the recipe's [scan]."""
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
        "settings": dict(settings or {}),
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
        check(values)
        stages = {name: _stage(values["stages"][name]) for name in STAGES if name in values["stages"]}
        return RunRecord(values["versions"], values["input"], stages)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
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
    outputs = values.get("outputs", {}).items()
    return StageRecord(**{**known, "outputs": {name: Output(one["sha256"], one["bytes"]) for name, one in outputs}})


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
