"""Do predicted spots lie where an independent simulator put them?

`python -m bench.independent_ti_geometry DATA_FOLDER`, the folder that holds `independent_ti/` (titanium, made with
xrd_simulator). Prints figures, then one JSON line; exits with 1 when a goal is missed.
"""

import csv
import json
import sys
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from scipy.spatial.transform import Rotation

from friedel.kernels import bragg
from friedel.model.arrays import Floats
from friedel.model.crystal import Phase
from friedel.model.setup import Beam, Detector

PIXELS, SHARE_PIXELS = 0.06, 0.90
DEGREES, SHARE_DEGREES = 0.05, 0.99
EVERY = 4
"""Spots that are also predicted tetrahedron by tetrahedron: one in so many."""


class Instrument(NamedTuple):
    """What prediction needs besides the grain."""

    phase: Phase
    wavelength: float
    plane: Floats

    def spot(self, U: Floats, position_um: Floats, spot: dict[str, str]) -> Floats:
        """Row, col, omega minus the listed one (deg), sin eta, Lorentz factor of the solution nearest to `spot`."""
        g = U @ self.phase.B @ np.array([float(spot[name]) for name in "hkl"])
        found = bragg.predict(g[None], position_um, self.wavelength, self.plane)
        if len(found.omega) == 0:
            return np.zeros(5)
        apart = (np.degrees(found.omega) - float(spot["omega_deg"]) + 180) % 360 - 180
        i = int(np.argmin(np.abs(apart)))
        weight = bragg.lorentz(found.two_theta, found.eta)[i]
        return np.array([found.row[i], found.col[i], apart[i], np.sin(found.eta[i]), weight])


def instrument(folder: Path) -> Instrument:
    """From the folder's `ti_hcp_meta.json`."""
    meta = json.loads((folder / "ti_hcp_meta.json").read_text())
    row, col = meta["centre_row_col"]
    # rows grow with +z there, with -z here
    detector = Detector.from_distance(meta["distance_um"], meta["pixel_um"], (col, row), flip=("rows",))
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    phase = Phase.from_lattice("Ti", meta["cell"], meta["sg"], atoms=meta["atoms"])
    return Instrument(phase, Beam(meta["keV"]).wavelength, plane)


def compare(folder: Path) -> dict[str, float]:
    """Shares of the spots that agree, from U and centroid alone, and from every tetrahedron's own orientation.

    Rows and columns are compared one by one. Most of the rest is no error of the equations: the listed U is not
    the mean over the grain's volume (it is off by about 0.03 deg), as the second comparison shows.
    """
    known = instrument(folder)
    with h5py.File(folder / "ti_hcp_grains.h5") as file:
        grains = {name: file[name][()] for name in file}
    with (folder / "ti_hcp_spots.csv").open() as text:
        spots = list(csv.DictReader(text))
    listed = np.array([[float(spot["row_geom"]), float(spot["col_geom"])] for spot in spots])
    number = [int(spot["grain"]) for spot in spots]
    found = np.array(
        [known.spot(grains["U"][i], grains["centroid_um"][i], s) for i, s in zip(number, spots, strict=True)]
    )
    off = np.abs(found[:, :2] - listed)
    omega = np.abs(found[:, 2] * found[:, 3])
    exact = np.array([by_tetrahedron(known, grains, spot) for spot in spots[::EVERY]])
    away = np.hypot(*(exact - listed[::EVERY]).T)
    return {
        "spots": len(spots),
        "row_within_0.06_px": float((off[:, 0] <= PIXELS).mean()),
        "col_within_0.06_px": float((off[:, 1] <= PIXELS).mean()),
        "distance_within_0.06_px": float((np.hypot(*off.T) <= PIXELS).mean()),
        "distance_median_px": float(np.median(np.hypot(*off.T))),
        "omega_within_0.05_deg": float((omega <= DEGREES).mean()),
        "omega_median_deg": float(np.median(omega)),
        "by_tetrahedron_within_0.06_px": float((away <= PIXELS).mean()),
        "by_tetrahedron_median_px": float(np.median(away)),
    }


def by_tetrahedron(known: Instrument, grains: dict[str, Floats], spot: dict[str, str]) -> Floats:
    """Row and col as the mean over the grain's tetrahedra, each turned by its own rotation."""
    grain = int(spot["grain"])
    members = np.flatnonzero(grains["element_grain"] == grain)
    corners = grains["mesh_coord_um"][grains["mesh_enod"][members]]
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    turned = Rotation.from_rotvec(grains["element_rotvec_rad"][members]).as_matrix() @ grains["U"][grain]
    found = np.array([known.spot(U, at, spot) for U, at in zip(turned, corners.mean(axis=1), strict=True)])
    return np.average(found[:, :2], axis=0, weights=volume * found[:, 4])


def main(argv: list[str]) -> int:
    """Print the figures; 0 when the goals are met."""
    if len(argv) != 2:
        print(__doc__)
        return 2
    figures = compare(Path(argv[1]) / "independent_ti")
    for name, value in figures.items():
        print(f"{name:30s} {value:.4g}")
    places = min(figures["row_within_0.06_px"], figures["col_within_0.06_px"])
    margin = min(places / SHARE_PIXELS, figures["omega_within_0.05_deg"] / SHARE_DEGREES)
    claim = (
        "spots of an independent scan: 90 % of rows and cols within 0.06 px, 99 % of omega |sin eta| within 0.05°"
    )
    line = {"claim": claim, "ratio": margin, "goal": 1.0, "better": "higher", "met": margin >= 1.0, **figures}
    print(json.dumps(line))
    return 0 if margin >= 1.0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
