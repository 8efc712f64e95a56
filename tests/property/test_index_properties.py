"""What indexing must keep to, whatever the grains: small tables of exact or noisy spots."""

from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from friedel.index import IndexParams, index
from friedel.kernels import bragg
from friedel.model.blobs import COLUMNS, BlobTable, Voxels
from friedel.model.crystal import Phase
from friedel.model.setup import Axis, Beam, Detector, SampleShape, Setup
from tests.oracles_index import pick, true_pairs
from tests.strategies import FLIPS, SEEDS, SENSES, triples

AL = Phase.from_lattice("Al", (4.0495, 4.0495, 4.0495, 90, 90, 90), "F m -3 m")
REFLECTIONS = AL.reflections(1.1)
BUSY = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def instrument(tilt=(0.0, 0.0, 0.0), sign=1, flip=()):
    detector = Detector.from_distance(3094.0, 3.5, (255.5, 255.5), tilt_deg=tilt, flip=flip)
    return Setup(Beam(40.0), detector, Axis(sign), SampleShape("cylinder", (200.0, 200.0, 160.0)))


def table(setup, turns, places, noise_px=0.0, noise_deg=0.0, seed=0):
    """Blobs without voxels of grains with given orientations and positions."""
    rng = np.random.default_rng(seed)
    detector = setup.detector
    plane = bragg.detector_frame(detector.origin_um, detector.u_um, detector.v_um)
    rows = []
    for number, (U, place) in enumerate(zip(turns, places, strict=True)):
        hkl = REFLECTIONS.hkl
        found = bragg.predict(hkl @ (U @ AL.B).T, place, setup.beam.wavelength, plane).only(0.1)
        on = (np.abs(found.row - 255.5) < 252) & (np.abs(found.col - 255.5) < 252)
        sine = np.abs(np.sin(found.eta))
        omega = np.mod(
            setup.axis.sign * np.degrees(found.omega) + noise_deg * rng.normal(size=len(sine)) / sine, 360
        )
        shift = noise_px * rng.normal(size=(2, len(sine)))
        parts = (omega, found.row + shift[0], found.col + shift[1], *hkl[found.reflection].T)
        rows.append(np.column_stack([*parts, np.full(len(sine), number)])[on])
    spots = np.concatenate(rows)
    n = len(spots)
    columns = {column.name: np.zeros(n, dtype=column.dtype) for column in COLUMNS}
    omega, row, col = spots[:, :3].T
    columns |= {"spot3d_id": np.arange(n), "omega": omega, "frame": omega / 0.1 - 0.5}
    columns |= {**dict.fromkeys(("s_raw", "sc"), row), **dict.fromkeys(("f_raw", "fc"), col)}
    columns |= {
        "sum_intensity": np.ones(n),
        "sigs": np.full(n, 3.0),
        "sigf": np.full(n, 3.0),
        "sigo": np.full(n, 0.05),
    }
    extra = dict(zip("hkl", spots[:, 3:6].T.astype(int), strict=True)) | {"grain": spots[:, 6].astype(int)}
    nothing = np.zeros(0)
    voxels = Voxels(np.zeros(n + 1, dtype=np.int64), nothing, nothing, nothing, nothing)
    return BlobTable(columns, np.zeros(n, np.uint8), voxels, (3600, 512, 512), 0.0, 0.1, True, extra)


def some_grains(count, seed):
    rng = np.random.default_rng(seed)
    places = np.column_stack([*rng.uniform(-65, 65, (2, count)), rng.uniform(-75, 75, count)])
    return Rotation.random(count, rng=rng).as_matrix(), places


def nearest(grains, turns, places):
    """Each true grain's misorientation (deg) to, and distance (um) from, the grain found nearest to it."""
    away = np.linalg.norm(places[:, None] - grains.position_um, axis=2)
    best = away.argmin(axis=1)
    return AL.misorientation_deg(turns, grains.U[best]), away.min(axis=1)


@BUSY
@given(
    st.integers(1, 8),
    SEEDS,
    triples(3),
    SENSES,
    FLIPS,
)
def test_exact_spots_give_exact_grains_on_any_detector(count, seed, tilt, sign, flip):
    setup = instrument(tilt, sign, flip)
    turns, places = some_grains(count, seed)
    blobs = table(setup, turns, places)
    grains = index(blobs, true_pairs(blobs, setup), setup, [AL], IndexParams())
    assert len(grains) == count
    turned, away = nearest(grains, turns, places)
    assert turned.max() < 1e-3
    assert away.max() < 0.1


@BUSY
@given(SEEDS)
def test_the_order_of_blobs_and_pairs_does_not_matter(seed):
    setup = instrument()
    turns, places = some_grains(4, seed)
    blobs = table(setup, turns, places, 0.2, 0.02, seed)
    mixed = pick(blobs, np.random.default_rng(seed).permutation(len(blobs)))
    one, two = (index(b, true_pairs(b, setup), setup, [AL], IndexParams()) for b in (blobs, mixed))
    assert len(one) == len(two) == 4
    turned, away = nearest(two, one.U, one.position_um)
    assert turned.max() < 1e-3
    assert away.max() < 0.05


@BUSY
@given(SEEDS, st.floats(0.2, 359.8))
def test_a_turned_sample_gives_turned_grains(seed, angle):
    setup = instrument()
    turns, places = some_grains(3, seed)
    blobs = table(setup, turns, places, 0.2, 0.02, seed)
    later = np.mod(blobs["omega"] + angle, 360)
    other = replace(blobs, columns={**blobs.columns, "omega": later})
    one, two = (index(b, true_pairs(b, setup), setup, [AL], IndexParams()) for b in (blobs, other))
    assert len(one) == len(two) == 3
    back = Rotation.from_euler("z", angle, degrees=True).as_matrix()
    turned, away = nearest(two, back.T @ one.U, one.position_um @ back)
    assert turned.max() < 1e-3
    assert away.max() < 0.05


@BUSY
@given(SEEDS, st.integers(1, 6))
def test_spots_at_random_angles_give_no_grain(seed, count):
    setup = instrument()
    turns, places = some_grains(count, seed)
    blobs = table(setup, turns, places)
    pairs = true_pairs(blobs, setup)
    rng = np.random.default_rng(seed)
    other = replace(blobs, columns={**blobs.columns, "omega": rng.uniform(0, 360, len(blobs))})
    columns = {**pairs.columns, "omega": rng.uniform(0, 360, len(pairs))}
    by_chance = replace(pairs, columns=columns, null_pairs=float(len(pairs)))
    grains = index(other, by_chance, setup, [AL], IndexParams())
    assert len(grains) == 0
    assert grains.notes


@BUSY
@given(SEEDS, SENSES)
def test_the_wrong_sense_gives_no_grain(seed, sign):
    setup = instrument(sign=sign)
    turns, places = some_grains(5, seed)
    blobs = table(setup, turns, places)
    wrong = replace(setup, axis=Axis(-sign))
    assert len(index(blobs, true_pairs(blobs, wrong), wrong, [AL], IndexParams())) == 0
