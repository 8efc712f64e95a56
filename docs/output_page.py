"""Makes the tables of docs/output.md, all datasets of an output folder: `python docs/output_page.py`.

`FILES` says what each file holds; a test opens those of a run and compares names, types, sizes, units, attributes.
Columns of tables come from their schemas in the code.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from friedel.model.blobs import COLUMNS, FLAG_MEANINGS, TRUTH_COLUMNS, Column, Reason
from friedel.model.description import BOUNDARY_COLUMNS, GRAIN_COLUMNS
from friedel.model.grains import Status
from friedel.model.pairs import ACROSS_COLUMNS, PAIR_COLUMNS, RESIDUAL_COLUMNS
from friedel.model.shares import MEANINGS, WHOLE
from friedel.model.spots import SPOT_COLUMNS, Came


class Dataset(NamedTuple):
    """A dataset of a file; `shape` names its axes, `when` says when it is there (nothing: always)."""

    name: str
    dtype: str
    shape: str
    unit: str
    meaning: str
    when: str = ""


class File(NamedTuple):
    """A file of HDF5: what it is, its datasets, and its attributes (`group@name`, `@name` at the root)."""

    about: str
    datasets: tuple[Dataset, ...]
    attributes: Mapping[str, str]


PAGE = Path(__file__).parent / "output.md"
TABLES = re.compile(r"(?<=<!-- files -->\n).*?(?=<!-- end of files -->)", re.DOTALL)
SETUP = "the geometry in use, as JSON: `energy_keV`, `rotation`, `origin_um`, `u_um`, `v_um`"
FLAGS = "; ".join(f"{int(bit)} {text}" for bit, text in FLAG_MEANINGS.items())
REASONS = ", ".join(f"`{reason.text}`" for reason in Reason if reason != Reason.KEPT)
STATUSES = ", ".join(f"{int(status)} {status.name.lower()}" for status in Status)
VECTORS = {
    "centre_um": "3", "semi_axes_um": "3", "axes": "3, 3", "aspect_ratio": "2", "slip_plane": "3",
    "slip_direction": "3", "slip_normal": "3", "slip_vector": "3", "normal": "3",
}  # fmt: skip
"""Entries of columns of a description that are more than a number."""


def _columns(group: str, columns: Iterable[Column], rows: str, when: str = "") -> list[Dataset]:
    """Datasets of a table, one for each column of its schema."""
    return [
        Dataset(
            f"{group}/{one.name}",
            one.dtype,
            ", ".join(filter(None, (rows, VECTORS.get(one.name, "")))),
            one.unit,
            f"{one.meaning}: {FLAGS}" if one.name == "flags" else one.meaning,
            when,
        )
        for one in columns
    ]


def _blobs() -> list[Dataset]:
    return [
        *_columns("peaks", COLUMNS, "blobs"),
        *_columns("rejected", COLUMNS, "seeds"),
        Dataset("rejected/reason", "S", "seeds", "", f"the first that applies of {REASONS}"),
        Dataset("voxels/blob_ptr", "i8", "blobs+seeds+1", "", "pointer to the voxels of each blob and seed"),
        Dataset("voxels/frame", "i4", "voxels", "frames", "frame of the scan, never unwrapped"),
        Dataset("voxels/row", "i4", "voxels", "px", "row of the detector"),
        Dataset("voxels/col", "i4", "voxels", "px", "column of the detector"),
        Dataset("voxels/intensity", "f4", "voxels", "counts", "clean value"),
    ]


def _grains() -> list[Dataset]:
    each, entry, maybe = "grains", "entries", "empty where indexing did not tell"
    bends = "empty before there is a map"
    turned = "that of its rotation about x, y, z"
    alike = "empty unless the lattice is more symmetric than the crystal"
    return [
        Dataset("grains/grain_id", "i8", each, "", "number of the grain, as in the map"),
        Dataset("grains/phase", "i8", each, "", "row of the phases (attribute `phases`)"),
        Dataset("grains/U", "f8", f"{each}, 3, 3", "", "rotation from crystal to sample: v_sample = U v_crystal"),
        Dataset("grains/UBI", "f8", f"{each}, 3, 3", "angstrom", "inverse of U B: rows a, b, c in the sample"),
        Dataset("grains/position_um", "f8", f"{each}, 3", "um", "centre of mass: x, y, z, sample frame"),
        Dataset("grains/completeness", "f8", each, "", "spots found over spots expected on the detector"),
        Dataset("grains/expected", "i8", each, "", "spots expected on the detector", maybe),
        Dataset("grains/null_completeness", "f8", each, "", "mean completeness of crystals by chance", maybe),
        Dataset("grains/null_limit", "f8", each, "", "completeness that chance does not reach", maybe),
        Dataset(
            "grains/found_in", "i8", each, "", "search that found it: 1 in all blobs, 2, ... in left-overs", maybe
        ),
        Dataset("grains/orientation_error_deg", "f8", each, "deg", "standard deviation of the orientation"),
        Dataset("grains/orientation_error_xyz_deg", "f8", f"{each}, 3", "deg", f"{turned}, sample frame", maybe),
        Dataset("grains/position_error_um", "f8", each, "um", "standard deviation of the position"),
        Dataset("grains/position_error_xyz_um", "f8", f"{each}, 3", "um", "that along x, y, z", maybe),
        Dataset(
            "grains/orientation_covariance_deg2",
            "f8",
            f"{each}, 3, 3",
            "deg^2",
            "covariance of its rotation about x, y, z, sample frame",
            maybe,
        ),
        Dataset("grains/position_covariance_um2", "f8", f"{each}, 3, 3", "um^2", "that of its x, y, z", maybe),
        Dataset("grains/volume_um3", "f8", each, "um^3", "volume in the map; before, by its spots' light"),
        Dataset("grains/strain", "f8", f"{each}, 6", "", "xx yy zz yz xz xy, sample frame", "empty if off"),
        Dataset("grains/strain_error", "f8", f"{each}, 6", "", "standard deviations of those", "empty if off"),
        Dataset("grains/alternative_log_odds", "f8", each, "", "ln odds of how it stands in its lattice", alike),
        Dataset("grains/ambiguous", "?", each, "", "whether intensities do not tell how it stands", alike),
        Dataset("grains/twin_fraction", "f8", each, "", "part that stands the other way", alike),
        Dataset("grains/twin_fraction_error", "f8", each, "", "standard deviation of that", alike),
        Dataset("grains/orientation_spread_deg", "f8", each, "deg", "of its voxels, root mean square", bends),
        Dataset("grains/bend_explained", "f8", each, "", "as of `shapes.h5`", bends),
        Dataset("grains/bend_null", "f8", each, "", "as of `shapes.h5`", bends),
        Dataset("grains/sub_grains", "i8", each, "", "parts with sharp boundaries between them (1: whole)", bends),
        Dataset(
            "grains/completeness_with_faint",
            "f8",
            each,
            "",
            "of the spots of its shape those found, parts of blobs and faint ones too (nan: no shape)",
            bends,
        ),
        Dataset(
            "grains/blob_pointer", "i8", f"{each}+1", "", "pointer into what each blob has, `blobs` to `shift_px`"
        ),
        Dataset("grains/blobs", "i8", entry, "", "spot3d_id of a blob of the grain"),
        Dataset("grains/shared", "?", entry, "", "whether another grain has this blob too"),
        Dataset("grains/hkl", "i8", f"{entry}, 3", "", "Miller indices of the blob", maybe),
        Dataset(
            "grains/residuals",
            "f8",
            f"{entry}, 3",
            "",
            "predicted less measured: ω·|sin η| in deg, row in px, column in px",
            maybe,
        ),
        Dataset(
            "grains/shift_px",
            "f8",
            f"{entry}, 2",
            "px",
            "how far absorption and the threshold moved the blob's row, column",
            maybe,
        ),
        Dataset(
            "grains/indexed_volume_um3",
            "f8",
            each,
            "um^3",
            "volume before there was a map",
            "with a map",
        ),
        *_columns("grains", GRAIN_COLUMNS, each, "with a map"),
        *_columns("boundaries", BOUNDARY_COLUMNS, "boundaries", "with a map"),
    ]


def _shapes() -> list[Dataset]:
    each, projection = "grains", "projections"
    return [
        Dataset("shapes/grain", "i8", each, "", "row of the grain in `grains.h5`, from 0"),
        Dataset("shapes/threshold", "f8", each, "", "density from which on a voxel is the grain's"),
        Dataset("shapes/residual", "f8", each, "", "what its projections leave unexplained, 0 to 1"),
        Dataset("shapes/projections_used", "i8", each, "", "projections that it was rebuilt from"),
        Dataset("shapes/origin_um", "f8", f"{each}, 3", "um", "lower corner of its box: x, y, z, sample frame"),
        Dataset("shapes/size", "i8", f"{each}, 3", "", "voxels of its box along z, y, x"),
        Dataset("shapes/density", "f4", "voxels", "", "density, about 1 inside; each box flattened as [z, y, x]"),
        Dataset("shapes/density_pointer", "i8", f"{each}+1", "", "pointer into `density`"),
        Dataset("shapes/bend_explained", "f8", each, "", "of left-out omega variance, what its field foretells"),
        Dataset("shapes/bend_null", "f8", each, "", "the largest such part with frames shuffled (nan below .25)"),
        Dataset(
            "shapes/rotation_deg", "f4", "turned", "deg", "rotation vector against U, three a voxel, as `density`"
        ),
        Dataset("shapes/rotation_deg_pointer", "i8", f"{each}+1", "", "pointer into `rotation_deg`"),
        Dataset("shapes/blobs", "i8", projection, "", "spot3d_id of the blob that is a projection of the grain"),
        Dataset("shapes/blobs_pointer", "i8", f"{each}+1", "", "pointer into `blobs`"),
        Dataset("shapes/blob_weight", "f8", projection, "", "its weight, 0 to 1"),
        Dataset("shapes/blob_weight_pointer", "i8", f"{each}+1", "", "pointer into `blob_weight`"),
        Dataset("shapes/blob_residual", "f8", projection, "", "what it leaves unexplained"),
        Dataset("shapes/blob_residual_pointer", "i8", f"{each}+1", "", "pointer into `blob_residual`"),
    ]


def _shares() -> list[Dataset]:
    each = "parts"
    return [
        *(
            Dataset(
                f"shares/{name}", "i8" if name in WHOLE else "f8", f"{each}, 3" if name == "hkl" else each, *about
            )
            for name, about in MEANINGS.items()
        ),
        Dataset("shares/voxel_pointer", "i8", f"{each}+1", "", "pointer into `voxel`, `voxel_counts`"),
        Dataset("shares/voxel", "i8", "voxels of parts", "", "row in `/voxels` of `blobs.h5`"),
        Dataset("shares/voxel_counts", "f4", "voxels of parts", "counts", "what of its counts is of this part"),
    ]


def _spots() -> list[Dataset]:
    each, lit = "spots", "voxels of faint spots"
    came = ", ".join(f"{way.value} {way.text}" for way in Came)
    return [
        *(
            Dataset(
                f"spots/{name}",
                kind,
                f"{each}, 3" if name == "hkl" else each,
                unit,
                f"how it was found: {came}" if name == "came" else meaning,
            )
            for name, (kind, unit, meaning) in SPOT_COLUMNS.items()
        ),
        Dataset("spots/voxel_pointer", "i8", f"{each}+1", "", "pointer into `voxel`"),
        Dataset("spots/voxel", "i4", f"{lit}, 3", "", "frame, row, col of a voxel where its light is"),
    ]


def _bent() -> list[Dataset]:
    when = "where a grain is known to bend"
    return [
        Dataset(
            "VTKHDF/CellData/rotation_deg", "f4", "z, y, x, 3", "", "rotation vector r: the voxel is exp(r) U", when
        ),
        Dataset("VTKHDF/CellData/kam_deg", "f4", "z, y, x", "", "kernel average misorientation", when),
        Dataset("VTKHDF/CellData/grod_deg", "f4", "z, y, x", "", "grain reference orientation deviation", when),
        Dataset("VTKHDF/CellData/sub_grain", "i2", "z, y, x", "", "sub-grain of its grain (0: it has none)", when),
    ]


FILES: Mapping[str, File] = {
    "background.h5": File(
        "The moving medians, and what was measured of the frames. A NeXus viewer opens the images.",
        (
            Dataset(
                "entry/data/frames",
                "f4",
                "images, rows, cols",
                "counts",
                "what was subtracted",
            ),
            Dataset(
                "entry/data/centres",
                "i8",
                "images",
                "frames",
                "frame in the middle of the window; the last may lie past the end of the scan",
            ),
            Dataset("entry/gains", "f4", "frames, tiles", "", "factor that normalises the frame"),
            Dataset("entry/noise", "f4", "rows, cols", "counts", "σ of each pixel of clean frames", "if measured"),
            Dataset("entry/dead", "u1", "rows, cols", "", "1 where pixels tell nothing", "if there are any"),
        ),
        {},
    ),
    "clean.h5": File(
        "Frames as segmentation saw them, compressed with bitshuffle-LZ4 (`import hdf5plugin` before reading). "
        "Stored value times the attribute `scale` is counts.",
        (
            Dataset(
                "entry/data/frames",
                "i2",
                "frames, rows, cols",
                "counts",
                "`f4` where `i2` is too small",
            ),
            Dataset("entry/saturated", "i8", "voxels", "", "raw saturated voxels as (frame·rows + row)·cols + col"),
            Dataset(
                "entry/void",
                "i8",
                "unknown",
                "",
                "as these, voxels without a number (0 in the frames)",
            ),
            Dataset("entry/bridged", "?", "frames", "", "whether another frame stands in for this one"),
        ),
        {"entry/data/frames@scale": "counts of one stored step"},
    ),
    "blobs.h5": File(
        "ImageD11 opens `/peaks` as a columnfile. `/rejected` holds every seed that became no blob: the columns of "
        "`/peaks`, and the reason. Voxels are compressed losslessly with HDF5's own gzip, about 2 bytes each; "
        'without friedel, blob i is `file["voxels/row"][a:b]` and so on with '
        '`a, b = file["voxels/blob_ptr"][i : i + 2]`.',
        tuple(_blobs()),
        {
            "@shape": "frames, rows, columns of the scan",
            "@omega_start_deg": "where the first exposure begins",
            "@omega_step_deg": "what each frame integrates",
            "@omega_of_frame": "how a frame becomes an angle: `omega_start_deg + (frame + 0.5) * omega_step_deg`",
            "@wrapped": "whether the last frame touches the first",
            "@missing_frames": "gaps, rows of start and stop (only where there are some)",
            "@recipe_preprocess": "the parameters of [preprocess] that ran, as JSON",
            "@recipe_segment": "the parameters of [segment] that ran, as JSON",
            "@scan_fingerprint": "the scan's, as in `run.json`",
        },
    ),
    "pairs.h5": File(
        "One row a pair: those half a turn apart, and those across the beam.",
        (
            *_columns("pairs", PAIR_COLUMNS, "pairs"),
            *_columns("pairs", RESIDUAL_COLUMNS, "pairs"),
            *_columns("across", ACROSS_COLUMNS, "pairs across"),
        ),
        {
            "pairs@blobs": "blobs that were asked",
            "pairs@candidates": "pairs within the tolerances, before each blob was given to one",
            "pairs@null_pairs": "pairs that are found when ω is scrambled (mean)",
            "pairs@quadruplets": "pairs that are partners of each other across the beam: all four spots of a plane",
            "pairs@null_quadruplets": "the same when ω is scrambled (mean)",
            "pairs@pairable": "part of the scan whose partner half a turn away was recorded",
            "pairs@tolerances": "of a typical pair, as JSON: `omega_deg`, `two_theta_deg`, `factor`, `tuned`",
            "across@candidates": "as of `pairs`",
            "across@null_pairs": "as of `pairs`",
            "across@tolerances": "as of `pairs`",
            "@setup": SETUP,
        },
    ),
    "grains.h5": File(
        "One row a grain, one row a boundary between two.",
        tuple(_grains()),
        {
            "grains@phases": "names of the phases, in the order of the recipe",
            "grains@notes": "what went wrong, if anything did",
            "boundaries@load_axis": "direction of the load that `schmid_factor` is for, sample frame",
            "@setup": SETUP,
        },
    ),
    "shapes.h5": File(
        "What each grain looks like before they compete for the voxels of the map.",
        (*_shapes(), *_shares(), *_spots()),
        {"shapes@voxel_um": "edge of a voxel", "spots/came@names": "what its numbers mean"},
    ),
    "volume.h5": File(
        "ParaView opens it as it is: ImageData of version 1.0 of VTKHDF, sample frame.",
        (
            Dataset("VTKHDF/CellData/grain_id", "i4", "z, y, x", "", "number of the grain, 0 for none"),
            Dataset("VTKHDF/CellData/status", "u1", "z, y, x", "", f"how it is known: {STATUSES}"),
            Dataset("VTKHDF/CellData/density", "f4", "z, y, x", "", "density of that grain, about 1 inside it"),
            Dataset(
                "VTKHDF/CellData/confidence", "f4", "z, y, x", "", "how likely that grain is the right one, 0 to 1"
            ),
            *_bent(),
        ),
        {
            "VTKHDF@Origin": "lower corner of the first voxel: x, y, z in um",
            "VTKHDF@Spacing": "edge of a voxel in um, three times",
            "VTKHDF@Direction": "the unit matrix: the grid's axes are those of the sample frame",
            "VTKHDF@WholeExtent": "0, voxels along x, 0, along y, 0, along z",
            "VTKHDF@Type": "`ImageData`",
            "VTKHDF@Version": "of VTK's format",
        },
    ),
}
TRUTH = (
    "A simulation's `SCAN.truth.h5` holds `/peaks`, `/rejected` and `/voxels` as `blobs.h5`, `/grains` as "
    "`grains.h5` and `/VTKHDF` as `volume.h5`. Its blobs are all spots of the "
    "simulation, with these columns besides:"
)


def table(datasets: Iterable[Dataset]) -> str:
    """Rows of a page."""
    lines = ["| dataset | type | axes | unit | meaning |", "| --- | --- | --- | --- | --- |"]
    for one in datasets:
        meaning = one.meaning + (f" ({one.when})" if one.when else "")
        dtype = {"S": "text", "?": "bool"}.get(one.dtype, one.dtype)
        lines.append(f"| `/{one.name}` | {dtype} | {one.shape} | {one.unit} | {meaning} |".replace("|  |", "| |"))
    return "\n".join(re.sub(r"\|\s+\|", "| |", line) for line in lines) + "\n"


def tables() -> str:
    """A heading, a sentence, datasets and attributes of each file."""
    text = ""
    for name, file in FILES.items():
        shown = [one for one in file.datasets if not (one.name.startswith("rejected/") and one.dtype != "S")]
        text += f"## `{name}`\n\n{file.about}\n\n{table(shown)}\n"
        lines = []
        for key, meaning in file.attributes.items():
            group, _, attribute = key.partition("@")
            lines.append(f"- `{attribute}` of `/{group}`: {meaning}")
        text += "Attributes:\n\n" + "\n".join(lines) + "\n\n" if lines else ""
        if name == "blobs.h5":
            text += f"{TRUTH}\n\n{table(_columns('peaks', TRUTH_COLUMNS, 'spots'))}\n"
    return text


def page() -> str:
    """The page with the tables in their place."""
    return TABLES.sub(lambda _: tables(), PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
