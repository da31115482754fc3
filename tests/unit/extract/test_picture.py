"""Looks at the picture of a page: blank or not, upright or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from govbot.extract.picture import LOOK_DPI, has_writing, is_inked, lines_run, turned
from tests.scans import drawn, scanned

LOOK = (620, 877)


def paper(noise: float = 0.0) -> Image.Image:
    greys = np.random.default_rng(2).normal(235, noise, LOOK[::-1])
    return Image.fromarray(np.clip(greys, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("noise", [0.0, 8.0, 20.0])
def test_paper_alone_is_blank(noise: float) -> None:
    assert not is_inked(paper(noise))


def test_specks_scanner_edges_and_a_ruled_line_leave_a_page_blank() -> None:
    image = paper(8.0)
    pen = ImageDraw.Draw(image)
    for x, y in ((100, 100), (333, 600), (500, 212)):
        pen.ellipse((x, y, x + 3, y + 3), fill=10)
    pen.rectangle((0, 0, 6, 877), fill=0)
    pen.line((60, 800, 560, 800), fill=0)
    assert not is_inked(image)


def test_two_words_are_ink() -> None:
    assert is_inked(scanned(drawn(["ANEXO I"]), dpi=LOOK_DPI))


def test_light_writing_on_a_dark_cover_is_ink() -> None:
    image = Image.new("L", LOOK, 60)
    ImageDraw.Draw(image).text((100, 300), "CONSTITUIÇÃO", fill=240, font_size=40)
    assert is_inked(image)


def test_writing_beside_known_text_is_found() -> None:
    page = scanned(drawn(), dpi=LOOK_DPI)
    assert has_writing(page, [(0, 0, 620, 110)])
    assert not has_writing(page, [(0, 0, 620, 877)])


def test_shapes_are_no_writing() -> None:
    image = paper()
    pen = ImageDraw.Draw(image)
    for step in range(12):
        pen.rectangle((40 + 40 * step, 300 - 20 * step, 70 + 40 * step, 700), fill=90)
    pen.ellipse((200, 100, 500, 400), fill=30)
    assert not has_writing(image, [])


@pytest.mark.parametrize("skew", [-15.0, -6.3, -1.0, 0.0, 0.6, 4.0, 14.0])
@pytest.mark.parametrize("turn", [0, 1])
def test_the_slant_of_lines_is_measured(turn: int, skew: float) -> None:
    sideways, found = lines_run(scanned(drawn(), dpi=100, turn=turn, skew=skew, noise=15))
    assert sideways == bool(turn)
    assert found == pytest.approx(-skew, abs=0.35)


def test_a_blank_page_is_not_turned() -> None:
    assert lines_run(paper(10.0)) == (False, 0.0)


@given(
    st.integers(0, 3),
    st.floats(-15, 15),
    st.integers(20, 300),
    st.integers(20, 300),
    st.floats(0.15, 0.85),
    st.floats(0.15, 0.85),
)
def test_places_are_turned_back(
    quarters: int, skew: float, wide: int, high: int, x: float, y: float
) -> None:
    """A dark spot is found again where it was, whatever the turn."""
    spot = (round(x * wide), round(y * high))
    image = Image.new("L", (wide, high), 255)
    ImageDraw.Draw(image).ellipse((spot[0] - 2, spot[1] - 2, spot[0] + 2, spot[1] + 2), fill=0)
    after, turn = turned(image, quarters, skew)
    rows, columns = np.nonzero(np.asarray(after) < 128)
    back = turn.back(columns.mean() + 0.5, rows.mean() + 0.5)
    assert back == pytest.approx((spot[0] + 0.5, spot[1] + 0.5), abs=1.5)
