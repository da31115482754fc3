from __future__ import annotations

from pathlib import Path

import pytest

from govbot.errors import Invalid
from govbot.eval.questions import read_questions


def write(folder: Path, *lines: str) -> Path:
    file = folder / "set.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    return file


def test_a_line_gives_a_question_with_answers_document_and_page(tmp_path: Path) -> None:
    [question] = read_questions(
        write(
            tmp_path,
            '{"id": "a", "question": "Qual?", "answers": ["x"], "doc": "l.pdf", "page": 3}',
        )
    )
    assert (question.id, question.answers, question.documents, question.pages) == (
        "a",
        ("x",),
        ("l.pdf",),
        (3,),
    )
    assert question.located


def test_optional_fields_may_be_absent_null_or_several(tmp_path: Path) -> None:
    plain, several = read_questions(
        write(
            tmp_path,
            '{"question": "Qual?", "answers": [], "doc": null, "page": null}',
            "",
            '{"question": "Qual?", "answers": "x", "doc": "a.txt|b.txt", "page": 1,'
            ' "pages_all": [1, 4]}',
        )
    )
    assert not plain.answerable
    assert not plain.located
    assert (several.id, several.answers) == ("3", ("x",))
    assert (several.documents, several.pages) == (("a.txt", "b.txt"), (1, 4))


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"id": "a"}',
        '{"question": "  "}',
        '{"question": "?", "answers": [1]}',
        '{"question": "?", "page": "3"}',
    ],
)
def test_a_wrong_line_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(Invalid, match=r"set\.jsonl:2"):
        read_questions(write(tmp_path, '{"question": "Qual?"}', line))


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no question"):
        read_questions(write(tmp_path, "", " "))
    with pytest.raises(Invalid, match="cannot be read"):
        read_questions(tmp_path / "none.jsonl")


def test_the_developer_sets_can_be_read(shared_data: Path) -> None:
    sizes = {file.name: len(read_questions(file)) for file in (shared_data / "qa").glob("*.jsonl")}
    assert sizes["faquad.dev.jsonl"] == 472
    assert sizes["docqa.dev.jsonl"] == 22
