"""Mistakes that people make in a recipe, and words of the line that refuses each."""

import tomllib
from pathlib import Path

import tomlkit

from friedel.recipe.settings import apply_settings

RECIPE = """
[scan]
frames = "s.h5"
[preprocess]
beam = "none"
normalise = "none"
half_window = 10
half_step = 2
[segment]
seed_threshold = 60
grow_min = 20
min_size = [1, 1, 1]
[setup]
energy_keV = 40.0
detector = { distance_um = 3094.0, pixel_um = 40.0, centre_px = [15.5, 11.5] }
sample = { shape = "cylinder", radius_um = 200, height_um = 300 }
[[phase]]
name = "Al"
lattice = [4.0495, 4.0495, 4.0495, 90, 90, 90]
spacegroup = "F m -3 m"
"""
MISTAKES = {
    "energy in eV": ("setup.energy_keV=40000", "if eV was meant, write 40, got 40000"),
    "energy in MeV": ("setup.energy_keV=0.04", "if MeV was meant, write 40"),
    "wavelength for energy": ("setup.energy_keV=0.31", "if a wavelength in Angstrom was meant, write 39.9"),
    "lattice in nm": ("phase.0.lattice=[0.40495,0.40495,0.40495,90,90,90]", "if nm was meant, write 4.0495"),
    "lattice in pm": ("phase.0.lattice=[404.95,404.95,404.95,90,90,90]", "if pm was meant, write 4.0495"),
    "angles in radians": ("phase.0.lattice=[4.05,4.05,4.05,1.5708,1.5708,1.5708]", "if radians was meant"),
    "pixel in mm": ("setup.detector.pixel_um=0.0035", "if mm was meant, write 3.5"),
    "distance in mm": ("setup.detector.distance_um=3", "if mm was meant, write 3000"),
    "sample in mm": ("setup.sample.radius_um=0.2", "if mm was meant, write 200"),
    "centre off the detector": ("setup.detector.centre_px=[512,12]", "must lie on the detector of 32 × 24 pixels"),
    "space group FCC": ("phase.0.spacegroup=FCC", 'for FCC write "F m -3 m"'),
    "no CIF": ('phase=[{name="Al", cif="al.cif"}]', "al.cif: no such file"),
    "families that are extinct": ("phase.0.families=[[1,0,0]]", "phase.0.families: must be reflections"),
    "no ring on the detector": ("setup.detector.distance_um=3e6", "whose ring lies on the detector"),
    "no sample mask": ('setup.sample={mask="mask.h5"}', "setup.sample.mask"),
    "voxel in mm": ("reconstruct.voxel_um=0.04", "if mm was meant, write 40"),
    "a box outside": ("segment.exclude=[[0,0,99,9]]", "segment.exclude"),
    "a margin wider than the beam": (
        'preprocess={beam=[2,2,12,12],margin=6,normalise="margin",half_window=10,half_step=2}',
        "preprocess.margin: two strips must fit into the beam box, 10 px wide, got 6",
    ),
}


def written(path: Path, *settings: str) -> Path:
    """The recipe with these settings, as somebody has typed it."""
    path.write_text(tomlkit.dumps(apply_settings(tomllib.loads(RECIPE), settings, path.parent)), encoding="utf-8")
    return path


def pairs() -> list[tuple[str, str]]:
    """Two mistakes at a time, not in one key."""
    names = list(MISTAKES)
    return [
        (one, other)
        for i, one in enumerate(names)
        for other in names[i + 1 :]
        if not _overlap(MISTAKES[one][0].partition("=")[0], MISTAKES[other][0].partition("=")[0])
    ]


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
