"""What the page holds, and what becomes of it where something is missing."""

import base64
import io
import json
import re
import warnings
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from PIL import Image as PillowImage

from friedel.errors import FriedelWarning, InputError, ScanError
from friedel.preprocess.frame_cleaner import FrameCleaner
from friedel.reporter import write_report
from tests.report_folder import make_folder

SECTIONS = ["What went in", "Preprocess", "Segment", "Against truth", "How it ran"]
PANELS = [
    "Every spot of the scan", "raw", "clean", "Intensity over the rotation", "One pixel", "The background",
    "Clean values and thresholds", "The double threshold, on one line", "The same blob, frame by frame",
    "Blobs on frame", "Sections along the rotation", "How large", "How bright", "When they fire", "The ledger",
    "Flags", "Found, and rightly", "Recall against signal-to-noise", "How exact", "Timings", "Versions",
]  # fmt: skip
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Balance(HTMLParser):
    """Follows the tags of a page."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.headings = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [value for name, value in attrs.items() if name in ("href", "src", "xlink:href", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in VOID:
            self.handle_starttag(tag, attrs)
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2", "h3", "b") and data.strip():
            self.headings.append(data.strip())


def read(path):
    text = path.read_text(encoding="utf-8")
    page = Balance()
    page.feed(text)
    page.close()
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    fetched = [link for link in page.links if not link.startswith(("data:image/", "#"))]
    assert fetched == []
    named = [link[1:] for link in page.links if link.startswith("#")]
    named += re.findall(r"url\(#([^)]+)\)", text)
    assert set(named) <= set(page.ids)
    assert not re.search(r"url\((?!#)|@import|<script|<link", text)
    return page, text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("report") / "out")


@pytest.fixture
def copy(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for file in folder.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    return out


def test_the_page_of_a_run_holds_every_section_and_picture(folder):
    assert write_report(folder) == folder / "report.html"
    page, text = read(folder / "report.html")
    assert [title for title in page.headings if title in SECTIONS] == SECTIONS
    for panel in PANELS:
        assert any(panel in heading for heading in page.headings), panel
    assert "Not in this report" not in text
    assert "its neighbour stands in" in text
    assert len(text) < 6_000_000


def test_compiling_is_told_apart_from_working(copy):
    run = json.loads((copy / "run.json").read_text())
    for stage in run["stages"].values():  # both of one pass
        stage["started"], stage["measured"] = "2026", {**stage.get("measured", {}), "compiling_s": 15.2}
    (copy / "run.json").write_text(json.dumps(run))
    _, text = read(write_report(copy))
    assert "without 15.2 s of compiling, once per installation" in text
    assert "15.2 s of all this went into compiling kernels" in text


def test_labels_say_whose_wrap_it_is(copy):
    recipe = copy / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("despeckle = 3", "despeckle = 3\nwrap = true"))
    _, text = read(write_report(copy))
    assert "wrap (the median)" in text


def test_pictures_follow_light_and_dark_pages(folder):
    _, text = read(write_report(folder))
    assert "prefers-color-scheme: dark" in text
    assert "var(--ink)" in text
    pictures = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(pictures) > 12
    for picture in pictures:
        assert "width=" not in picture.split(">")[0].replace("stroke-width", "")
        assert not re.search(r"#0[0-9]0[0-9]0[0-9]", picture)


def test_every_figure_can_be_saved_without_network_or_scripts(folder):
    _, text = read(write_report(folder))
    links = re.findall(r'<a class="save" href="data:image/([^;]+);base64,([^"]+)" download="([^"]+)"', text)
    assert len(links) == len(re.findall(r"<svg", text)) == len({name for _, _, name in links})
    for kind, code, name in links:
        file = base64.b64decode(code)
        if name.endswith(".png"):
            assert kind == "png"
            assert PillowImage.open(io.BytesIO(file)).width > 600
            continue
        assert (kind, name[-4:]) == ("svg+xml", ".svg")
        drawn = ElementTree.fromstring(file)
        assert drawn.get("width").endswith("pt")
        assert b"var(" not in file
        assert not re.search(rb"#0([0-9])0\1", file), "a placeholder for a colour"
    assert {name.rpartition(".")[2] for _, _, name in links} == {"png", "svg"}
    assert any(name == "raw-intensity-over-the-rotation.svg" for _, _, name in links)


def test_the_same_folder_gives_the_same_page(folder):
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_the_scan_may_have_gone(copy):
    recipe = copy / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("raw.h5", "moved.h5"))
    page, text = read(write_report(copy))
    assert "the scan cannot be opened any more" in text
    assert "How large the blobs are" in page.headings
    assert "One pixel" not in text


def test_another_scan_at_the_same_place_is_not_shown(copy):
    run = json.loads((copy / "run.json").read_text())
    run["input"]["fingerprint"] = "another"
    (copy / "run.json").write_text(json.dumps(run))
    _, text = read(write_report(copy))
    assert "is not the one that ran" in text
    assert "One pixel" not in text


def test_without_background_and_normalisation_the_page_says_so(copy):
    recipe = copy / "recipe.toml"
    text = (
        recipe.read_text()
        .replace('"margin"', '"none"')
        .replace("despeckle = 3", 'despeckle = 1\nbackground = "none"')
    )
    recipe.write_text(text)
    (copy / "background.h5").unlink()
    _, text = read(write_report(copy))
    assert "Normalisation is off" in text
    assert "no background was taken away" in text
    assert "The same frame after dark:" in text
    assert "Not in this report" not in text


def test_a_scan_that_cannot_be_read_any_more_leaves_the_rest(copy, monkeypatch):
    def broken(self, start, stop):
        raise ScanError("raw.h5", rule=f"frame {start} cannot be read")

    monkeypatch.setattr(FrameCleaner, "read", broken)
    page, text = read(write_report(copy))
    assert "the scan cannot be read any more" in text
    assert "How large the blobs are" in page.headings


@pytest.mark.parametrize("name", ["recipe.toml", "run.json", "blobs.h5", "background.h5"])
@pytest.mark.parametrize("content", [None, b"garbage = ["])
def test_a_part_that_is_missing_or_damaged_is_left_out_and_named(copy, name, content):
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FriedelWarning)  # of a damaged run.json the command says so too
        _, text = read(write_report(copy))
    assert f"Not in this report: {name}" in text
    assert "What went in" in text


def test_without_an_evaluation_nothing_is_said_about_truth(copy):
    (copy / "evaluation.json").unlink()
    page, text = read(write_report(copy))
    assert "Against truth" not in page.headings
    assert "Not in this report" not in text


def test_an_evaluation_of_an_earlier_result_is_not_shown(copy):
    evaluation = json.loads((copy / "evaluation.json").read_text())
    evaluation["blobs"]["result"] += 1
    (copy / "evaluation.json").write_text(json.dumps(evaluation))
    page, text = read(write_report(copy))
    assert "Against truth" not in page.headings
    assert "evaluation.json is of another result" in text


def test_a_folder_that_no_run_made_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not an output folder"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="no such output folder"):
        write_report(tmp_path / "nowhere")


def test_names_from_outside_cannot_put_markup_into_the_page(copy):
    run = json.loads((copy / "run.json").read_text())
    run["stages"]["segment"]["warnings"] = ["<script>alert(1)</script>"]
    (copy / "run.json").write_text(json.dumps(run))
    _, text = read(write_report(copy))
    assert "&lt;script&gt;" in text
