"""Builds the demo of GovBot: documents, manifest and questions, from the texts beside it.

`python packaging/demo/build.py [--output FOLDER]` writes the same bytes each time; the committed
result lies in govbot/demo, so that an installed GovBot needs none of this.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pypdfium2
from pdf import write_pdf
from source import Act, read_act
from word import write_docx

HERE = Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "govbot" / "demo"
DOCUMENT_KEYS = ("file", "title", "kind", "number", "year", "collection")
NOTICE = "# Written by packaging/demo/build.py from packaging/demo: change it there.\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, default=DEMO)
    build(arguments.parse_args().output)


def build(output: Path) -> None:
    """Write documents/, manifest.toml and questions.jsonl under `output`."""
    plan = tomllib.loads((HERE / "demo.toml").read_text(encoding="utf-8"))
    acts = [read_act(path) for path in sorted((HERE / "texts").glob("*.md"))]
    folder = output / "documents"
    folder.mkdir(parents=True, exist_ok=True)
    for act in acts:
        writer = write_docx if act.docx else write_pdf
        writer(act, folder / act.file)
        sys.stdout.write(f"{act.file}\n")
    questions = [_placed(question, acts, folder) for question in plan.pop("questions")]
    documents = [{key: getattr(act, key) for key in DOCUMENT_KEYS} for act in acts]
    shown = [_suggestion(question) for question in questions if question["suggested"]]
    manifest = {**plan, "documents": documents, "questions": shown}
    (output / "manifest.toml").write_text(NOTICE + to_toml(manifest), encoding="utf-8")
    lines = [json.dumps(_evaluation(question), ensure_ascii=False) for question in questions]
    (output / "questions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _placed(question: dict[str, Any], acts: Iterable[Act], folder: Path) -> dict[str, Any]:
    """The question with collection and page of its anchor (its first answer, unless given)."""
    placed = {"suggested": False, "doc": None, "page": None, "collection": "", **question}
    if placed["doc"] is None:
        return placed
    act = next(act for act in acts if act.file == placed["doc"])
    placed["collection"] = act.collection
    if not act.docx:
        anchor = placed.get("anchor", placed["answers"][0])
        pages = [
            number
            for number, text in enumerate(pdf_pages(folder / act.file), start=1)
            if plain(anchor) in text and all(plain(answer) in text for answer in placed["answers"])
        ]
        if len(pages) != 1:
            raise SystemExit(f"{placed['id']}: {anchor!r} stands on pages {pages} of {act.file}")
        placed["page"] = pages[0]
    return placed


def pdf_pages(path: Path) -> list[str]:
    """Text of each page with single spaces."""
    with pypdfium2.PdfDocument(path) as document:
        return [plain(page.get_textpage().get_text_bounded()) for page in document]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _evaluation(question: Mapping[str, Any]) -> dict[str, Any]:
    return {key: question[key] for key in ("id", "question", "answers", "doc", "page")}


def _suggestion(question: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": question["id"],
        "question": question["question"],
        "file": question["doc"],
        "page": question["page"],
        "answer": question["answers"][0],
        "collection": question["collection"],
    }


def to_toml(value: Mapping[str, Any]) -> str:
    """TOML of a table of strings, integers, lists of strings and arrays of tables."""
    lines = [f"{key} = {_scalar(item)}" for key, item in value.items() if not _is_tables(item)]
    for key, item in value.items():
        for row in item if _is_tables(item) else ():
            lines += ["", f"[[{key}]]"]
            lines += [f"{name} = {_scalar(cell)}" for name, cell in row.items()]
    return "\n".join(lines) + "\n"


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _scalar(value: object) -> str:
    # A JSON string, number or list of strings is also valid TOML.
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
