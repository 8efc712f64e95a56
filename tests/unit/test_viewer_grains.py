"""What the page is told about spots, pairs, grains and their map."""

import json
from dataclasses import replace

import anyio
import httpx
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from friedel.errors import FriedelError
from friedel.io.store import read_blobs, read_grains, read_volume
from friedel.model.colours import STATUS_COLOURS, by_orientation, softened
from friedel.model.crystal import Phase
from friedel.model.figures_of_merit import figures_of_merit, mean_rank
from friedel.model.ipf_key import in_sector, make_ipf_key, stereographic
from friedel.model.orientation import ipf_colours
from friedel.model.setup import Beam, Detector, Setup
from friedel.model.spot_angles import spot_angles_deg
from friedel.output_folder.reader import OutputFolder
from friedel.viewer.encode import HEADER
from friedel.viewer.grain_facts import SPOT_COLUMNS, GrainFacts, hexes, listed
from friedel.viewer.map_layers import colours_of, key_image, layer, voxel_facts
from friedel.viewer.server import make_app, make_session
from tests.grain_maps import AL, TI, sample_map
from tests.report_folder import make_folder
from tests.unit.test_reporter_grains import add_map

ORTHO = Phase.from_lattice("ortho", [4.0, 5.0, 6.0, 90, 90, 90], "P m m m", atoms=[("Al", 0.0, 0.0, 0.0)])


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return add_map(make_folder(tmp_path_factory.mktemp("viewer") / "out"))


@pytest.fixture(scope="module")
def facts(out):
    return GrainFacts(OutputFolder(out))


@pytest.fixture(scope="module")
def ask(out):
    session = make_session(out)
    transport = httpx.ASGITransport(make_app(session, token="t"))

    def get(path):
        async def send():
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.get(f"/api/{path}", headers={"Cookie": "friedel-0=t"})

        return anyio.run(send)

    yield get
    session.close()


def array_of(answer):
    about = json.loads(answer.headers[HEADER])
    return np.frombuffer(answer.content, about["dtype"]).reshape(about["shape"]), about


def test_every_blob_is_a_spot_with_its_grain_and_partner(ask, out):
    spots, about = array_of(ask("spots"))
    blobs, grains = read_blobs(out / "blobs.h5"), read_grains(out / "grains.h5")
    assert about["columns"] == list(SPOT_COLUMNS)
    assert (about["frames"], about["rows"], about["cols"]) == blobs.shape
    columns = dict(zip(SPOT_COLUMNS, spots.T, strict=True))
    np.testing.assert_allclose(columns["row"], blobs["s_raw"], rtol=1e-6)
    half = len(blobs) // 2
    assert columns["partner"][:half].tolist() == list(range(half, 2 * half))
    assert columns["partner"][columns["partner"][:half].astype(int)].tolist() == list(range(half))
    for grain in range(len(grains)):
        mine = grains.blobs[grains.blob_pointer[grain] : grains.blob_pointer[grain + 1]]
        assert (columns["grain"][mine] == grain).all()


def test_angles_of_a_spot_are_those_of_the_ray_to_it():
    setup = Setup(Beam(40.0), Detector.from_distance(1000.0, 2.0, (100.0, 100.0)))
    eta, two_theta = spot_angles_deg(
        setup, np.array([0.0, 100.0]), np.array([100.0, 350.0]), np.array([0.0, 90.0]), np.array([[0.0, 0, 0]] * 2)
    )
    np.testing.assert_allclose(eta, [0.0, -90.0], atol=1e-9)
    np.testing.assert_allclose(two_theta, np.degrees(np.arctan([0.2, 0.5])))
    moved = spot_angles_deg(setup, np.zeros(1), np.array([100.0]), np.array([90.0]), np.array([[0.0, -100.0, 0]]))
    turned = spot_angles_deg(setup, np.zeros(1), np.array([100.0]), np.zeros(1), np.array([[100.0, 0, 0]]))
    np.testing.assert_allclose(moved, turned, atol=1e-9)


