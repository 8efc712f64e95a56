"""What the page gets to see: frames, sections, courses, masks, and the facts around them."""

import json
import math

import numpy as np
import pytest

from friedel.explorer.display import ScaledArray, clean_image, count_image, fewer_pixels
from friedel.explorer.sub_volume import SubVolumes
from friedel.io.store import read_blobs
from friedel.viewer.encode import array_response
from tests.viewer_scan import FRAMES, numbers, page_of, run, settled, write_recipe


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page whose scan was run with these parameters."""
    recipe = write_recipe(tmp_path_factory.mktemp("page"))
    run(recipe)
    with page_of(recipe) as client:
        yield client


@pytest.fixture
def fresh(tmp_path):
    """A page without any run, for changes."""
    with page_of(write_recipe(tmp_path)) as client:
        yield client


def test_the_session_tells_all_that_the_page_begins_with(page):
    facts = page.get("api/session").json()
    assert facts["scan"]["frames"] == FRAMES
    assert (facts["scan"]["rows"], facts["scan"]["cols"]) == (48, 80)
    assert facts["scan"]["full_turn"] is True
    assert facts["baseline"]["beam"] == [20, 10, 60, 34]
    assert facts["baseline"]["sigma"] > 0
    assert facts["has"] == {
        "background": True, "blobs": True, "pairs": False, "grains": False, "volume": False, "geometry": False,
        "truth": False, "report": False,
    }  # fmt: skip
    assert set(facts["stages"]) == {"preprocess", "segment"}
    assert facts["stale"] == []
    assert facts["troubles"] == []
    assert facts["recipe"]["segment"]["grow_max"] == "inf"
    assert facts["recipe"] == facts["saved"]
    assert facts["recipe"]["setup"] is None
    assert {row["name"] for row in facts["schema"]["segment"]} >= {"seed_threshold", "tolerance"}
    assert any("corrupt" in text for text in facts["warnings"])


@pytest.mark.parametrize("index", [0, 8, 31, 59])
def test_frames_are_exact_numbers(page, index):
    session = page.session
    raw, about = numbers(page.get(f"api/frame?kind=raw&index={index}"))
    np.testing.assert_array_equal(raw, session.scan.frames.read(index, index + 1)[0])
    assert (about["kind"], about["index"], about["step"], about["preview"]) == ("raw", index, 1, False)
    clean, about = numbers(page.get(f"api/frame?kind=clean&index={index}"))
    np.testing.assert_array_equal(clean, session.scan_pass.clean(index, index + 1)[0])
    assert about["dtype"] == "<i2"
    assert about["stand_in"] == (index == 31)
    assert about["low"] < 0 < about["high"]
    background, _ = numbers(page.get(f"api/frame?kind=background&index={index}"))
    np.testing.assert_array_equal(background, session.project.results.backgrounds.image(index // 7))


def test_smaller_frames_keep_spots_and_means(page):
    whole, _ = numbers(page.get("api/frame?kind=clean&index=20"))
    small, about = numbers(page.get("api/frame?kind=clean&index=20&step=7"))
    assert about["shape"] == [7, 12]
    padded = np.full((49, 84), -np.inf)
    padded[:48, :80] = whole
    np.testing.assert_array_equal(small, padded.reshape(7, 7, 12, 7).max(axis=(1, 3)))
    raw, _ = numbers(page.get("api/frame?kind=raw&index=20"))
    mean, about = numbers(page.get("api/frame?kind=raw&index=20&step=4"))
    np.testing.assert_allclose(mean, raw.reshape(12, 4, 20, 4).mean(axis=(1, 3)), atol=about["scale"])


def test_packed_frames_are_the_same(page):
    plain, packed = (page.get(f"api/frame?kind=clean&index=9{more}") for more in ("", "&pack=1"))
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert packed.content == plain.content


@pytest.mark.parametrize("kind", ["raw", "clean"])
def test_sections_cut_the_frames_that_are_held(page, kind):
    session = page.session
    volume = session.scan_pass.clean(0, FRAMES) if kind == "clean" else session.scan.frames.read(0, FRAMES)
    row, about = numbers(page.get(f"api/section?kind={kind}&axis=row&at=40&start=5&stop=30"))
    np.testing.assert_array_equal(row, volume[5:30, 40])
    assert (about["start"], about["stop"], about["preview"]) == (5, 30, False)
    col, _ = numbers(page.get(f"api/section?kind={kind}&axis=col&at=70&frame=3"))
    np.testing.assert_array_equal(col, volume[:, :, 70])


def test_the_course_of_a_pixel(page):
    course = page.get("api/course?row=6&col=8").json()
    frames = page.session.scan.frames.read(0, FRAMES)
    assert course["frames"] == list(range(FRAMES))
    assert course["every"] == 1
    assert course["raw"] == frames[:, 6, 8].tolist()
    scan_state = page.session.scan_pass.scan_state
    assert course["normalised"][8] == scan_state.cleaner.normalised(8)[6, 8]
    assert course["median"][8] == scan_state.backgrounds.image(1)[6, 8]


def test_the_course_of_a_long_scan_is_dense_around_the_frame(page, monkeypatch):
    monkeypatch.setattr("friedel.viewer.routes_frames.COURSE_BYTES", 0)
    monkeypatch.setattr(page.session.scan_pass, "sub_volumes", SubVolumes(most_voxels=6 * 48 * 80))
    course = page.get("api/course?row=6&col=8&frame=41").json()
    assert course["every"] == 2
    assert course["frames"] == sorted({*range(0, 60, 2), *range(38, 44)})
    assert page.get("api/course?row=6&col=8").json()["frames"] == list(range(0, 60, 2))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("api/frame?kind=raw&index=60", "index"),
        ("api/frame?kind=raw&index=-1", "index"),
        ("api/frame?kind=raw&index=x", "index"),
        ("api/frame?kind=raw", "index"),
        ("api/frame?kind=odd&index=1", "kind"),
        ("api/frame?kind=raw&index=1&step=0", "step"),
        ("api/frame?kind=raw&index=1&step=1e3", "step"),
        ("api/section?kind=background&axis=row&at=1", "kind"),
        ("api/section?axis=diagonal&at=1", "axis"),
        ("api/section?axis=row&at=48", "at"),
        ("api/section?axis=col&at=80", "at"),
        ("api/course?row=1&col=99999999999999999999", "col"),
    ],
)
def test_questions_that_make_no_sense_are_one_line(page, path, key):
    answer = page.get(path)
    assert answer.status_code == 422
    assert answer.json()["key"] == key
    assert "\n" not in answer.json()["error"]


def test_overtaken_requests_are_dropped_by_channel(page):
    ask = "api/frame?kind=raw&index=3&client=c&channel={}&seq={}"
    assert page.get(ask.format("frame", 7)).status_code == 200
    late = page.get(ask.format("frame", 5))
    assert (late.status_code, late.json()["error"]) == (409, "overtaken")
    assert page.get(ask.format("ahead", 5)).status_code == 200
    assert page.get(ask.format("frame", 8)).status_code == 200
    assert page.get(ask.format("frame", 7).replace("client=c", "client=d")).status_code == 200


def test_one_may_change_and_others_wait(fresh):
    def control(client, **what):
        return fresh.post("api/control", json={"client": client, **what}).json()["mine"]

    draft = {"section": "segment", "values": {"tolerance": 0.2}}
    assert fresh.post("api/draft", json={"client": "a", **draft}).status_code == 200
    refused = fresh.post("api/draft", json={"client": "b", **draft})
    assert (refused.status_code, refused.json()["error"]) == (409, "somebody else is in control")
    assert fresh.get("api/progress?client=b").json()["control"] == {"mine": False, "taken": True}
    assert not control("b", take=True)
    assert not control("a", release=True)
    assert control("b", take=True)
    assert fresh.get("api/progress?client=b").json()["control"] == {"mine": True, "taken": False}
    assert fresh.post("api/draft", json=draft).status_code == 400


def test_a_draft_changes_the_revision_and_is_answered_with_the_recipe(fresh):
    before = fresh.get("api/progress?client=a").json()["revision"]
    values = {"seed_threshold": 80, "grow_max": "inf", "exclude": ["beam", [1, 2, 3, 4]]}
    answer = fresh.post("api/draft", json={"client": "a", "section": "segment", "values": values}).json()
    assert answer["recipe"]["segment"]["exclude"] == ["beam", [1, 2, 3, 4]]
    assert fresh.get("api/progress?client=a").json()["revision"] > before
    wrong = fresh.post("api/draft", json={"client": "a", "section": "segment", "values": {"tolerance": 7}})
    assert (wrong.status_code, wrong.json()["key"]) == (422, "segment.tolerance")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"', b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_tables_are_refused(fresh, body):
    for path in ("api/draft", "api/control", "api/mask"):
        assert fresh.post(path, content=body).status_code == 400


def test_a_mask_is_painted_erased_and_cleared(fresh):
    def paint(op, runs=()):
        return fresh.post("api/mask", json={"client": "a", "op": op, "runs": [list(run) for run in runs]})

    assert paint("paint", [(3, 4, 9), (47, 70, 99), (99, 0, 5)]).json()["masked"] == 15
    assert paint("erase", [(3, 0, 6)]).json()["masked"] == 13
    mask, about = numbers(fresh.get("api/mask"))
    assert about["dtype"] == "u1"
    assert about["edited"] is True
    assert mask[3, 6:9].all()
    assert mask.sum() == 13
    settled(fresh.session.scan_pass)
    clean, _ = numbers(fresh.get("api/frame?kind=clean&index=3"))
    assert not clean[mask > 0].any()
    for runs in ([[1, 2]], [[1, 2, "3"]], "text", [[1.5, 2, 3]], [[True, 2, 3]]):
        assert fresh.post("api/mask", json={"client": "a", "op": "paint", "runs": runs}).status_code == 422
    assert paint("smear").status_code == 422
    assert paint("clear").json()["masked"] == 0
    assert fresh.session.project.mask is None


def test_frames_follow_the_parameters(fresh):
    before, _ = numbers(fresh.get("api/frame?kind=clean&index=20"))
    fresh.post("api/draft", json={"client": "a", "section": "preprocess", "values": {"despeckle": 1}})
    settled(fresh.session.scan_pass)
    after, _ = numbers(fresh.get("api/frame?kind=clean&index=20"))
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, fresh.session.scan_pass.clean(20, 21)[0])


def test_a_page_without_a_scan_says_so_and_shows_what_there_is(tmp_path):
    recipe = write_recipe(tmp_path)
    out = run(recipe)
    (tmp_path / "scan.h5").unlink()
    with page_of(recipe, wait=False) as client:  # nothing is there to be looked through
        facts = client.get("api/session").json()
        assert facts["scan"] is None
        assert facts["has"]["blobs"]
        assert "no such file" in facts["troubles"][0]["text"]
        answer = client.get("api/frame?kind=raw&index=0")
        assert (answer.status_code, answer.json()["error"]) == (409, "there is no scan to look at")
        assert len(client.session.project.results.blobs) == len(read_blobs(out / "blobs.h5"))


def test_the_last_frames_are_kept_and_the_next_are_made_ahead(page):
    pictures = page.session.pictures
    page.get("api/frame?kind=clean&index=50")
    pictures._ahead.submit(lambda: None).result()
    assert {("clean", k, 1) for k in (49, 50, 51, 52)} <= set(pictures._held)
    first = pictures.get("clean", 50, 1)
    assert pictures.get("clean", 50, 1) is first
    pictures._room = first.nbytes * 3
    page.get("api/frame?kind=clean&index=10")
    pictures._ahead.submit(lambda: None).result()
    assert pictures._bytes <= 4 * first.nbytes
    assert pictures._bytes == sum(one.nbytes for one in pictures._held.values())


@pytest.mark.parametrize(
    ("values", "quantum"),
    [
        (np.array([[0.5, -3.0], [np.nan, 16000.0]], np.float32), 0.5),
        (np.array([[0.5, -3.0], [np.nan, 60000.0]], np.float32), 0.5),
        (np.array([[0.1, -1e-5], [np.nan, 0.3]], np.float32), None),
        (np.full((2, 2), np.nan, np.float32), None),
        (np.zeros((0, 4), np.float32), 0.5),
    ],
)
def test_clean_values_lose_no_more_than_they_must(values, quantum):
    sent = clean_image(values, quantum)
    back = np.where(sent.array == -32768, np.nan, sent.array * sent.scale)
    exact = quantum is not None and not np.nanmax(np.abs(values), initial=0) > 32767 * quantum
    np.testing.assert_allclose(back, values, atol=0 if exact else sent.scale * 0.51, rtol=0)


def test_what_a_run_would_say_of_beam_and_margin_is_told_and_nothing_is_changed(page):
    def told(**values):
        return page.post("api/light", json={"preprocess": values}).json()

    revision = page.session.revision
    right = told(beam=[20, 10, 60, 34], margin=5)
    assert right == {"refused": "", "warnings": []}
    assert "goes on beyond the box (right)" in told(beam=[20, 10, 50, 34])["warnings"][0]
    assert "two strips must fit" in told(margin=30)["refused"]
    assert "margin must be at least 1 px wide" in told(margin=0)["refused"]
    assert "preprocess.beam" in told(beam=[1, 2])["refused"]
    assert page.post("api/light", json={}).status_code == 422
    assert page.session.revision == revision
    assert page.get("api/session").json()["baseline"]["warnings"] is not None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_counts_of_every_type_come_through(dtype):
    values = np.array([[3, 120, 7]], dtype)
    sent = count_image(values)
    assert sent.array.dtype == np.uint16
    np.testing.assert_allclose(sent.array * sent.scale + sent.offset, values, atol=sent.scale)


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.ones((2, 3), bool), "u1"),
        (np.arange(6, dtype=np.int64).reshape(2, 3), "<i4"),
        (np.arange(6, dtype=np.float64).reshape(2, 3)[:, ::2], "<f4"),
        (np.arange(6, dtype=">u2"), "<u2"),
        (np.zeros((0, 4), np.int32), "<i4"),
    ],
)
def test_arrays_say_what_they_are(array, kind):
    answer = array_response(ScaledArray(array, 2.0, 1.0, {"text": "µm"}), pack=True, ratio=math.inf)
    about = json.loads(answer.headers["x-friedel-array"])
    assert (about["dtype"], about["shape"]) == (kind, list(array.shape))
    assert (about["scale"], about["offset"], about["text"], about["ratio"]) == (2.0, 1.0, "µm", "inf")
    assert answer.headers["x-friedel-array"].isascii()


def test_pixels_that_are_no_numbers_are_not_the_brightest():
    image = np.array([[np.nan, 2.0, 5.0], [1.0, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(fewer_pixels(image, 2, brightest=True), [[2.0, 5.0]])
