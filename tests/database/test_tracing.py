"""The path of a question and of a document as spans: the steps, and none of the words."""

from __future__ import annotations

from govbot import metrics, tracing
from govbot.chat import store
from govbot.chat.live import Answers
from govbot.config import load_settings
from govbot.db.access import as_actor
from govbot.errors import Unavailable
from govbot.generate import Request, Usage
from govbot.generate.members import Entry
from govbot.generate.pool import Pool as Models
from tests.answering import Desk, Dictated, Library
from tests.ingestion import Cast, Parts, take
from tests.otlp_server import Receiver, Seen, receiving

PATERNITY = "Quantos dias dura a licença-paternidade?"
WORDS = ("paternidade", "corridos", "férias", "lei-731", "Art. 2º", "nascimento")
LAW = "LEI Nº 731, DE 2 DE MAIO DE 2019\n\nArt. 1º São trinta dias de férias por ano."


class Counting(Dictated):
    """Says what it took."""

    async def stream(self, request: Request):  # type: ignore[no-untyped-def]
        async for text in super().stream(request):
            yield text
        assert request.on_usage is not None
        request.on_usage(Usage(100, 40, 5, 12.0, "stop"))


def models(generator: Dictated) -> Models:
    entry = Entry("rapido", "openai", load_settings(environ={}).generation)
    return Models([entry], opening=lambda _entry: generator)


async def ask(desk: Desk, cast: Cast) -> Receiver:
    with receiving() as receiver:
        answers = Answers(desk)
        async with as_actor(desk.pool, cast.reader, write=True) as conn:
            conversation = await store.create_conversation(conn, cast.reader)
        await answers.start(cast.reader, conversation, PATERNITY)
        await answers.close()
        tracing.close()
    return receiver


def named(receiver: Receiver) -> dict[str, Seen]:
    return {span.name: span for span in receiver.spans()}


async def test_a_question_shows_its_steps_with_figures_and_no_word_of_it(
    desk: Desk, cast: Cast, library: Library
) -> None:
    before = metrics.registry.get_sample_value(
        "govbot_model_generated_tokens_total", {"model": "rapido"}
    )
    receiver = await ask(desk.by(models(Counting())), cast)
    found = named(receiver)
    assert {name: span.parent for name, span in found.items()} == {
        "answer": "", "retrieve": "answer", "model": "answer", "check": "answer",
    }  # fmt: skip
    assert found["retrieve"].facts["govbot.passages"] >= 1
    assert found["retrieve"].facts["govbot.sufficient"] is True
    assert found["retrieve"].facts["govbot.seconds.search"] > 0
    model = found["model"].facts
    assert (model["govbot.model"], model["govbot.prompt_tokens"]) == ("rapido", 100)
    assert (model["govbot.shared_tokens"], model["govbot.generated_tokens"]) == (40, 5)
    assert not any(span.failed for span in found.values())
    for word in WORDS:
        assert word.encode() not in receiver.everything
    after = metrics.registry.get_sample_value(
        "govbot_model_generated_tokens_total", {"model": "rapido"}
    )
    assert after == (before or 0) + 5


async def test_a_model_that_fails_marks_its_step_with_the_code_alone(
    desk: Desk, cast: Cast, library: Library
) -> None:
    failing = Dictated((), failure=Unavailable("O servidor da paternidade", code="E-MODEL-TIME"))
    receiver = await ask(desk.by(models(failing)), cast)
    found = named(receiver)
    assert found["model"].failed
    assert found["model"].facts["error.type"] == "E-MODEL-TIME"
    assert found["answer"].failed
    assert b"paternidade" not in receiver.everything
    labels = {"place": "answer", "code": "E-MODEL-TIME"}
    assert (metrics.registry.get_sample_value("govbot_errors_total", labels) or 0) >= 1


async def test_a_document_shows_its_steps_below_its_job(parts: Parts, cast: Cast) -> None:
    received = await take(parts, cast.curator, cast.a, "lei-731.txt", LAW)
    with receiving() as receiver:
        await parts.work()
        tracing.close()
    found = named(receiver)
    assert {name: span.parent for name, span in found.items()} == {
        "job": "", "document": "job", "extract": "document", "embed": "document",
    }  # fmt: skip
    assert found["document"].facts["govbot.document"] == str(received.version_id)
    assert found["extract"].facts["govbot.pages"] == 1
    assert found["embed"].facts["govbot.chunks"] >= 1
    for word in WORDS:
        assert word.encode() not in receiver.everything


async def test_a_document_that_fails_is_counted_by_its_code(parts: Parts, cast: Cast) -> None:
    labels = {"place": "document", "code": "E-CORROMPIDO"}
    before = metrics.registry.get_sample_value("govbot_errors_total", labels) or 0
    await take(parts, cast.curator, cast.a, "lei.pdf", "%PDF-1.4\nnada mais")
    await parts.work()
    assert metrics.registry.get_sample_value("govbot_errors_total", labels) == before + 1
