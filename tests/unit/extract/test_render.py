"""Pages as pictures, rendered in a child process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from govbot.errors import BadDocument, Busy, NotFound
from govbot.extract import render
from govbot.extract.render import PageRenderer, Placed


def pdf(folder: Path, *, rotate: int = 0, size: tuple[float, float] = (400, 600)) -> Path:
    path = folder / "a.pdf"
    canvas = Canvas(str(path), pagesize=size)
    canvas.setFont("Helvetica", 20)
    canvas.drawString(50, 500, "Primeira linha")
    canvas.drawString(50, 100, "Ultima linha")
    canvas.save()
    if rotate:
        writer = PdfWriter(clone_from=path)
        writer.pages[0].rotate(rotate)
        writer.write(path)
    return path


async def test_a_page_becomes_a_picture_of_the_wanted_width(tmp_path: Path) -> None:
    picture = await PageRenderer().page(pdf(tmp_path), 1, width=1000)
    image = Image.open(io.BytesIO(picture.image))
    assert (image.width, image.height) == (picture.width, picture.height) == (1000, 1500)
    assert (picture.media_type, picture.pages, picture.rects) == ("image/png", 1, ())


async def test_the_passage_is_located(tmp_path: Path) -> None:
    picture = await PageRenderer().page(pdf(tmp_path), 1, width=1000, quote="primeira LINHA")
    (rect,) = picture.rects
    assert rect.x == pytest.approx(50 / 400, abs=0.01)
    assert rect.y + rect.height / 2 == pytest.approx(1 - 507 / 600, abs=0.02)
    assert 0.2 < rect.width < 0.5


async def test_the_place_turns_with_the_page(tmp_path: Path) -> None:
    picture = await PageRenderer().page(
        pdf(tmp_path, rotate=90), 1, width=1000, quote="primeira linha"
    )
    assert picture.width > picture.height
    # A quarter turn clockwise brings the top of the page to the right.
    assert all(rect.x > 0.75 for rect in picture.rects)
    assert picture.rects


async def test_a_huge_page_is_drawn_small_enough(tmp_path: Path) -> None:
    picture = await PageRenderer().page(pdf(tmp_path, size=(200, 14000)), 1, width=1600)
    assert picture.width * picture.height <= 6_100_000


async def test_a_missing_page_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await PageRenderer().page(pdf(tmp_path), 2, width=1000)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\nbroken", b"\x00" * 5000])
async def test_a_damaged_file_is_a_bad_document(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.pdf"
    path.write_bytes(content)
    with pytest.raises(BadDocument) as caught:
        await PageRenderer().page(path, 1, width=1000)
    assert caught.value.error_code == "E-CORROMPIDO"


async def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TIMEOUT_S", 0.01)
    with pytest.raises(BadDocument) as caught:
        await PageRenderer().page(pdf(tmp_path), 1, width=1000)
    assert caught.value.error_code == "E-TEMPO"


async def test_a_child_that_dies_is_a_bad_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MEMORY_MB", 1)
    with pytest.raises(BadDocument):
        await PageRenderer().page(pdf(tmp_path), 1, width=1000)


async def test_a_picture_is_drawn_once(tmp_path: Path) -> None:
    renderer = PageRenderer()
    path = pdf(tmp_path)
    first = await renderer.page(path, 1, width=1000, quote="ultima linha")
    path.unlink()
    assert (await renderer.page(path, 1, width=1000)).image == first.image


async def test_pictures_in_memory_are_bounded(tmp_path: Path) -> None:
    renderer = PageRenderer(keep_mb=0)
    path = pdf(tmp_path)
    await renderer.page(path, 1, width=1000)
    path.unlink()
    with pytest.raises(BadDocument):
        await renderer.page(path, 1, width=1000)


async def test_too_many_that_wait_are_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MAX_WAITING", 0)
    with pytest.raises(Busy):
        await PageRenderer().page(pdf(tmp_path), 1, width=1000)


LINES = ("Art. 1º As diárias serão", "concedidas por dia de afastamento.")


def words_on_slope(slope: float) -> list[Placed]:
    """Two recognised lines whose words stand lower, one after the other, by `slope`."""
    return [
        (text, 0.1 + 0.12 * place, 0.3 + 0.05 * line + slope * place, 0.1, 0.02, line)
        for line, words in enumerate(LINES)
        for place, text in enumerate(words.split())
    ]


async def test_a_passage_is_marked_on_the_words_of_a_scan(tmp_path: Path) -> None:
    quote = "As diárias serão concedidas por dia"
    picture = await PageRenderer().page(
        pdf(tmp_path), 1, width=1000, quote=quote, words=words_on_slope(0.0)
    )
    first, second = picture.rects
    assert (first.x, first.y, first.height) == pytest.approx((0.34, 0.3, 0.02))
    assert first.width == pytest.approx(0.34)
    assert (second.x, second.y, second.width) == pytest.approx((0.1, 0.35, 0.34))


async def test_marks_on_a_slanted_scan_follow_the_line(tmp_path: Path) -> None:
    quote = " ".join(LINES)
    picture = await PageRenderer().page(
        pdf(tmp_path), 1, width=1000, quote=quote, words=words_on_slope(0.012)
    )
    assert len(picture.rects) > 4
    assert all(rect.height <= 0.035 for rect in picture.rects)


async def test_a_passage_that_the_scan_does_not_hold_is_not_marked(tmp_path: Path) -> None:
    picture = await PageRenderer().page(
        pdf(tmp_path), 1, width=1000, quote="outra coisa", words=words_on_slope(0.0)
    )
    assert picture.rects == ()
