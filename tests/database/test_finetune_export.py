"""What a model may learn from: whose answers, of which documents, and how they are written."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from govbot.chat import store as chats
from govbot.chat.answer import ask
from govbot.chat.prompt import not_found_sentence, rules_in
from govbot.db.access import Actor, as_actor, as_system
from govbot.documents.types import Secrecy
from govbot.errors import Conflict, GovBotError, Invalid, NotFound
from govbot.eval import gold
from govbot.feedback import ratings, reports
from govbot.feedback.ratings import DOWN, UP, Rating
from govbot.feedback.states import Decision, Reason
from govbot.feedback.states import State as Case
from govbot.finetune.export import Wanted, export
from tests.answering import Desk, Dictated, Library
from tests.ingestion import Cast, Parts, take

IN_A = Wanted(("A",), held=0.5)
PATERNITY = "De quantos dias é a licença-paternidade?"
GARDEN = "A que horas fecha o jardim?"
CHEQUE = "Quem assina o cheque?"
ALLOWANCE = "Qual é o valor da diária dentro do Estado?"
REPORT = "Quando é entregue a prestação de contas da viagem?"
PHONE = "Qual é o telefone do setor?"


async def add_gold(desk: Desk, who: Actor, question: str, answers: list[str], name: str) -> None:
    async with as_actor(desk.pool, who, write=True) as conn:
        ids = (await gold.documents_named(conn, [name])).get(name, []) if name else []
        await gold.add(
            conn, who, set_name="Ouro", question=question, answers=answers, document_ids=ids
        )


async def rated(desk: Desk, who: Actor, question: str, said: str, *rating: Rating) -> None:
    """An answer of the chat, by a model that says `said`, with the thumb of who asked."""
    answer = await ask(desk.by(Dictated((said,))), who, question, cache="off")
    assert answer.citations, answer.text
    async with as_actor(desk.pool, who, write=True) as conn:
        conversation = await chats.create_conversation(conn, who)
        asked = await chats.add_question(conn, who, conversation, question)
        message = await chats.add_answer(conn, who, conversation, asked)
        await chats.set_sources(conn, message, [each.document_key for each in answer.citations])
        await chats.finish_answer(
            conn, who, message, content=answer.text, state="done", citations=answer.citations
        )
        await ratings.rate(conn, who, message, *rating)


async def exported(desk: Desk, folder: Path, wanted: Wanted = IN_A) -> dict[str, dict[str, Any]]:
    """The lines by question, of both parts."""
    await export(desk, wanted, folder)
    return {
        row["question"]: row
        for part in ("train", "held")
        for row in map(json.loads, (folder / f"{part}.jsonl").read_text("utf-8").splitlines())
    }


async def sql(desk: Desk, query: str, **params: object) -> list[dict[str, Any]]:
    async with as_system(desk.pool) as conn:
        cursor = await conn.execute(query.encode(), params)
        return list(await cursor.fetchall()) if cursor.description else []


async def test_gold_questions_within_reach_become_chats_with_a_cited_answer(
    desk: Desk, parts: Parts, library: Library, cast: Cast, tmp_path: Path
) -> None:
    await take(parts, cast.curator, cast.a, "lista.txt", "O telefone do setor é (83) 3333-4444.")
    await parts.work()
    for question, answers, name in (
        (PATERNITY, ["20 dias", "vinte dias corridos"], "lei-731.txt"),
        (CHEQUE, [], ""),
        ("Qual é o limite da compra direta?", ["mil reais"], "lei-731.txt"),
        (GARDEN, ["dezoito horas"], "outra.txt"),
        (PHONE, ["(83) 3333-4444"], "lista.txt"),
    ):
        await add_gold(desk, cast.admin, question, answers, name)
    lines = await exported(desk, tmp_path / "one")
    assert set(lines) == {PATERNITY, CHEQUE}
    told, refused = lines[PATERNITY], lines[CHEQUE]
    [cited] = [each for each in told["passages"] if each["cited"]]
    assert "vinte dias corridos" in cited["text"]
    assert told["messages"][-1] == {
        "role": "assistant", "content": f"Vinte dias corridos [{cited['number']}].",
    }  # fmt: skip
    assert told["messages"][0]["content"] == rules_in("pt-BR")
    assert told["messages"][1]["content"].endswith(f"Pergunta: {PATERNITY}")
    assert cited["text"] in told["messages"][1]["content"]
    assert refused["answer"] == not_found_sentence()
    assert not any(each["cited"] for each in refused["passages"])
    # What stands elsewhere is not even among the passages that do not answer.
    assert "jardim" not in json.dumps(list(lines.values()), ensure_ascii=False)
    assert "3333-4444" not in json.dumps(list(lines.values()), ensure_ascii=False)
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text("utf-8"))
    assert manifest["left_out"] == {"no passage": 1, "out of reach": 1, "personal data": 1}
    assert stat.S_IMODE((tmp_path / "one" / "train.jsonl").stat().st_mode) == 0o600
    [entry] = await sql(desk, "SELECT * FROM audit_log WHERE action = 'finetune.exported'")
    assert json.loads(entry["details"])["sha256"] == manifest["sha256"]
    assert PATERNITY not in entry["details"]
    # The same questions fall on the same side every time.
    await exported(desk, tmp_path / "two")
    for part in ("train", "held"):
        ids = [
            {json.loads(line)["id"] for line in file.read_text("utf-8").splitlines()}
            for file in (tmp_path / "one" / f"{part}.jsonl", tmp_path / "two" / f"{part}.jsonl")
        ]
        assert ids[0] == ids[1]
    with pytest.raises(Conflict):
        await exported(desk, tmp_path / "one")
    with pytest.raises(NotFound):
        await exported(desk, tmp_path / "new", Wanted(("A", "C")))
    # A document that is too secret, revoked, in the trash or with grants of its own is gone.
    law = (await sql(desk, "SELECT key FROM documents WHERE filename = 'lei-731.txt'"))[0]["key"]
    for at, (change, undo) in enumerate(
        (
            ("UPDATE documents SET secrecy = 1", "UPDATE documents SET secrecy = 0"),
            ("UPDATE documents SET revoked_on = current_date",
             "UPDATE documents SET revoked_on = NULL"),
            ("UPDATE documents SET trashed_at = now()", "UPDATE documents SET trashed_at = NULL"),
            ("UPDATE documents SET valid_to = current_date - 1",
             "UPDATE documents SET valid_to = NULL"),
            ("INSERT INTO grants (id, user_id, document_key, level, effect)"
             " SELECT gen_random_uuid(), %(user)s, d.key, 'read', 'deny' FROM documents d", None),
        )
    ):  # fmt: skip
        await sql(desk, f"{change} WHERE key = %(law)s", law=law, user=cast.reader.id)
        assert set(await exported(desk, tmp_path / f"without-{at}")) == {CHEQUE}, change
        if undo:
            await sql(desk, f"{undo} WHERE key = %(law)s", law=law)
    await sql(desk, "DELETE FROM grants WHERE document_key IS NOT NULL")
    await sql(desk, "UPDATE documents SET secrecy = 1 WHERE key = %(law)s", law=law)
    restricted = replace(IN_A, max_secrecy=Secrecy.RESTRICTED)
    assert set(await exported(desk, tmp_path / "restricted", restricted)) == {PATERNITY, CHEQUE}


async def test_good_ratings_count_where_people_were_told_and_no_report_stands_against_them(
    desk: Desk, library: Library, cast: Cast, tmp_path: Path
) -> None:
    with_ratings = replace(IN_A, collections=None, ratings=True)
    up, down = Rating(UP), Rating(DOWN, Reason.WRONG)
    await rated(desk, cast.reader, REPORT, "Em cinco dias [1].", up)  # before they were told
    with pytest.raises(Invalid):
        await exported(desk, tmp_path / "not-told", with_ratings)
    await sql(desk, "INSERT INTO settings_seen (name, value) VALUES ('feedback.training', 'true')")
    await rated(desk, cast.reader, PATERNITY, "São vinte dias corridos [1].", up)
    await rated(desk, cast.reader, ALLOWANCE, "São trezentos reais [1].", up)
    await rated(desk, cast.writer, f" {ALLOWANCE.upper()}", "São trezentos reais [1].", down)
    await rated(desk, cast.stranger, GARDEN, "Às dezoito horas [1].", up)
    await rated(desk, cast.writer, "Férias de quantos dias?", "De trinta dias [1].", down)
    lines = await exported(desk, tmp_path / "one", with_ratings)
    assert set(lines) == {PATERNITY, GARDEN}
    assert {line["origin"] for line in lines.values()} == {"rated"}
    told = lines[PATERNITY]
    [cited] = [each for each in told["passages"] if each["cited"]]
    assert told["answer"] == f"São vinte dias corridos [{cited['number']}]."
    assert "vinte dias corridos" in cited["text"]
    assert "jardim" not in told["messages"][1]["content"]  # who asked does not read it
    assert str(cast.reader.id) not in json.dumps(lines)
    # The queue of the curators finds the bad rating wrong: the good one is confirmed.
    async with as_actor(desk.pool, cast.curator, write=True) as conn:
        for report in await reports.reports(conn):
            if "DIÁRIA" in report.question:
                await reports.decide(
                    conn, cast.curator, report.id, Decision(Case.DISMISSED, "Está certa.")
                )
    lines = await exported(desk, tmp_path / "two", with_ratings)
    assert {question: row["confirmed"] for question, row in lines.items()} == {
        PATERNITY: False, GARDEN: False, ALLOWANCE: True,
    }  # fmt: skip
    # A gold question with the same words comes first, and a lost source takes its answer along.
    await add_gold(desk, cast.admin, PATERNITY.lower(), ["vinte dias corridos"], "lei-731.txt")
    await sql(desk, "DELETE FROM grants WHERE user_id = %(id)s", id=cast.stranger.id)
    lines = await exported(desk, tmp_path / "three", with_ratings)
    assert {row["origin"] for row in lines.values() if row["question"] != ALLOWANCE} == {"gold"}
    assert GARDEN not in lines
    with pytest.raises(GovBotError):
        await exported(desk, tmp_path / "none", replace(with_ratings, collections=("B",)))
