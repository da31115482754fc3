"""Other wordings: synonyms by rule, and what a model proposes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from govbot.errors import Busy
from govbot.generate import Request, State, Status
from govbot.retrieval.closeness import asked, by_closeness
from govbot.retrieval.variants import MODEL_WEIGHT, Variant, by_model, by_rule
from tests.unit.retrieval.cases import passage

QUESTION = "Qual o salário do professor?"


@dataclass
class Speaker:
    """A generator that says one thing, or fails, or never ends."""

    text: str = ""
    failure: Exception | None = None
    endless: bool = False
    excerpts: bool = False
    name: str = "speaker"
    requests: list[Request] = field(default_factory=list)

    async def stream(self, request: Request) -> AsyncIterator[str]:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        if self.endless:
            await asyncio.Event().wait()
        for line in self.text.splitlines(keepends=True):
            yield line

    def status(self) -> Status:
        return Status(State.READY)

    async def aclose(self) -> None:
        pass


def test_synonyms_of_words_and_of_expressions_are_found() -> None:
    assert {v.text for v in by_rule(QUESTION)} == {"remuneração", "vencimento", "docente"}
    assert "funcionário público" in {v.text for v in by_rule("férias do servidor público")}
    assert by_rule("Que horas abre o protocolo?") == ()


def test_a_passage_that_says_it_in_other_words_comes_before_one_that_does_not() -> None:
    worth = {"salari": ("salari", 1.0), "professor": ("professor", 1.0)}
    texts = ("nada disso", "vencimento dos docentes", "salário dos professores")
    found = [replace(passage(text), score=0.5) for text in texts]
    ordered = by_closeness(found, asked(QUESTION, worth, by_rule(QUESTION)))
    assert [each.text for each in ordered] == [texts[2], texts[1], texts[0]]
    unaware = by_closeness(found, asked(QUESTION, worth))
    assert [each.text for each in unaware] == [texts[2], texts[0], texts[1]]


async def test_a_model_proposes_wordings_line_by_line_and_no_more_than_three() -> None:
    lines = (
        f"1. Quanto ganha o docente?\n- {QUESTION}\n\n* Remuneração docente\n3) Vencimento\nMais"
    )
    generator = Speaker(lines)
    found = await by_model(generator, QUESTION, ["O que é a carreira?"], limit_s=5, owner="ana")
    wordings = ["Quanto ganha o docente?", "Remuneração docente", "Vencimento"]
    assert found == tuple(Variant(text, MODEL_WEIGHT, whole=True) for text in wordings)
    assert generator.requests[0].messages[-1].content == f"O que é a carreira?\n{QUESTION}"


async def test_a_search_goes_on_without_wordings_where_no_model_gives_them() -> None:
    for generator in (Speaker(failure=Busy()), Speaker(endless=True), Speaker("x", excerpts=True)):
        assert await by_model(generator, QUESTION, [], limit_s=0.05) == ()