def test_grains_are_told_column_by_column_and_one_by_one(ask, facts):
    told = ask("grains").json()
    columns = told["columns"]
    assert {len(values) for values in columns.values()} == {4}
    assert columns["grain_id"] == [1, 2, 3, 4]
    assert columns["radius_um"] == pytest.approx(np.array(columns["diameter_um"]) / 2)
    doubt = mean_rank(figures_of_merit(facts.grains, facts.results.volume))
    assert columns["trust"] == pytest.approx(1 - doubt)
    one = ask("grain?id=2").json()
    assert one["grain_id"] == 3
    assert one["blobs"] == len(one["spots"]["blob"]) == len(one["spots"]["hkl"]) == len(one["spots"]["residuals"])
    assert sum(one["status"].values()) == int((facts.results.volume.grain_id == 3).sum())
    segment_images = [beside["area_um2"] for beside in one["beside"]]
    assert segment_images == sorted(segment_images, reverse=True)
    assert {beside["id"] for beside in one["beside"]} == {1, 3}
    for id_ in (-1, 4, "x"):
        assert ask(f"grain?id={id_}").status_code in (409, 422)


def test_the_worst_in_everything_is_doubted_most():
    grains, volume, _ = sample_map(6, 3)
    table = figures_of_merit(grains, volume)
    worst = [one._replace(values=np.where(np.arange(6) == 4, -one.bad * -1e9, one.values)) for one in table]
    assert mean_rank(worst).argmax() == 4
    assert ((mean_rank(table) > 0) & (mean_rank(table) < 1)).all()


def test_a_voxel_leads_to_its_grain_and_its_blobs(ask, facts):
    volume = facts.results.volume
    z, y, x = np.argwhere(volume.grain_id == 2)[0].tolist()
    told = ask(f"voxel?x={x}&y={y}&z={z}").json()
    assert told["grain"] == 1
    assert told["blobs"] == facts.grain(1)["spots"]["blob"]
    assert told["confidence"] is None
    assert told["position_um"] == pytest.approx(volume.origin_um + (np.array([x, y, z]) + 0.5) * volume.voxel_um)
    empty = ask("voxel?x=0&y=0&z=0").json()
    assert (empty["grain"], empty["blobs"], empty["status"]) == (-1, [], "empty")
    with pytest.raises(FriedelError, match="must lie in"):
        voxel_facts(facts, 0, 0, 99)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("name", ["grain_id", "status", "density"])
def test_layers_are_the_map(ask, out, name, step):
    volume = read_volume(out / "volume.h5")
    values, about = array_of(ask(f"volume?layer={name}&step={step}"))
    expected = getattr(volume, name)[::step, ::step, ::step]
    slack = about["scale"] / 2 if name == "density" else 0
    np.testing.assert_allclose(values * about["scale"] + about["offset"], expected, atol=slack)
    assert about["voxel_um"] == volume.voxel_um * step
    assert about["whole"] == list(volume.grain_id.shape)


def test_confidence_is_a_layer_where_the_map_has_it(facts):
    volume = facts.results.volume
    with pytest.raises(FriedelError, match="is not in this map"):
        layer(volume, "confidence")
    said = np.linspace(0, 1, volume.grain_id.size, dtype=np.float32).reshape(volume.grain_id.shape)
    found = layer(replace(volume, confidence=said), "confidence")
    np.testing.assert_allclose(found.array * found.scale + found.offset, said, atol=0.003)


def test_a_layer_takes_no_other_names_and_steps(ask):
    for query in ("layer=secret", "step=0", "step=17", "step=x"):
        assert ask(f"volume?{query}").status_code == 422


def test_many_grains_are_told_as_32_bits(facts):
    volume = facts.results.volume
    grain_id = volume.grain_id.copy()
    grain_id[0, 0, 0] = 70_000
    assert layer(replace(volume, grain_id=grain_id), "grain_id").array.dtype == np.int32


