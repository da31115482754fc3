"""The border to Tesseract: what is installed, and its answers read with care."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.extract import tesseract
from govbot.extract.misread import corrected
from govbot.extract.tesseract import Seen, find_engine, is_poor, lines_of, worth

HEAD = "<span class='ocr_{kind}' id='line_1_1' title=\"bbox {box}; {more}\">"
WORD = "<span class='ocrx_word' id='word_1_1' title='bbox {box}; x_wconf {sure}'>{text}</span>"
MORE = "baseline 0 -10; x_size 40; x_descenders 8; x_ascenders 9"


def hocr(
    *words: tuple[str, int], kind: str = "line", more: str = MORE, box: str = "100 200 900 240"
) -> str:
    made = [
        WORD.format(box=f"{100 + 100 * index} 205 {180 + 100 * index} 235", sure=sure, text=text)
        for index, (text, sure) in enumerate(words)
    ]
    return HEAD.format(kind=kind, box=box, more=more) + "".join(made) + "</span>"


def texts(answer: str) -> list[list[str]]:
    return [[word.text for word in line] for line in lines_of(answer)]


def install(folder: Path, version: str, languages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of this name that answers what Tesseract would."""
    program = folder / "tesseract"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && printf "tesseract {version}\\n leptonica-1.82.0\\n"\n'
        f'[ "$1" = --list-langs ] && printf "List of languages (2):\\n{languages}\\n"\n'
        "exit 0\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    tesseract._asked.cache_clear()


def test_without_the_program_there_is_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_engine() is None


def test_the_engine_is_named_after_all_that_its_results_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "v5.4.1", "eng\\npor", monkeypatch)
    engine = find_engine("por+eng", 200)
    assert engine is not None
    assert engine.name == "tesseract 5.4.1 por+eng 200"
    assert engine.program == str(tmp_path / "tesseract")


def test_without_data_for_the_language_there_is_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "5.4.1", "eng\\nosd", monkeypatch)
    assert find_engine("por", 300) is None


def test_a_program_that_fails_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "5.4.1", "por", monkeypatch)
    (tmp_path / "tesseract").write_text("#!/bin/sh\nexit 3\n")
    assert find_engine("por", 300) is None


def test_words_come_in_lines_with_entities_undone_and_emphasis_dropped() -> None:
    answer = hocr(("<strong>Art.</strong>", 95), ("1&#186;", 91)) + hocr(
        ("Silva", 90), ("&amp;", 88), ("Filhos", 93), kind="header"
    )
    assert texts(answer) == [["Art.", "1º"], ["Silva", "&", "Filhos"]]


def test_boxes_reach_from_ascenders_to_descenders_along_the_baseline() -> None:
    (line,) = lines_of(hocr(("um", 95), ("grande", 95), more=MORE.replace("0 -10", "0.1 -10")))
    assert [(word.bottom, word.bottom - word.top) for word in line] == [
        (242.0, 40.0),
        (252.0, 40.0),
    ]


def test_an_absurd_size_does_not_stretch_boxes() -> None:
    (line,) = lines_of(hocr(("Etec", 95), ("Centro", 95), more=MORE.replace("40", "400")))
    assert line[0].bottom - line[0].top == 64.0


@pytest.mark.parametrize(
    "words",
    [
        (("~", 90), ("—", 95), ("|", 80)),
        (("tJ;l", 31), ("rn", 20), ("vIl", 12)),
        (("ea", 41),),
        (("(__G", 60), ("r~", 60), ("-·--", 70), ("·-=~^_", 70)),
    ],
)
def test_strokes_of_logos_and_signatures_are_dropped(words: tuple[tuple[str, int], ...]) -> None:
    assert lines_of(hocr(*words)) == []


def test_a_doubtful_word_amid_good_ones_stays() -> None:
    sure = [("receber", 96), ("diárias", 96), ("restituí-las", 30), ("integralmente", 96)]
    assert texts(hocr(*sure, ("úteis", 96), ("dias", 96))) == [
        ["receber", "diárias", "restituí-las", "integralmente", "úteis", "dias"]
    ]


def test_a_stroke_amid_good_words_goes() -> None:
    assert texts(hocr(("receber", 96), ("~", 20), ("diárias", 96))) == [["receber", "diárias"]]


def test_control_characters_do_not_pass() -> None:
    assert texts(hocr(("a&#x0;ut&#x85;or", 96), ("&#xD800;dois", 96))) in (
        [["autor", "dois"]],
        [["a\ufffdut…or", "\ufffddois"]],
    )


@pytest.mark.parametrize(
    "answer", ["", "<html>", HEAD, hocr(), "<span class='ocr_line' title=\"x\">"]
)
def test_an_answer_without_words_has_no_lines(answer: str) -> None:
    assert lines_of(answer) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("no 8 3.º do", "no § 3.º do"),
        ("$ 1º Parágrafo", "§ 1º Parágrafo"),
        ("8 Único deste", "§ Único deste"),
        ("Anexo | deste", "Anexo I deste"),
        ("| - Das Disposições", "I - Das Disposições"),
        ("de 8 a 12", "de 8 a 12"),
        ("8 dias", "8 dias"),
        ("1 - Primeiro", "1 - Primeiro"),
    ],
)
def test_signs_of_norms_are_put_right(line: str, expected: str) -> None:
    assert corrected(line.split()) == expected.split()


def test_a_page_with_many_sure_words_is_not_asked_for_its_orientation() -> None:
    good = [[Seen("palavra", 0, 9, 0, 9, 92)] * 12]
    assert not is_poor(good)
    assert is_poor([[Seen("palavra", 0, 9, 0, 9, 92)] * 11])
    assert is_poor([[Seen("palavra", 0, 9, 0, 9, 92)] * 12 + [Seen("xqz", 0, 9, 0, 9, 5)] * 20])
    assert worth(good) == 84
