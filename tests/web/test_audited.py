"""Nothing changes without an entry: every route that changes something, every action in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from govbot import audit
from govbot.db.access import as_system
from govbot.db.pool import Pool
from govbot.jobs.queue import Queue
from govbot.web.audit_words import ACTIONS, GROUPS
from tests.prepared import Prepared
from tests.web.conftest import SignIn
from tests.web.office import Office
from tests.web.stage import Stage, stage_of
from tests.web.table import TABLE
from tests.web.test_table import ask

ROOT = Path(__file__).parents[2]

# Routes that change nothing which anybody could ask about later.
EXPLAINED = {
    "/admin/pastas/olhar": "a look at a folder; what it takes in is written document by document",
    "/documentos/envios": "no document yet: the entry is written when the file has arrived",
    "/documentos/envios/{upload_id:uuid}/partes": "the same",
    "/documentos/envios/{upload_id:uuid}/cancelar": "the same",
    "/admin/comecar/pular": "which steps of the guide are left for later",
    "/admin/usuarios/importar": "a look at the file, which makes nobody",
    "/conta/avisos/{announcement_id:uuid}/dispensar": "what one reader does not want to see again",
    "/preferencias": "colours and language are cookies of the browser",
    "/entrar/codigo": "nobody waits for a code: the request leads back to the form",
    "/conversas": "the answer records the question, in the transaction that hands passages to "
    "the model; the scripted answers of these tests do not (tests/database/test_answers.py)",
    "/conversas/{conversation_id:uuid}/perguntas": "the same",
    "/conversas/{conversation_id:uuid}/respostas/{answer_id:uuid}/refazer": "the same",
    "/conversas/{conversation_id:uuid}/respostas/{answer_id:uuid}/parar": "the words so far stay",
}
# What the requests of the table find done already, so that there is nothing to write; the action
# that each of them writes else.
DONE_ALREADY = {
    "/documentos/{document_id:uuid}/repetir": "document.retried",
    "/documentos/varios": "document.retried",
    "/admin/fila/repetir": "queue.retried",
    "/admin/fila/{version_id:uuid}/cancelar": "document.cancelled",
    "/admin/chaves/{key_id:uuid}/revogar": "key.revoked",
    "/admin/comecar/organizacao": "setting.changed",
    "/colecoes/{collection_id:uuid}/revisao": "collection.review",
    "/colecoes/{collection_id:uuid}/orientacoes": "collection.instructions",
    "/conta/sessoes/encerrar-outras": "session.ended",
    "/documentos/{document_id:uuid}/sigilo": "document.secrecy",
    "/admin/usuarios/{user_id:uuid}/sessoes/encerrar": "session.ended",
    "/admin/usuarios/{user_id:uuid}/situacao": "user.disabled",
    "/admin/usuarios/{user_id:uuid}/segundo-fator/retirar": "second-factor.reset",
    "/admin/usuarios/{user_id:uuid}/credencial": "user.clearance-changed",
}

# Actions that the walk through the table below writes.
BOTH = {
    "collection.changed", "collection.deleted", "collection.review", "document.held",
    "document.rejected", "document.unrevoked", "document.validity", "person.exported",
    "queue.retried",
}  # fmt: skip
WALKED = {"curator": BOTH, "admin": BOTH | {"group.deleted", "user.password-changed"}}
# Those whose acts are tried in a file that does not name them.
ACTED = {
    "announcement.changed": "web/test_installation.py",
    "announcement.deleted": "web/test_installation.py",
    "announcement.published": "web/test_installation.py",
    "answer.rated": "database/test_feedback.py",
    "backup.asked": "web/test_backups.py",
    "backup.created": "database/test_backup.py",
    "backup.pruned": "database/test_backup.py",
    "backup.verified": "database/test_backup.py",
    "category.added": "database/test_analytics.py",
    "category.removed": "database/test_analytics.py",
    "collection.questions": "web/test_asking.py",
    "conversation.file-removed": "database/test_attached.py",
    "conversation.scoped": "database/test_choice.py",
    "directory.refused": "database/test_ldap_sync.py",
    "document.released": "database/test_lifecycle_history.py",
    "eval.accepted": "database/test_evaluation.py",
    "finetune.embedder-placed": "system/test_finetune.py",
    "gap.decided": "database/test_feedback.py",
    "gold.exported": "database/test_gold.py",
    "gold.imported": "database/test_gold.py",
    "gold.set-deleted": "database/test_gold.py",
    "model.loaded": "web/test_answering.py",
    "model.tested": "web/test_installation.py",
    "passage.pinned": "database/test_memory.py",
    "passage.unpinned": "database/test_memory.py",
    "question.edited": "database/test_branches.py",
    "report.decided": "database/test_feedback.py",
    "schema.migrated": "system/test_commands.py",
    "second-factor.codes-renewed": "web/test_second_factor.py",
    "second-factor.enrolled": "web/test_second_factor.py",
    "second-factor.removed": "web/test_second_factor.py",
    "secret.removed": "database/test_secret_cli.py",
    "installation.adopted": "database/test_nodes.py",
    "secret.rotated": "database/test_secret_cli.py",
    "secret.set": "database/test_secret_cli.py",
    "sign-in.code-asked": "web/test_second_factor.py",
    "user.imported": "database/test_installation.py",
    "user.renamed": "database/test_ldap_sync.py",
    "user.synced": "database/test_ldap_sync.py",
}


@pytest.fixture
async def stage(prepared: Prepared | None, pool: Pool, queue: Queue, tmp_path: Path) -> Stage:
    return stage_of(prepared, pool, queue, tmp_path)


@pytest.fixture
def scene(stage: Stage) -> Office:
    return stage.office


async def entries(pool: Pool) -> int:
    async with as_system(pool) as conn:
        cursor = await conn.execute("SELECT max(seq) AS n FROM audit_log")
        row = await cursor.fetchone()
    return int((row or {}).get("n") or 0)


@pytest.mark.parametrize("who", ["curator", "admin"])
async def test_every_request_that_changes_something_writes_an_entry(
    stage: Stage, pool: Pool, signed_in: SignIn, who: str
) -> None:
    client = await signed_in(who)
    silent, known = set(), EXPLAINED.keys() | DONE_ALREADY.keys()
    for row in TABLE:
        before = await entries(pool)
        answer = await ask(client, stage, row)
        done = row.method == "POST" and answer.status_code in (200, 204, 303)
        if done and await entries(pool) == before and row.path not in known:
            silent.add(row.route)
    assert silent == set()
    async with as_system(pool) as conn:
        assert WALKED[who] - set(await audit.actions(conn)) == set()


def test_every_explained_route_is_one() -> None:
    routes = {row.path for row in TABLE if row.method == "POST"}
    assert (EXPLAINED.keys() | DONE_ALREADY.keys()) - routes == set()
    assert set(DONE_ALREADY.values()) - ACTIONS.keys() == set()


def test_every_action_is_written_by_the_program_and_tried_by_a_test() -> None:
    program = _texts("govbot") + _texts("migrations", "*.sql")
    tests = _texts("tests")
    written = {name for name in ACTIONS if f'"{name}"' in program or f"'{name}'" in program}
    assert ACTIONS.keys() - written == set()
    untried = {name for name in ACTIONS if name not in tests}
    assert untried - set().union(*WALKED.values()) - ACTED.keys() == set()
    assert [file for file in ACTED.values() if not (ROOT / "tests" / file).is_file()] == []


def test_every_group_of_actions_has_words() -> None:
    assert {name.partition(".")[0] for name in ACTIONS} - GROUPS.keys() == set()


def _texts(folder: str, pattern: str = "*.py") -> str:
    own = {"audit_words.py", Path(__file__).name}
    files = (each for each in (ROOT / folder).rglob(pattern) if each.name not in own)
    return "\n".join(each.read_text("utf-8") for each in files)
