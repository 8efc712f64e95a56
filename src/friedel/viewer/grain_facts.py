"""What the page says about spots and grains: tables for all of them, and everything about one."""

from functools import cached_property
from typing import Any

import numpy as np

from friedel.errors import FriedelError
from friedel.model.arrays import AnyArray, Floats, Indices
from friedel.model.colours import by_orientation
from friedel.model.description import Description
from friedel.model.figures_of_merit import FigureOfMerit, figures_of_merit, mean_rank
from friedel.model.grains import GrainTable, Status
from friedel.model.orientation import bunge_angles, quaternions, rodrigues
from friedel.model.spot_angles import spot_angles_deg
from friedel.model.traceability import blobs_of_grain, grain_of_blob, owners, pairs_of_blobs
from friedel.output_folder.reader import OutputFolder

SPOT_COLUMNS = (
    "blob", "row", "col", "frame", "eta_deg", "two_theta_deg", "grain", "partner", "intensity", "omega_deg",
)  # fmt: skip


class GrainFacts:
    """Facts about the grains of an output folder, made when first asked for.

    Grains are rows of the grain table (the map and other programs say row + 1: `grain_id`), blobs rows of the kept
    part of the blob table. What is not in the folder is empty or None.
    """

    def __init__(self, results: OutputFolder) -> None:
        self.results = results

    @cached_property
    def grains(self) -> GrainTable | None:
        """The table."""
        return self.results.grains

    @cached_property
    def grain_of_blob(self) -> Indices:
        """Grain of each blob, -1 for none."""
        blobs, grains = self.results.blobs, self.grains
        count = 0 if blobs is None else len(blobs)
        return np.full(count, -1) if grains is None else np.asarray(grain_of_blob(grains, count))

    @cached_property
    def partner(self) -> Indices:
        """Blob half a turn away that each blob was paired with, -1 for none."""
        blobs, pairs = self.results.blobs, self.results.pairs
        found = np.full(0 if blobs is None else len(blobs), -1, np.int64)
        if blobs is not None and pairs is not None:
            a, b = pairs["blob_a"], pairs["blob_b"]
            found[a], found[b] = b, a
        return found

    @cached_property
    def angles_deg(self) -> tuple[Floats, Floats]:
        """Eta and two-theta of each blob, from the centre of its grain or, where it has none, from the axis."""
        blobs, setup = self.results.blobs, self.results.setup
        if blobs is None or setup is None:
            nothing = np.full(0 if blobs is None else len(blobs), np.nan)
            return nothing, nothing
        place = np.zeros((len(blobs), 3))
        if self.grains is not None and len(self.grains):
            known = self.grain_of_blob >= 0
            place[known] = self.grains.position_um[self.grain_of_blob[known]]
        return spot_angles_deg(setup, blobs["sc"], blobs["fc"], blobs["omega"], place)

    @cached_property
    def spots(self) -> AnyArray:
        """Float32 [blob, column], the columns as in `SPOT_COLUMNS`."""
        blobs = self.results.blobs
        if blobs is None:
            return np.zeros((0, len(SPOT_COLUMNS)), np.float32)
        eta, two_theta = self.angles_deg
        frame = blobs["frame"]
        if blobs.wrapped:  # whose nearest whole number is a frame of the scan
            frame = np.mod(frame + 0.5, blobs.shape[0]) - 0.5
        columns = (
            np.arange(len(blobs)), blobs["s_raw"], blobs["f_raw"], frame, eta, two_theta, self.grain_of_blob,
            self.partner, blobs["sum_intensity"], blobs["omega"],
        )  # fmt: skip
        return np.ascontiguousarray(np.column_stack(columns), np.float32)

    @cached_property
    def evidence(self) -> list[FigureOfMerit]:
        """What speaks for and against grains."""
        return [] if self.grains is None else figures_of_merit(self.grains, self.results.volume)

    @cached_property
    def trust(self) -> Floats:
        """1 minus the mean rank of each grain over the evidence: it compares grains, and says no more."""
        return np.zeros(0) if self.grains is None or not len(self.grains) else 1.0 - mean_rank(self.evidence)

    @cached_property
    def table(self) -> dict[str, Any]:
        """Columns over grains, as lists."""
        grains, description = self.grains, self.results.description
        if grains is None:
            return {"columns": {}, "notes": []}
        n = len(grains)
        x, y, z = grains.position_um.T
        columns: dict[str, Any] = {
            "id": np.arange(n),
            "grain_id": 1 + np.arange(n),
            "phase": np.array([self.phase_name(row) for row in range(n)], dtype=object),
            "trust": self.trust,
            **{one.key: one.values for one in self.evidence},
            "blobs": np.diff(grains.blob_pointer),
            "chance": grains.null_limit if len(grains.null_limit) else np.full(n, np.nan),
            "pairs": self._pairs_of_grains(grains),
            "x": x,
            "y": y,
            "z": z,
        }
        if self.results.volume is not None:
            columns["radius_um"] = columns["diameter_um"] / 2
        if description is not None and len(description.grains["neighbours"]) == n:
            columns["neighbours"] = description.grains["neighbours"]
        columns["ipf"] = np.array(hexes(by_orientation(grains, self.results.phases)), dtype=object)
        return {"columns": {name: listed(values) for name, values in columns.items()}, "notes": list(grains.notes)}

    def phase_name(self, grain: int) -> str:
        """Name of a grain's phase."""
        assert self.grains is not None
        row = int(self.grains.phase[grain])
        return self.grains.phases[row] if row < len(self.grains.phases) else str(row)

    def grain(self, number: int) -> dict[str, Any]:
        """Everything about one grain. Raises `FriedelError` where there is none of that number."""
        grains = self.grains
        if grains is None or not 0 <= number < len(grains):
            raise FriedelError(f"grain {number + 1}", rule="there is no such grain")
        one = slice(number, number + 1)
        U = grains.U[one]
        columns = self.table["columns"]
        return {
            **{name: values[number] for name, values in columns.items()},
            "expected": int(grains.expected[number]) if len(grains.expected) else None,
            "bunge_deg": listed(np.degrees(bunge_angles(U)[0])),
            "rodrigues": listed(rodrigues(U)[0]),
            "quaternion": listed(quaternions(U)[0]),
            "strain": listed(grains.strain[number]) if len(grains.strain) else None,
            "status": self._status_of(number),
            "slip": self._slip_of(number),
            "spots": self._spots_of(grains, number),
            "beside": self._beside(number),
        }

    def _pairs_of_grains(self, grains: GrainTable) -> Indices:
        mine, other = self.grain_of_blob, self.partner
        paired = np.flatnonzero((other >= 0) & (mine >= 0))
        both = paired[mine[paired] == mine[other[paired]]]
        return np.bincount(mine[both], minlength=len(grains)) // 2

    def _spots_of(self, grains: GrainTable, number: int) -> dict[str, Any]:
        blobs = self.results.blobs
        rows = blobs_of_grain(grains, number)
        entries = np.flatnonzero(owners(grains) == number)
        spots = self.spots[rows] if blobs is not None else np.zeros((0, len(SPOT_COLUMNS)), np.float32)
        found: dict[str, Any] = {name: listed(spots[:, at]) for at, name in enumerate(SPOT_COLUMNS)}
        found["blob"], found["shared"] = listed(rows), listed(grains.shared[entries])
        found["partner"] = listed(self.partner[rows]) if len(self.partner) else []
        found["hkl"] = listed(grains.hkl[entries]) if len(grains.hkl) else []
        found["residuals"] = listed(grains.residuals[entries]) if len(grains.residuals) else []
        return found

    def _status_of(self, number: int) -> dict[str, int] | None:
        volume = self.results.volume
        if volume is None:
            return None
        counts = np.bincount(volume.status[volume.grain_id == number + 1], minlength=4)
        return {status.name.lower(): int(counts[status]) for status in Status if status is not Status.EMPTY}

    def _slip_of(self, number: int) -> dict[str, Any] | None:
        description = self._description(number)
        if description is None or np.isnan(description.grains["schmid_factor"][number]):
            return None
        columns = description.grains
        return {
            "schmid_factor": float(columns["schmid_factor"][number]),
            "plane": listed(columns["slip_plane"][number]),
            "direction": listed(columns["slip_direction"][number]),
            "load_axis": list(description.load_axis),
        }

    def _beside(self, number: int) -> list[dict[str, Any]]:
        """Grains beside it, those with the largest common boundary first."""
        description = self._description(number)
        if description is None:
            return []
        columns = description.boundaries
        a, b = columns["grain_id_a"] - 1, columns["grain_id_b"] - 1
        rows = np.flatnonzero((a == number) | (b == number))
        rows = rows[np.argsort(-columns["area_um2"][rows], kind="stable")]
        other = a[rows] + b[rows] - number
        return [
            {"id": int(beside), "misorientation_deg": angle, "area_um2": area}
            for beside, angle, area in zip(
                other.tolist(), listed(columns["misorientation_deg"][rows]), listed(columns["area_um2"][rows]),
                strict=True,
            )
        ]  # fmt: skip

    def _description(self, number: int) -> Description | None:
        found = self.results.description
        return found if found is not None and number < len(found.grains["n_voxels"]) else None

    def pairs_of(self, grain: int) -> Indices:
        """Rows of the pair table whose two blobs are both this grain's."""
        blobs, pairs = self.results.blobs, self.results.pairs
        if blobs is None or pairs is None or self.grains is None:
            return np.zeros(0, np.int64)
        return pairs_of_blobs(pairs, blobs_of_grain(self.grains, grain))


def listed(values: AnyArray) -> list[Any]:
    """As JSON can hold it: what is not a finite number is None."""
    values = np.asarray(values)
    if values.dtype.kind != "f":
        return list(values.tolist())
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return list(plain.tolist())


def hexes(colours: Floats) -> list[str]:
    """Colours (n,3) in 0..1 as #rrggbb."""
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(255 * np.clip(colours, 0, 1)).astype(int).tolist()]
