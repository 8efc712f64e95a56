"""What a new user does, from a simulated scan to exports in all formats, everything joined on the grain's number.

    python -m bench.first_contact [FOLDER]

300 grains, 1800 frames of 640 × 640 pixels; the geometry and the crystal are given by hand, the centre is left to
`friedel init`. Then every number that one file says of a grain or a blob is compared with what the others say of
it, and whatever the run or its report warns of counts as a false alarm: there is nothing to warn of. A few minutes.
With FOLDER scan and run are kept there, and what is finished is not made again.
"""

import csv
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pyarrow import parquet
from scipy.spatial.transform import Rotation

from bench._scans import friedel
from friedel.output_folder.files import EXPORT_FILES

SCAN = (
    "grains=300", "frames=1800", "rows=640", "cols=640", "sample.radius_um=190", "sample.height_um=300",
)  # fmt: skip
BY_HAND = (
    "setup.energy_keV=40.0",
    "setup.detector={distance_um=3094.0, pixel_um=3.5}",
    'phase=[{name="Al", lattice=[4.0495, 4.0495, 4.0495, 90, 90, 90], spacegroup=225}]',
)
CELLS = "DataContainers/ImageDataContainer/CellData"
FEATURES = "DataContainers/ImageDataContainer/CellFeatureData"
Check = Callable[[str, bool], None]


def settings(given: tuple[str, ...]) -> list[str]:
    """As options of the command line."""
    return [part for one in given for part in ("--set", one)]


def made(folder: Path, scan: tuple[str, ...], hand: tuple[str, ...]) -> Path:
    """Simulate, init, estimate, run, evaluate, report, export; the output folder."""
    out, recipe = folder / "out", folder / "recipe.toml"
    steps: list[tuple[str, list[str | Path], Path]] = [
        ("simulate", [folder / "scan.h5", "--seed", "11", *settings(scan)], folder / "scan.h5"),
        ("init", [folder / "scan.h5", "-o", recipe, *settings(hand)], recipe),
        ("estimate", [recipe], folder / "nothing"),
        ("run", [recipe, "-o", out], folder / "nothing"),
        ("evaluate", [out, folder / "scan.truth.h5", "--json", folder / "scores.json"], folder / "nothing"),
        ("report", [out], folder / "nothing"),
        *(("export", [out, "--format", name], folder / "nothing") for name in EXPORT_FILES),
    ]
    for verb, arguments, there in steps:
        if not there.exists():
            begin = time.perf_counter()
            said = friedel(verb, *arguments)
            print(f"{verb:9s} {time.perf_counter() - begin:7.1f} s  {said.strip().splitlines()[-1:]}", flush=True)
            with (folder / "said.txt").open("a", encoding="utf-8") as file:
                file.write(f"$ friedel {verb}\n{said}\n")
    return out


def alarms(out: Path) -> Iterator[str]:
    """Warnings of the run, and what its report asks one to look at."""
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    for name, stage in record["stages"].items():
        yield from (f"{name}: {text}" for text in stage["warnings"])
    page = (out / "report.html").read_text(encoding="utf-8")
    for card in re.findall(r"<h3>([^<]*)<span class=\"verdict watch\"", page):
        yield f"report: look at {unescape(card)}"
    if "No warnings." not in page:
        yield "report: its first line does not say that there are no warnings"
    log = (out / "log.txt").read_text(encoding="utf-8")
    doubts = re.compile("warning|hardly more than chance", re.IGNORECASE)
    yield from (f"log: {line}" for line in log.splitlines() if doubts.search(line))


def head_and_cards(out: Path, check: Check) -> None:
    """What the first line of the report asks one to look at is what its cards ask for."""
    page = (out / "report.html").read_text(encoding="utf-8")
    cards = re.findall(r"<h3>([^<]*)<span class=\"verdict watch\"", page)
    head = re.search(r"To look at: (.*?)\.</p>", page)
    check("report: head and cards", cards == (head[1].split("; ") if head else []) or "No warnings." not in page)


