"""Every question of the demo has the answer that it promises."""

from collections.abc import Callable
from typing import Any

Pages = Callable[[str], tuple[str, ...]]
Questions = list[dict[str, Any]]
Manifest = dict[str, Any]

OPEN = "Normas e orientações"
RESTRICTED = "Documentos internos da Administração"


def collection_of(manifest: Manifest) -> dict[str, str]:
    return {document["file"]: document["collection"] for document in manifest["documents"]}


def test_each_answer_stands_on_the_page_that_its_question_names(
    questions: Questions, pages: Pages
) -> None:
    placed = [question for question in questions if question["page"] is not None]
    assert len(placed) >= 25
    for question in placed:
        text = pages(question["doc"])[question["page"] - 1]
        missing = [answer for answer in question["answers"] if answer not in text]
        assert missing == [], question["id"]


def test_each_answer_from_a_docx_stands_in_it(questions: Questions, pages: Pages) -> None:
    unplaced = [item for item in questions if item["doc"] and item["page"] is None]
    assert unplaced
    for question in unplaced:
        assert question["doc"].endswith(".docx")
        assert all(answer in pages(question["doc"])[0] for answer in question["answers"])


def test_only_questions_without_answer_name_no_document(questions: Questions) -> None:
    without = [question for question in questions if question["doc"] is None]
    assert len(without) >= 3
    for question in questions:
        assert (question["doc"] is None) == (question["answers"] == [])


def test_ids_are_unique(questions: Questions) -> None:
    ids = [question["id"] for question in questions]
    assert len(set(ids)) == len(ids)


def test_the_ten_suggestions_are_lines_of_the_evaluation(
    manifest: Manifest, questions: Questions
) -> None:
    lines = {question["id"]: question for question in questions}
    assert len(manifest["questions"]) == 10
    for shown in manifest["questions"]:
        line = lines[shown["id"]]
        assert shown["question"] == line["question"]
        assert (shown["file"], shown["page"]) == (line["doc"], line["page"])
        assert shown["answer"] in line["answers"]
        assert shown["collection"] == collection_of(manifest)[shown["file"]]


def test_two_suggestions_are_answered_only_by_restricted_documents(
    manifest: Manifest, pages: Pages
) -> None:
    restricted = [item for item in manifest["questions"] if item["collection"] == RESTRICTED]
    assert len(restricted) >= 2
    readable = [file for file, collection in collection_of(manifest).items() if collection == OPEN]
    for question in restricted:
        leaks = [file for file in readable if question["answer"] in " ".join(pages(file))]
        assert leaks == [], question["id"]


def test_the_amended_rule_is_a_trap_and_the_amendment_is_the_answer(
    questions: Questions, pages: Pages
) -> None:
    paternity = next(question for question in questions if question["id"] == "demo-01")
    old = " ".join(pages("lei-1204-2014-estatuto-dos-servidores.pdf"))
    assert "licença-paternidade de 5 (cinco) dias consecutivos" in old
    assert paternity["doc"] == "lei-1487-2023-altera-o-estatuto.pdf"
    assert f"licença-paternidade de {paternity['answers'][0]}" not in old
