"""Pages as pictures with their words, drawn in a child process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from govbot.errors import BadDocument, Busy, NotFound
from govbot.extract import render
from govbot.extract.render import PagePicture, PageRenderer, Rect, media_type_of
from govbot.extract.words import Word


def pdf(
    folder: Path, *, rotate: int = 0, size: tuple[float, float] = (400, 600), pages: int = 1
) -> Path:
    path = folder / "a.pdf"
    canvas = Canvas(str(path), pagesize=size)
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica", 20)
        canvas.drawString(50, 500, "Primeira linha")
        canvas.drawString(50, 100, f"Ultima linha {number}")
        canvas.showPage()
    canvas.save()
    if rotate:
        writer = PdfWriter(clone_from=path)
        writer.pages[0].rotate(rotate)
        writer.write(path)
    return path


async def place(picture: PagePicture, quote: str) -> tuple[Rect, ...]:
    return await PageRenderer().locate(quote, picture.words)


async def test_a_page_becomes_a_picture_of_the_wanted_width_with_its_words(tmp_path: Path) -> None:
    picture = await PageRenderer().page(pdf(tmp_path), 1, width=1000, text=True)
    image = Image.open(io.BytesIO(picture.image))
    assert (image.width, image.height) == (picture.width, picture.height) == (1000, 1500)
    assert (media_type_of(picture.image), picture.pages) == ("image/png", 1)
    assert [(word.text, word.line) for word in picture.words] == [
        *(("Primeira", 0), ("linha", 0)),
        *(("Ultima", 1), ("linha", 1), ("1", 1)),
    ]
    (rect,) = await place(picture, "primeira LINHA")
    assert rect.x == pytest.approx(50 / 400, abs=0.01)
    assert rect.y + rect.height / 2 == pytest.approx(1 - 507 / 600, abs=0.02)
    assert 0.2 < rect.width < 0.5


async def test_the_place_turns_with_the_page(tmp_path: Path) -> None:
    picture = await PageRenderer().page(pdf(tmp_path, rotate=90), 1, width=1000, text=True)
    assert picture.width > picture.height
    # A quarter turn clockwise brings the top of the page to the right.
    rects = await place(picture, "primeira linha")
    assert rects
    assert all(rect.x > 0.75 for rect in rects)


async def test_a_huge_page_is_drawn_small_enough(tmp_path: Path) -> None:
    picture = await PageRenderer().page(pdf(tmp_path, size=(200, 14000)), 1, width=1600)
    assert picture.width * picture.height <= 9_100_000


async def test_one_child_draws_several_pages_and_leaves_out_those_that_are_not_there(
    tmp_path: Path,
) -> None:
    found = await PageRenderer().pages(pdf(tmp_path, pages=3), [2, 3, 4], width=200)
    assert [(each.number, each.width) for each in found] == [(2, 200), (3, 200)]


async def test_a_missing_page_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await PageRenderer().page(pdf(tmp_path), 2, width=1000)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\nbroken"])
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


async def test_a_child_that_says_more_than_was_asked_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "_MAX_ANSWER", 100)
    with pytest.raises(BadDocument):
        await PageRenderer().page(pdf(tmp_path), 1, width=1000)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x00\x00\x05nojso",
        b"\x00\x00\x00\x02[]",
        b'\x00\x00\x00\x0d{"bytes": 99}',
        b"\x00\x00",
    ],
)
def test_what_a_child_answers_is_not_trusted(answer: bytes) -> None:
    with pytest.raises(BadDocument):
        render._answers(answer)


async def test_too_many_that_wait_are_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MAX_WAITING", 0)
    with pytest.raises(Busy):
        await PageRenderer().page(pdf(tmp_path), 1, width=1000)


LINES = ("Art. 1º As diárias serão", "concedidas por dia de afastamento.")


def words_on_slope(slope: float) -> list[Word]:
    """Two recognised lines whose words stand lower, one after the other, by `slope`."""
    return [
        Word(text, 0.1 + 0.12 * place, 0.3 + 0.05 * line + slope * place, 0.1, 0.02, line)
        for line, words in enumerate(LINES)
        for place, text in enumerate(words.split())
    ]


async def test_a_passage_is_marked_on_its_words() -> None:
    quote = "As diárias serão concedidas por dia"
    first, second = await PageRenderer().locate(quote, words_on_slope(0.0))
    assert (first.x, first.y, first.height) == pytest.approx((0.34, 0.3, 0.02))
    assert first.width == pytest.approx(0.34)
    assert (second.x, second.y, second.width) == pytest.approx((0.1, 0.35, 0.34))


async def test_marks_on_a_slanted_scan_follow_the_line() -> None:
    rects = await PageRenderer().locate(" ".join(LINES), words_on_slope(0.012))
    assert len(rects) > 4
    assert all(rect.height <= 0.035 for rect in rects)


async def test_a_passage_that_goes_on_elsewhere_is_marked_as_far_as_it_is_here() -> None:
    quote = "concedidas por dia de afastamento. E assim por diante."
    (rect,) = await PageRenderer().locate(quote, words_on_slope(0.0))
    assert rect.y == pytest.approx(0.35)
    assert await PageRenderer().locate("outra coisa", words_on_slope(0.0)) == ()