def rows_of(path: Path) -> list[dict[str, str]]:
    """A CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grains_joined(out: Path, check: Check) -> int:
    """Numbers, places and orientations of the grains in all files; how many there are."""
    with h5py.File(out / "grains.h5") as file:
        group = file["grains"]
        number, U, UBI, place = (group[name][()] for name in ("grain_id", "U", "UBI", "position_um"))
        voxels = group["n_voxels"][()]
    check("grains.h5: numbers are 1, 2, 3, ...", np.array_equal(number, np.arange(1, len(number) + 1)))
    rows = {int(row["grain_id"]): row for row in rows_of(out / "blobs_grains.csv")}
    check("grains in CSV", sorted(rows) == number.tolist())
    ordered = [rows[n] for n in number.tolist()]
    columns = {name: np.array([float(row[name]) for row in ordered]) for name in ordered[0] if name != "phase_name"}
    check("UBI in CSV", np.array_equal(np.stack([columns[f"UBI_{i}{j}"] for i in range(3) for j in range(3)], 1),
                                       UBI.reshape(-1, 9)))  # fmt: skip
    check("places in CSV", np.array_equal(np.stack([columns[f"position_um_{x}"] for x in "xyz"], 1), place))
    angles = np.stack([columns[name] for name in ("phi1_deg", "Phi_deg", "phi2_deg")], 1)
    check("Bunge's angles", np.allclose(Rotation.from_euler("ZXZ", angles, degrees=True).as_matrix(), U, atol=1e-9))
    quaternion = np.stack([columns[f"quaternion_{part}"] for part in "xyzw"], 1)
    check("quaternions", np.allclose(Rotation.from_quat(quaternion).as_matrix(), U, atol=1e-9))
    table = parquet.read_table(out / "blobs_grains.parquet").to_pydict()
    check("Parquet as CSV", all(np.array_equal(table[name], columns[name], equal_nan=True) for name in columns))
    with h5py.File(out / "map.dream3d") as file:
        features = {
            name: file[FEATURES][name][1:] for name in ("AvgQuats", "AvgEulerAngles", "Centroids", "NumElements")
        }
    check("DREAM.3D: passive quaternions", np.allclose(
        Rotation.from_quat(features["AvgQuats"]).as_matrix(), np.swapaxes(U, 1, 2), atol=1e-6))  # fmt: skip
    check("DREAM.3D: angles", np.allclose(
        Rotation.from_euler("ZXZ", features["AvgEulerAngles"]).as_matrix(), U, atol=1e-5))  # fmt: skip
    check("DREAM.3D: places", np.allclose(features["Centroids"], place, atol=1e-2))
    check("DREAM.3D: voxels", np.array_equal(features["NumElements"][:, 0], voxels))
    named = re.findall(r"#name (\d+):\w+\n#npks \d+\n#UBI:\n(.*)\n(.*)\n(.*)\n", (out / "grains.map").read_text())
    theirs = {int(n): np.array([line.split() for line in lines], float) for n, *lines in named}
    check("ImageD11: UBI by name", sorted(theirs) == number.tolist()
          and all(np.array_equal(theirs[n], UBI[n - 1]) for n in theirs))  # fmt: skip
    return len(number)


def maps_joined(out: Path, check: Check) -> None:
    """The map's numbers in all formats, and whether the grains lie where it has them."""
    with h5py.File(out / "volume.h5") as file:
        image = file["VTKHDF"]
        label, origin, edge = image["CellData/grain_id"][()], image.attrs["Origin"], image.attrs["Spacing"][0]
    for name, where in (("map.vtkhdf", "VTKHDF/CellData/grain_id"), ("map.xdmf.h5", "VTKHDF/CellData/grain_id"),
                        ("map.dream3d", f"{CELLS}/FeatureIds")):  # fmt: skip
        with h5py.File(out / name) as file:
            check(f"{name}: numbers of the voxels", np.array_equal(np.squeeze(file[where][()]), label))
    with h5py.File(out / "grains.h5") as file:
        group = file["grains"]
        place, voxels, centre = (group[name][()] for name in ("position_um", "n_voxels", "centre_um"))
    check("voxels of each grain", np.array_equal(np.bincount(label.ravel(), minlength=len(place) + 1)[1:], voxels))
    for grain in range(len(place)):
        z, y, x = (indices.mean() + 0.5 for indices in np.nonzero(label == grain + 1))
        found = origin + edge * np.array([x, y, z])
        check(f"grain {grain + 1} lies where the map has it", bool(np.allclose(found, centre[grain], atol=1e-6)))
        check(f"grain {grain + 1}: centre of its spots", bool(np.linalg.norm(found - place[grain]) < 4 * edge))


