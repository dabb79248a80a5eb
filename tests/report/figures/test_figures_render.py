"""Figures as files: the same bytes each time, and nothing in them that a page may not hold."""

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.errors import MissingExtra, UnknownName
from harness.report.figures.catalog import draw, draw_all
from harness.report.figures.figure import NARROW, WIDE, Figure, FigureData
from harness.report.figures.render import pdf, png, svg, write
from tests.report.figures.figure_runs import HOSTILE, data_of, priced, run_results

pytest.importorskip("vl_convert")
DIGEST = """
import hashlib, sys
from harness.report.figures.catalog import draw
from harness.report.figures.render import pdf, png, svg
from tests.report.figures.figure_runs import priced
data = priced(2, ("direct", "rag"), 20)
for stem in reversed(sys.argv[1:]):
    svg(draw(stem, data))
for stem in sys.argv[1:]:
    figure = draw(stem, data)
    for made in (svg(figure, "page").encode(), png(figure), pdf(figure)):
        print(hashlib.sha256(made).hexdigest())
"""
PLACE = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")


@pytest.fixture(scope="module")
def key() -> Figure:
    figure = draw("key_figure", priced(4, ("direct", "rag"), 40))
    assert isinstance(figure, Figure)
    return figure


@pytest.fixture(scope="module")
def hostile() -> FigureData:
    return data_of(run_results(HOSTILE, ("direct", "<b>&"), n=24))


def texts(root: ET.Element, at: tuple[float, float] = (0.0, 0.0)) -> list[tuple[str, float, float, str]]:
    """Every upright text with its place and alignment, in pixels of the picture."""
    found = []
    moved = PLACE.match(root.get("transform") or "")
    here = (at[0] + float(moved[1]), at[1] + float(moved[2])) if moved else at
    if root.tag.endswith("text") and "rotate" not in (root.get("transform") or ""):
        found.append(("".join(part for part in root.itertext()), *here, root.get("text-anchor") or ""))
    for child in root:
        found += texts(child, here)
    return found


def test_the_svg_is_one_named_picture_that_asks_for_nothing(key: Figure) -> None:
    drawn = svg(key, "page")
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert root.get("aria-label") == key.alt
    assert not re.search(r"<script|<style|href|src=|https?://(?!www\.w3\.org)|url\((?!#)| on\w+=", drawn)


def test_the_page_theme_names_every_colour_by_its_role(key: Figure) -> None:
    colours = set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg(key, "page")))
    assert all(one == "none" or one.startswith("var(--figure-") for one in colours), colours


def test_light_and_dark_differ_in_colours_only(key: Figure) -> None:
    light, dark = (re.sub(r"#[0-9a-f]{6}", "#", svg(key, theme)) for theme in ("light", "dark"))
    assert light == dark


def test_two_widths_on_a_page_share_no_id() -> None:
    data = priced(4, ("direct", "rag"), 40)
    ids = [set(re.findall(r' id="([^"]+)"', svg(draw("overall_ranking", data, width)))) for width in (WIDE, NARROW)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_the_bytes_are_the_same_in_another_process_after_other_figures() -> None:
    stems = ["key_figure", "overall_ranking"]
    runs = [[*stems], ["size_vs_latency", *stems]]
    told = []
    for names in runs:
        done = subprocess.run([sys.executable, "-c", DIGEST, *names], capture_output=True, text=True, check=True)
        told.append(done.stdout.split()[-3 * len(stems) :])
    assert told[0] == told[1]
    assert len(set(told[0])) == 6


def test_png_and_pdf_are_what_they_say(key: Figure) -> None:
    assert png(key).startswith(b"\x89PNG")
    assert pdf(key).startswith(b"%PDF")


def test_a_png_has_two_pixels_per_pixel(key: Figure) -> None:
    width = float(ET.fromstring(svg(key)).get("width"))  # noqa: S314 - our own text
    assert int.from_bytes(png(key)[16:20], "big") == pytest.approx(2 * width, abs=2)


def test_files_bear_the_stem_and_hold_what_is_drawn(key: Figure, tmp_path: Path) -> None:
    paths = write(key, tmp_path / "figures", ("svg", "png"))
    assert [path.name for path in paths] == ["key_figure.svg", "key_figure.png"]
    assert paths[0].read_text() == svg(key)
    assert hashlib.sha256(paths[1].read_bytes()).digest() == hashlib.sha256(png(key)).digest()


def test_an_unknown_format_writes_nothing(key: Figure, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="figure format 'gif'"):
        write(key, tmp_path / "figures", ("svg", "gif"))
    assert not (tmp_path / "figures").exists()


def test_a_missing_renderer_is_told_in_one_line(key: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.analysis.extras.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'pytest-scaling[report]'")):
        svg(key)
    assert importlib.util.find_spec("vl_convert")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_hostile_names_stand_in_the_picture_as_text(width: int, hostile: FigureData) -> None:
    for figure in draw_all(hostile, width).values():
        if isinstance(figure, Figure):
            drawn = svg(figure, "page")
            tags = {one.tag.rpartition("}")[2] for one in ET.fromstring(drawn).iter()}  # noqa: S314 - our own text
            assert tags <= {"svg", "g", "path", "line", "rect", "text", "title", "tspan", "defs", "clipPath", "pattern"}


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("stem", ["key_figure", "direct_scaling", "rag_uplift"])
def test_no_label_lies_over_another(stem: str, width: int) -> None:
    figure = draw(stem, priced(8, ("direct", "rag"), 40), width)
    assert isinstance(figure, Figure)
    boxes = []
    for text, x, y, anchor in texts(ET.fromstring(svg(figure))):  # noqa: S314 - our own text
        wide = 6.0 * len(text)
        left = x - wide * {"": 0.0, "start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        boxes.append((text, left, left + wide, y - 8, y + 3))
    over = [
        (a[0], b[0])
        for place, a in enumerate(boxes)
        for b in boxes[place + 1 :]
        if a[1] < b[2] and b[1] < a[2] and a[3] < b[4] and b[3] < a[4]
    ]
    assert not over
