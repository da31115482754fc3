"""What an embedder learns from: questions, the passages that answer them, and hard negatives."""

from __future__ import annotations

from pathlib import Path

from govbot.config import load_settings
from govbot.db.access import OPERATOR, as_actor
from govbot.eval.questions import Question
from govbot.eval.score import holds_answer
from govbot.finetune.examples import Material, material
from govbot.finetune.pairs import part_of
from govbot.finetune.reach import reach_of
from govbot.models.files import find_model
from tests.answering import Desk, Library
from tests.unit.models.conftest import make_bert

ASKED = (
    Question("1", "De quantos dias é a licença-paternidade?", ("vinte dias",), ("lei-731.txt",)),
    Question("2", "de quantos dias é a licença-PATERNIDADE?", ("vinte dias",), ("lei-731.txt",)),
    Question("3", "Qual é o valor da diária?", ("trezentos reais",), ("decreto-88.txt",)),
    Question("4", "Quem fiscaliza a limpeza?", ("dois servidores",), ("portaria-12.txt",), (1,)),
    Question("5", "A que horas fecha o jardim?", ("dezoito horas",), ("outra.txt",)),
    Question("6", "Quem assina o cheque?"),
)


async def test_negatives_come_from_the_search_and_answer_nothing(
    desk: Desk, library: Library, tmp_path: Path
) -> None:
    folder = make_bert(tmp_path / "bert", positions=40)
    files = find_model(load_settings(environ={"GOVBOT_EMBEDDER__MODEL": str(folder)}))
    async with as_actor(desk.pool, OPERATOR) as conn:
        reach = await reach_of(conn, ("A",))

    async def made(corpus: int, held: float = 0.5) -> Material:
        return await material(
            desk, files, reach, ASKED, held=held, negatives=2, corpus=corpus, seed=1
        )

    wanted = {each.text for each in (ASKED[1], *ASKED[2:4])}
    assert {each.question for each in (await made(1000, held=0)).examples} == wanted
    found = await made(1000)
    trained = {each for each in wanted if part_of(each, 0.5) == "train"}
    assert {each.question for each in found.examples} == trained
    assert {each.text for each in found.held} == wanted - trained
    assert found.left_out == {"no document named": 1, "out of reach": 1}
    answers = {each.text: each.answers for each in ASKED}
    for example in found.examples:
        assert holds_answer(example.positive, answers[example.question])
        assert len(set(example.negatives)) == 2
        assert not any(holds_answer(each, answers[example.question]) for each in example.negatives)
    assert {each.place.filename for each in found.corpus} == {
        "lei-731.txt", "decreto-88.txt", "portaria-12.txt",
    }  # fmt: skip
    assert len(found.corpus) == found.corpus_of
    assert all(len(each.windows) >= 1 for each in found.corpus)
    # A bounded corpus keeps what answers the questions that are held back.
    few = await made(1)
    assert {q.documents[0] for q in few.held} <= {each.place.filename for each in few.corpus}
    assert await made(1) == few