def blobs_joined(out: Path, check: Check) -> dict[str, int]:
    """Grain, planes and angles of each blob in CSV, Parquet and ImageD11's peaks, beside the grains' own lists."""
    with h5py.File(out / "grains.h5") as file:
        group = file["grains"]
        pointer, blobs, hkl, UBI = (group[name][()] for name in ("blob_pointer", "blobs", "hkl", "UBI"))
        setup = json.loads(file.attrs["setup"])
    owner = np.repeat(np.arange(1, len(pointer)), np.diff(pointer))
    lists = {(int(b), int(g)): tuple(h) for b, g, h in zip(blobs, owner, hkl.tolist(), strict=True)}
    rows = [row for row in rows_of(out / "blobs.csv") if row["reason"] == "kept"]
    ours = {int(row["spot3d_id"]): row for row in rows}
    taken = {n: row for n, row in ours.items() if row["grain_id"] != "0"}
    check("blobs of the grains' lists have a grain in CSV", {b for b, _ in lists} == set(taken))
    check("blobs: grain and planes", all(
        lists.get((n, int(row["grain_id"]))) == tuple(int(row[i]) for i in "hkl") for n, row in taken.items()
    ))  # fmt: skip
    number = np.array([int(row["grain_id"]) for row in taken.values()])
    planes = np.array([[int(row[i]) for i in "hkl"] for row in taken.values()])
    length = np.linalg.norm(np.einsum("nij,nj->ni", np.linalg.inv(UBI)[number - 1], planes), axis=1)
    bragg = 2 * np.degrees(np.arcsin(12.398419843 / setup["energy_keV"] * length / 2))
    two_theta = np.array([float(row["two_theta"]) for row in taken.values()])
    pixel_deg = np.degrees(np.linalg.norm(setup["u_um"]) / setup["origin_um"][0])
    check("blobs: two-theta of their planes", bool(np.percentile(np.abs(two_theta - bragg), 99) < 3 * pixel_deg))
    text = (out / "grains.flt").read_text().splitlines()
    names = text[0].lstrip("# ").split()
    peaks = dict(zip(names, np.array([line.split() for line in text[1:]], float).T, strict=True))
    for mine in ("grain_id", "sc", "fc", "omega", "two_theta", "eta", "ring"):
        their = {"two_theta": "tth"}.get(mine, mine)
        check(f"ImageD11's peaks: {their}", np.array_equal(peaks[their], [float(row[mine]) for row in rows]))
    check("ImageD11's labels", np.array_equal(peaks["labels"], peaks["grain_id"] - 1))
    table = parquet.read_table(out / "blobs.parquet").to_pydict()
    check(
        "blobs: Parquet as CSV", [str(n) for n in table["grain_id"]][: len(rows)] == [r["grain_id"] for r in rows]
    )
    return {"blobs": len(rows), "of a grain": len(taken)}


def centre_px(recipe: Path) -> list[float]:
    """What init wrote for the centre."""
    found = re.search(r"centre_px = \[([^\]]*)\]", recipe.read_text(encoding="utf-8"))
    return [float(part) for part in found[1].split(",")] if found else []


def main(folder: Path, scan: tuple[str, ...] = SCAN, hand: tuple[str, ...] = BY_HAND) -> int:
    """Make everything, join it, print figures; 1 where something does not fit."""
    wrong: list[str] = []

    def check(name: str, right: bool) -> None:
        if not right:
            wrong.append(name)
            print(f"MISMATCH  {name}", flush=True)

    out = made(folder, scan, hand)
    with h5py.File(folder / "scan.h5") as file:
        _, rows, cols = file["entry/data/frames"].shape
    centre = centre_px(folder / "recipe.toml")
    check("init: centre_px", bool(centre) and np.allclose(centre, [(cols - 1) / 2, (rows - 1) / 2], atol=1.0))
    figures: dict[str, Any] = {"grains": grains_joined(out, check), **blobs_joined(out, check)}
    maps_joined(out, check)
    head_and_cards(out, check)
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    figures |= {name: scores["grains"][name] for name in ("truth", "found", "false", "duplicate")}
    figures["voxel_agreement"] = round(scores["volume"]["voxel_agreement"], 4)
    check("every grain found, none invented", figures["found"] == figures["truth"] == figures["grains"])
    false_alarms = list(alarms(out))
    for text in false_alarms:
        print(f"ALARM     {text}")
    met = not wrong and not false_alarms
    claim = "first contact: all exports join on the grain's number, and nothing is warned of"
    print(
        json.dumps({"claim": claim, **figures, "mismatches": len(wrong), "alarms": len(false_alarms), "met": met})
    )
    return 0 if met else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
