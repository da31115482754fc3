"""The audit log as auditors and administrators see it."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from govbot import audit
from govbot.auth import groups
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from govbot.web.audit_words import ACTIONS, DETAILS, WORDS
from govbot.web.i18n import language
from tests.web.conftest import HTMX, SignIn
from tests.web.office import Office, make_office

PATH = "/admin/auditoria"


@pytest.fixture
async def scene(pool: Pool, queue: Queue, tmp_path: Path) -> Office:
    return await make_office(pool, queue, tmp_path)


async def record(scene: Office, action: str, who: str = "reader", **details: object) -> None:
    async with as_system(scene.app.pool) as conn:
        await audit.record(conn, actor=scene.actors[who], action=action, details=details)


async def test_entries_are_told_in_words_the_newest_first(scene: Office, signed_in: SignIn) -> None:
    await record(scene, "document.uploaded", "curator", filename="lei.pdf", sha256="ab" * 32)
    await record(scene, "document.deleted", "curator", filename="velha.pdf")
    page = (await (await signed_in("auditor")).get(PATH, headers=HTMX)).text
    assert page.index("Moveu um documento para a lixeira") < page.index("Enviou um documento")
    assert "<dt>arquivo</dt><dd>lei.pdf</dd>" in page
    assert "<dd>abababababab…</dd>" in page


async def test_people_and_groups_are_shown_by_name(scene: Office, signed_in: SignIn) -> None:
    async with as_system(scene.app.pool) as conn:
        group = await groups.create_group(conn, "Finanças")
        await groups.add_member(conn, group, scene.actors["reader"].id)
    page = (await (await signed_in("auditor")).get(f"{PATH}?acao=group.members-changed")).text
    assert "<dt>pessoa</dt><dd>reader</dd>" in page
    assert "<dd>incluído</dd>" in page
    assert '<dd class="object">Finanças</dd>' in page


async def test_entries_are_filtered_by_action_and_person(scene: Office, signed_in: SignIn) -> None:
    await record(scene, "document.opened", "reader", filename="a.pdf")
    await record(scene, "document.opened", "writer", filename="b.pdf")
    await record(scene, "document.retried", "writer", filename="c.pdf")
    client = await signed_in("auditor")
    page = (await client.get(f"{PATH}?acao=document.opened&quem=Writer", headers=HTMX)).text
    assert re.findall(r"<dd>(\w\.pdf)</dd>", page) == ["b.pdf"]


async def test_days_are_whole_days_and_both_count(scene: Office, signed_in: SignIn) -> None:
    await record(scene, "document.opened", filename="hoje.pdf")
    client = await signed_in("auditor")
    today = datetime.now().astimezone().date()
    for since, until, seen in (
        (today, today, True),
        (today - timedelta(days=3), today - timedelta(days=1), False),
        (today + timedelta(days=1), "", False),
        ("", today, True),
        ("no day", "2025-02-30", True),
    ):
        page = (await client.get(f"{PATH}?de={since}&ate={until}", headers=HTMX)).text
        assert ("hoje.pdf" in page) is seen, (since, until)


async def test_pages_of_entries_follow_one_another_with_the_filter(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.admin_audit.PAGE", 2)
    for number in range(3):
        await record(scene, "document.opened", filename=f"{number}.pdf")
    client = await signed_in("auditor")
    first = (await client.get(f"{PATH}?acao=document.opened")).text
    found = re.search(r'rel="next" href="([^"]+)"', first)
    assert found
    second = (await client.get(found[1].replace("&amp;", "&"))).text
    assert re.findall(r"<dd>(\d\.pdf)</dd>", first) == ["2.pdf", "1.pdf"]
    assert re.findall(r"<dd>(\d\.pdf)</dd>", second) == ["0.pdf"]


async def test_details_from_outside_are_shown_as_text(scene: Office, signed_in: SignIn) -> None:
    await record(scene, "document.opened", filename="<script>alert(1)</script>", odd={"a": [1]})
    page = (await (await signed_in("auditor")).get(PATH)).text
    assert "<script>alert" not in page
    assert "{&#34;a&#34;: [1]}" in page


async def test_a_whole_chain_is_confirmed(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("auditor")
    async with as_system(scene.app.pool) as conn:
        report = await audit.verify(conn)
    answer = await client.post(f"{PATH}/verificar")
    assert f"A cadeia está íntegra: {report.entries} registro" in answer.text
    assert report.last_hash[:16] in answer.text


async def test_the_verification_is_followed_while_it_runs(scene: Office, signed_in: SignIn) -> None:
    client = await signed_in("auditor")
    begun = (await client.post(f"{PATH}/verificar", headers=HTMX)).text
    found = re.search(r'sse-connect="([^"]+)"', begun)
    assert found
    assert "<html" not in begun
    stream = (await client.get(found[1])).text
    kinds = re.findall(r"^event: (\w+)", stream, re.MULTILINE)
    assert kinds[-1] == "done"
    assert set(kinds[:-1]) == {"progress"}
    assert "A cadeia está íntegra" in stream


async def test_a_verification_is_an_entry_and_comes_not_too_often(
    scene: Office, signed_in: SignIn
) -> None:
    client = await signed_in("auditor")
    statuses = [(await client.post(f"{PATH}/verificar")).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    async with as_system(scene.app.pool) as conn:
        made = await audit.entries(conn, action="audit.verified")
    assert len(made) == 10
    assert json.loads(made[-1].details)["entries"] > 0


async def test_a_broken_chain_is_shown_with_its_place(
    scene: Office, signed_in: SignIn, owner_pool: Pool
) -> None:
    for number in range(3):
        await record(scene, "document.opened", filename=f"{number}.pdf")
    client = await signed_in("auditor")
    async with owner_pool.connection() as conn:
        await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        await conn.execute("UPDATE audit_log SET details = '{}' WHERE seq = 2")
    answer = await client.post(f"{PATH}/verificar")
    assert "registro 2" in answer.text or "entry 2" in answer.text


async def test_the_copy_holds_every_entry_of_the_filter(
    scene: Office, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("govbot.web.audit_export.BATCH", 2)
    for number in range(5):
        await record(scene, "document.opened", filename=f'arquivo {number}; "com aspas".pdf')
    client = await signed_in("auditor")
    answer = await client.get(f"{PATH}/csv?acao=document.opened")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="govbot-auditoria-\d{4}-\d\d-\d\d\.csv"',
        answer.headers["content-disposition"],
    )
    text = answer.content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))
    async with as_system(scene.app.pool) as conn:
        entries = await audit.entries(conn, action="document.opened")
    assert [(row["seq"], row["details"], row["hash"]) for row in rows] == [
        (str(entry.seq), entry.details, bytes(entry.hash).hex()) for entry in entries
    ]


async def test_taking_a_copy_is_written_down(scene: Office, signed_in: SignIn) -> None:
    await (await signed_in("auditor")).get(f"{PATH}/csv?quem=reader")
    async with as_system(scene.app.pool) as conn:
        [entry] = await audit.entries(conn, action="audit.exported")
    assert (entry.actor_name, entry.details) == ("auditor", '{"format":"csv","quem":"reader"}')


async def test_a_cell_never_begins_like_a_formula(scene: Office, signed_in: SignIn) -> None:
    async with as_system(scene.app.pool) as conn:
        await audit.record(conn, actor=None, action="x", resource="=HYPERLINK(1)", ip="+1")
    text = (await (await signed_in("auditor")).get(f"{PATH}/csv?acao=x")).text
    assert ";'=HYPERLINK(1);" in text
    assert ";'+1;" in text


@pytest.mark.parametrize("table", [ACTIONS, DETAILS, WORDS], ids=["actions", "details", "words"])
def test_every_word_of_the_log_is_in_the_catalog(table: dict[str, str]) -> None:
    catalog = language("pt-BR").translations
    assert [word for word in table.values() if word not in catalog._catalog] == []


def test_every_action_of_the_code_has_words() -> None:
    sources = Path(__file__).parents[2].joinpath("govbot").rglob("*.py")
    written = {
        action
        for source in sources
        for action in re.findall(
            r"audit\.record\([^)]*?action=\"([a-z.-]+)\"", source.read_text(), re.DOTALL
        )
    }
    assert len(written) > 15
    assert written - set(ACTIONS) == set()