def test_colours_are_those_of_the_report(facts):
    told = colours_of(facts)
    assert told["ipf_x"] == hexes(by_orientation(facts.grains, facts.results.phases, (1.0, 0, 0)))
    assert told["status"][1:] == list(STATUS_COLOURS.values())
    assert [key["keyed"] for key in told["keys"]] == [True]
    for name in "xyz":
        assert all(0 <= part <= 1 for place in told["places"][name] for part in place)


@pytest.mark.parametrize("phase", [AL, TI], ids=lambda phase: phase.name)
def test_a_place_in_the_key_has_the_colour_of_the_grain(phase):
    rng = np.random.default_rng(1)
    key = make_ipf_key(phase, 300)
    left, right, bottom, top = key.box
    U = Rotation.random(60, rng=rng).as_matrix()
    place = stereographic(in_sector(U[:, 2], phase.crystal_system))
    rows, cols = key.image.shape[:2]
    row = np.clip(((place[:, 1] - bottom) / (top - bottom) * rows).round().astype(int), 0, rows - 1)
    col = np.clip(((place[:, 0] - left) / (right - left) * cols).round().astype(int), 0, cols - 1)
    np.testing.assert_allclose(key.image[row, col, :3], softened(ipf_colours(U, phase) / 255.0), atol=0.06)


def test_the_key_names_its_corners_and_others_have_none(facts, ask):
    image, about = array_of(ask("key?phase=0&size=64"))
    assert image.shape[2] == 4
    assert about["names"] == ["001", "101", "111"]
    rows = image.shape[0]
    for col, row in about["corners"]:
        assert 0 <= col <= 1.0001
        assert 0 <= row <= 1.0001
    assert image[rows - 2, 1, 0] > 180  # red at 001
    with pytest.raises(FriedelError, match="no key"):
        key_image(facts.results, 1, 64)
    assert ask("key?phase=0&size=100000").status_code == 422


def test_a_folder_without_grains_says_so_and_still_tells_its_spots(tmp_path):
    out = make_folder(tmp_path / "out")
    facts = GrainFacts(OutputFolder(out))
    assert facts.table == {"columns": {}, "notes": []}
    spots = facts.spots
    assert (spots[:, SPOT_COLUMNS.index("grain")] == -1).all()
    assert colours_of(facts)["grain"] == []
    with pytest.raises(FriedelError, match="no such grain"):
        facts.grain(0)
    with pytest.raises(FriedelError, match="none yet"):
        voxel_facts(facts, 0, 0, 0)


def test_a_spot_on_the_seam_of_a_full_turn_is_on_a_frame_of_the_scan(out, monkeypatch):
    blobs = read_blobs(out / "blobs.h5")
    frames = blobs.shape[0]
    unwrapped = np.linspace(-2.6, frames + 2.6, len(blobs.reason))
    turned = replace(blobs, wrapped=True, columns={**blobs.columns, "frame": unwrapped})
    monkeypatch.setattr(OutputFolder, "blobs", turned)
    shown = GrainFacts(OutputFolder(out)).spots[:, SPOT_COLUMNS.index("frame")]
    nearest = np.floor(shown + 0.5)  # as a browser rounds
    assert set(nearest) <= set(range(frames))
    np.testing.assert_array_equal(nearest, np.floor(unwrapped[: len(blobs)] + 0.5) % frames)


def test_an_empty_folder_answers_with_nothing(tmp_path):
    facts = GrainFacts(OutputFolder(tmp_path))
    assert facts.spots.shape == (0, len(SPOT_COLUMNS))
    assert facts.table["columns"] == {}


def test_a_lattice_without_a_key_has_no_places(facts):
    results = facts.results
    changed = GrainFacts(results)

    class Other:
        grains, volume, phases, blobs, pairs = results.grains, results.volume, (ORTHO,), None, None

    changed.results = Other()
    told = colours_of(changed)
    assert told["keys"][0]["keyed"] is False
    assert told["places"]["z"] == [None] * 4


def test_what_is_not_a_number_is_told_as_nothing():
    assert listed(np.array([[1.0, np.nan], [np.inf, 2.5]])) == [[1.0, None], [None, 2.5]]
    assert listed(np.array([True, False])) == [True, False]
