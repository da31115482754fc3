"""A dossier in words: the blocks that every format draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from govbot.dossier.blocks import Block, of_markdown, plain
from govbot.dossier.content import Dossier, Entry, Source


@dataclass(frozen=True, slots=True)
class Voice:
    """The language of a dossier: `code` such as pt-BR, and how words, days and moments are put."""

    code: str
    translate: Callable[..., str]
    moment: Callable[[datetime], str]
    day: Callable[[date], str]


def compose(dossier: Dossier, voice: Voice) -> list[Block]:
    """All of it from top to bottom."""
    blocks = [plain("title", dossier.title), *_head(dossier, voice)]
    for number, entry in enumerate(dossier.entries, 1):
        blocks += _entry(entry, number, voice)
    return blocks


def _head(dossier: Dossier, voice: Voice) -> Iterator[Block]:
    translate = voice.translate
    yield _fact(translate("Organisation"), dossier.organisation)
    if dossier.shared_by:
        yield _fact(translate("Conversation of"), dossier.shared_by)
    yield _fact(translate("Exported by"), dossier.exported_by)
    yield _fact(translate("Exported on"), voice.moment(dossier.exported_at))
    yield _fact(translate("Program"), dossier.program)
    yield plain(
        "note",
        translate(
            "Answers are written by a program from the documents named; check what matters in the "
            "original. This file holds what the exporting person could read at that moment."
        ),
    )
    if dossier.left_out:
        yield plain(
            "note",
            translate(
                "Left out because they were answered from documents that this person may not "
                "read: %(count)s.",
                count=dossier.left_out,
            ),
        )
    if dossier.cut:
        yield plain(
            "note",
            translate("Left out because the file would be too long: %(count)s.", count=dossier.cut),
        )


def _entry(entry: Entry, number: int, voice: Voice) -> Iterator[Block]:
    translate, question, answer = voice.translate, entry.question, entry.answer
    yield plain("heading", translate("Question %(number)s", number=number), level=1)
    yield plain("quote", question.content)
    yield _fact(translate("Asked on"), voice.moment(question.created_at))
    if question.as_of is not None:
        yield _fact(translate("About what was in force on"), voice.day(question.as_of))
    yield plain("heading", translate("Answer"), level=2)
    if answer.excerpts:
        yield plain("note", translate("Excerpts from the documents (no language model)"))
    if answer.state == "stopped":
        yield plain("note", translate("This answer was stopped before its end."))
    if answer.content:
        yield from of_markdown(answer.content)
    else:
        yield plain("note", translate("There is no answer to this question."))
    if answer.engine and not answer.excerpts:
        yield _fact(translate("Answer written by"), answer.engine)
    if entry.sources:
        yield plain("heading", translate("Sources"), level=2)
    elif entry.nearest:
        words = translate("These documents come nearest to the question")
        yield plain("heading", words, level=2)
    for source in entry.sources or entry.nearest:
        yield from _source(source, voice)


def _source(source: Source, voice: Voice) -> Iterator[Block]:
    translate, cited = voice.translate, source.citation
    title = cited.title or cited.filename
    yield plain("heading", f"[{cited.number}] {title}", level=3)
    yield _fact(translate("File"), cited.filename)
    yield _fact(translate("Version"), str(cited.version))
    if cited.page_to > cited.page_from:
        yield _fact(translate("Pages"), f"{cited.page_from}–{cited.page_to}")
    else:
        yield _fact(translate("Page"), str(cited.page_from))
    if cited.heading:
        yield _fact(translate("Place"), cited.heading)
    if cited.revoked_on is not None:
        yield _fact(translate("Revoked on"), voice.day(cited.revoked_on))
    elif cited.valid_to is not None:
        yield _fact(translate("In force until"), voice.day(cited.valid_to))
    if source.sha256:
        yield _fact(translate("SHA-256 of the original"), source.sha256)
    if cited.quote:
        yield plain("quote", cited.quote)


def _fact(name: str, value: str) -> Block:
    return plain("fact", value, mark=name)
