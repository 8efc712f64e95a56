"""What `run.json` may hold: the type of every value that somebody reads, checked when the file is."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Number = float | Literal["inf", "-inf", "nan"]
"""JSON has no infinity."""
Corners = Annotated[list[int], Field(min_length=4, max_length=4)]
Both = Annotated[list[float], Field(min_length=2, max_length=2)]
Count = Annotated[int, Field(ge=0)]
Shape = Annotated[list[Count], Field(min_length=3, max_length=3)]


class Values(BaseModel):
    """A table: what is known in it must have its type, what is not known may be anything."""

    model_config = ConfigDict(strict=True, extra="allow")


class OutputValues(Values):
    """One file of the output folder."""

    sha256: str
    bytes: Count


class QuantityValues(Values):
    """One quantity of the geometry, before and after a fit."""

    name: str
    unit: str
    before: float
    after: float
    uncertainty: float | None


class LookValues(Values):
    """One look at the geometry."""

    by: str
    changed: bool = False
    quantities: list[QuantityValues] = []
    pairs: Both = []
    null_pairs: Both = []
    lines: list[str] = []


class MeasuredValues(Values):
    """What a stage found out."""

    sample: list[int] = []
    beam: Corners | None = None
    margins: list[Corners] = []
    reference_level: Number = 0.0
    scale: Number = 1.0
    offset: Number = 0.0
    sigma: Number = 0.0
    compiling_s: Number = 0.0
    corrupt_frames: dict[str, str] = {}
    calibration: list[LookValues] = []
    motion: LookValues | None = None


class StageValues(Values):
    """One finished stage."""

    hash: str = ""
    started: str = ""
    seconds: float = 0.0
    counts: dict[str, Any] = {}
    measured: MeasuredValues = MeasuredValues()
    warnings: list[str] = []
    outputs: dict[str, OutputValues] = {}


class InputValues(Values):
    """The scan."""

    fingerprint: str = ""
    name: str = ""
    shape: Shape = []
    dtype: str = ""
    omega_start_deg: Number = 0.0
    omega_step_deg: Number = 0.0
    full_turn: bool = False
    saturation: Number = 0.0
    notes: list[str] = []
    settings: dict[str, Any] = {}


class RecordValues(Values):
    """All of it."""

    versions: dict[str, str]
    input: InputValues
    stages: dict[str, StageValues]


def check(values: Any) -> None:
    """Raise `ValueError` that names the first value of a wrong type, or that is missing."""
    try:
        RecordValues.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        raise ValueError(f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}") from None
