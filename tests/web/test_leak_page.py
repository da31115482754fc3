"""The page of the leak test, and what questions about access leave in the audit log."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot.db.pool import Pool
from govbot.documents.types import Document, Secrecy
from govbot.jobs.queue import Queue
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office
from tests.web.test_access import classify, clear, english, text_of, words

ANSWER = b"Art. 1 O limite de diarias do servidor e de vinte por ano.\n"
QUESTION = "Qual é o limite de diárias do servidor?"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


@pytest.fixture
async def answered(scene: Office) -> Document:
    """A document of the first collection that answers QUESTION."""
    await scene.put("diarias.txt", ANSWER)
    await scene.desk.work()
    return await scene.document("diarias.txt")


async def test_the_leak_test_shows_what_is_blocked_and_by_which_rule(
    scene: Office, signed_in: SignIn, answered: Document
) -> None:
    admin = await english(await signed_in("admin"))
    page = {}
    for who in ("reader", "stranger"):
        form = {"who": who, "question": QUESTION}
        page[who] = words((await admin.post("/admin/acesso/teste", data=form)).text)
        assert "Nothing leaks." in page[who]
        assert "O limite de diarias" in page[who]
    assert "Passes By a grant on the collection, this person may read." in page["reader"]
    assert "place 1" in page["reader"]
    assert "Blocked Nothing gives access" in page["stranger"]
    assert "1 kept from Stranger Souza" in page["stranger"]


async def test_the_leak_test_answers_htmx_with_the_result_alone(
    scene: Office, signed_in: SignIn, answered: Document
) -> None:
    admin = await signed_in("admin")
    form = {"who": "reader", "question": QUESTION}
    answer = await admin.post("/admin/acesso/teste", data=form, headers=HTMX)
    assert answer.text.lstrip().startswith('<section id="leaks"')


async def test_the_leak_test_shows_nothing_above_the_administrators_clearance(
    scene: Office, signed_in: SignIn, answered: Document
) -> None:
    await classify(scene, answered.id, Secrecy.RESERVED)
    admin = await english(await signed_in("admin"))
    form = {"who": "stranger", "question": QUESTION}
    page = words((await admin.post("/admin/acesso/teste", data=form)).text)
    assert "diarias" not in page.replace(QUESTION, "")
    assert "Reserved" not in page
    await clear(scene, "stranger", Secrecy.RESERVED)
    answer = await admin.post("/admin/acesso/teste", data=form)
    assert answer.status_code == 403
    assert "somebody whose clearance reaches it runs this test" in words(answer.text)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"who": "ninguem", "question": QUESTION}, "There is nobody called “ninguem”."),
        ({"who": "reader", "question": " "}, "Fill in the field."),
        ({"who": "reader", "question": "x" * 4001}, "The text is too long"),
    ],
)
async def test_a_leak_test_that_cannot_run_says_why_and_keeps_what_was_typed(
    scene: Office, signed_in: SignIn, form: dict[str, str], sentence: str
) -> None:
    admin = await english(await signed_in("admin"))
    answer = await admin.post("/admin/acesso/teste", data=form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{form["who"]}"' in answer.text


async def test_questions_about_access_stand_in_the_audit_log_in_words(
    scene: Office, signed_in: SignIn, answered: Document
) -> None:
    curator, admin = await signed_in("curator"), await signed_in("admin")
    await curator.get(f"/documentos/{answered.id}/porque?pessoa=stranger")
    await admin.get(f"/admin/usuarios/{scene.actors['reader'].id}/acesso")
    await admin.post("/admin/acesso/teste", data={"who": "reader", "question": QUESTION})
    page = await text_of(admin, "/admin/auditoria")
    for sentence in (
        "Asked why somebody may read a document",
        "Asked what somebody can see",
        "Ran the leak test",
    ):
        assert sentence in page
    assert "diárias" not in page
