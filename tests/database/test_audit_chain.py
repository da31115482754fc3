"""What was done to the chain is named; checkpoints, archives and exports prove it together."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from govbot import audit
from govbot.audit import archive, book, checkpoints, keys
from govbot.audit.anchors import list_anchors
from govbot.audit.chain import Reason
from govbot.audit.keys import SigningKey
from govbot.audit.lines import to_line
from govbot.audit.proof import Evidence, digest_of, verify_file
from govbot.db.access import OPERATOR, as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool
from govbot.errors import BadConfig, Conflict, Denied, Invalid, Unavailable
from tests.troupe import Troupe

# Rewrites the chain from an entry on as whoever owns the database can, with good hashes.
RESEAL = """
DO $$
DECLARE
    row record;
    before bytea;
BEGIN
    FOR row IN SELECT * FROM audit_log WHERE seq >= {first} ORDER BY seq LOOP
        SELECT coalesce((SELECT hash FROM audit_log WHERE seq = row.seq - 1), '\\x') INTO before;
        UPDATE audit_log SET prev_hash = before, hash = sha256(before || convert_to(
            json_build_array(seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                actor_id::text, actor_name, action, resource, details, ip)::text, 'UTF8'))
        WHERE seq = row.seq;
    END LOOP;
END
$$
"""


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return keys.open_key("", tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "elsewhere" / "checkpoints.jsonl"


async def fill(pool: Pool, entries: int) -> int:
    last = 0
    for number in range(entries):
        async with as_system(pool) as conn:
            last = await audit.record(conn, actor=None, action="test.done", details={"n": number})
    return last


async def forge(dsns: Dsns, *statements: str) -> None:
    """What somebody does who owns the server."""
    async with await psycopg.AsyncConnection.connect(dsns.superuser, autocommit=True) as conn:
        await conn.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        for statement in statements:
            await conn.execute(statement.encode())
        await conn.execute("ALTER TABLE audit_log ENABLE TRIGGER USER")


async def verified(pool: Pool, evidence: Evidence | None = None) -> audit.AuditReport:
    async with as_system(pool) as conn:
        return await audit.verify(conn, evidence)


def evidence(file: Path, key: SigningKey, archives: Path | None = None) -> Evidence:
    return Evidence(tuple(checkpoints.read(file)), frozenset({key.public}), archives)


SHIFT = (
    "UPDATE audit_log SET seq = -seq WHERE seq >= {at}",
    "UPDATE audit_log SET seq = -seq + 1 WHERE seq < 0",
)
SHIFT_BACK = (
    "UPDATE audit_log SET seq = -seq WHERE seq > {at}",
    "UPDATE audit_log SET seq = -seq - 1 WHERE seq < 0",
)
FORGED = (
    "INSERT INTO audit_log (seq, at, actor_id, actor_name, action, resource, details, ip,"
    " prev_hash, hash) SELECT {at}, at, NULL, 'x', 'x', '', '{{}}', '', prev_hash, sha256('x')"
    " FROM audit_log WHERE seq = {at} - 1"
)


@pytest.mark.parametrize(
    ("statements", "seq", "reason"),
    [
        (("UPDATE audit_log SET details = '{}' WHERE seq = 7",), 7, Reason.EDITED),
        (("UPDATE audit_log SET details = '{}' WHERE seq = 1",), 1, Reason.EDITED),
        (("UPDATE audit_log SET hash = sha256('x') WHERE seq = 10",), 10, Reason.EDITED),
        (
            ("UPDATE audit_log SET ip = 'x' WHERE seq = 5", RESEAL_ONE := "RESEAL 5"),
            5,
            Reason.EDITED,
        ),
        (("DELETE FROM audit_log WHERE seq = 4",), 4, Reason.DELETED),
        (("DELETE FROM audit_log WHERE seq <= 3",), 1, Reason.DELETED),
        (("DELETE FROM audit_log WHERE seq = 4", *SHIFT_BACK), 4, Reason.DELETED),
        ((*SHIFT, FORGED), 6, Reason.INSERTED),
        ((*SHIFT, FORGED, RESEAL_ONE), 6, Reason.INSERTED),
    ],
)
async def test_verify_names_the_entry_and_what_was_done(
    pool: Pool, dsns: Dsns, statements: tuple[str, ...], seq: int, reason: Reason
) -> None:
    await fill(pool, 10)
    at = 4 if SHIFT_BACK[0] in statements else 6
    for statement in statements:
        if statement.startswith("RESEAL"):
            where = seq
            text = RESEAL.format(first=where).replace(f"seq >= {where}", f"seq = {where}")
        else:
            text = statement.format(at=at) if "{at}" in statement else statement
        await forge(dsns, text)
    report = await verified(pool)
    assert (report.first_broken, report.reason) == (seq, reason)


async def test_a_checkpoint_finds_a_chain_rewritten_with_good_hashes(
    pool: Pool, dsns: Dsns, key: SigningKey, file: Path
) -> None:
    for _ in range(3):
        await fill(pool, 4)
        await checkpoints.take(pool, key, file)
    assert (await verified(pool, evidence(file, key))).checkpoints == 3
    await forge(dsns, "UPDATE audit_log SET ip = 'x' WHERE seq = 6", RESEAL.format(first=6))
    assert (await verified(pool)).first_broken is None
    report = await verified(pool, evidence(file, key))
    assert (report.first_broken, report.until, report.reason) == (5, 8, Reason.REWRITTEN)


async def test_a_checkpoint_finds_an_end_that_was_cut_off(
    pool: Pool, dsns: Dsns, key: SigningKey, file: Path
) -> None:
    await fill(pool, 6)
    await checkpoints.take(pool, key, file)
    await forge(dsns, "DELETE FROM audit_log WHERE seq > 4")
    assert (await verified(pool)).first_broken is None
    report = await verified(pool, evidence(file, key))
    assert (report.first_broken, report.until, report.reason) == (5, 6, Reason.TRUNCATED)


async def test_checkpoints_of_another_key_or_with_another_hash_are_refused(
    pool: Pool, tmp_path: Path, key: SigningKey, file: Path
) -> None:
    await fill(pool, 3)
    found = await checkpoints.take(pool, key, file)
    assert found is not None
    other = keys.open_key("", tmp_path / "other")
    forged = replace(found, key=other.public, signature=other.sign(b"x"))
    changed = replace(found, hash="00" * 32)
    foreign = replace(
        found,
        key=other.public,
        signature=other.sign(checkpoints.message(found.seq, found.hash, found.at)),
    )
    for bad in (forged, changed, foreign):
        report = await verified(pool, Evidence((bad,), frozenset({key.public})))
        assert (report.first_broken, report.reason) == (3, Reason.BAD_SIGNATURE)
    assert (await verified(pool, Evidence((foreign,)))).first_broken is None


async def test_a_checkpoint_is_taken_when_there_is_something_new(
    pool: Pool, key: SigningKey, file: Path
) -> None:
    assert await checkpoints.take(pool, key, file) is None
    await fill(pool, 2)
    first = await checkpoints.take(pool, key, file)
    assert first is not None
    assert first.seq == 2
    assert await checkpoints.take(pool, key, file) is None
    assert list(checkpoints.read(file)) == [first]


async def test_nodes_at_the_same_time_write_one_checkpoint(
    pool: Pool, key: SigningKey, file: Path
) -> None:
    await fill(pool, 5)
    found = await asyncio.gather(*(checkpoints.take(pool, key, file) for _ in range(4)))
    assert [each.seq for each in found if each] == [5]
    assert len(file.read_text().splitlines()) == 1


async def test_a_broken_chain_is_never_signed(
    pool: Pool, dsns: Dsns, key: SigningKey, file: Path
) -> None:
    await fill(pool, 3)
    await checkpoints.take(pool, key, file)
    await fill(pool, 3)
    await forge(dsns, "UPDATE audit_log SET ip = 'x' WHERE seq = 5")
    with pytest.raises(Conflict, match="broken at entry 5"):
        await checkpoints.take(pool, key, file)
    async with as_system(pool) as conn:
        standing = await checkpoints.standing(conn, key)
    assert (standing.seq, standing.behind) == (3, 3)
    assert "broken at entry 5" in standing.error


async def test_a_log_that_contradicts_the_file_is_never_signed(
    pool: Pool, dsns: Dsns, key: SigningKey, file: Path
) -> None:
    await fill(pool, 3)
    await checkpoints.take(pool, key, file)
    await fill(pool, 1)
    # Whoever rewrites the log can rewrite the position in the database as well.
    await forge(
        dsns,
        "UPDATE audit_log SET ip = 'x' WHERE seq = 2",
        RESEAL.format(first=2),
        "UPDATE audit_positions SET hash = (SELECT hash FROM audit_log WHERE seq = 3)",
    )
    with pytest.raises(Conflict, match="no entry 3 as the last checkpoint signed it"):
        await checkpoints.take(pool, key, file)


async def test_a_file_that_vanished_is_told_and_not_begun_again_in_silence(
    pool: Pool, key: SigningKey, file: Path
) -> None:
    await fill(pool, 1)
    await checkpoints.take(pool, key, file)
    file.unlink()
    await fill(pool, 1)
    with pytest.raises(Unavailable, match="not there any more"):
        await checkpoints.take(pool, key, file)
    assert not file.exists()
    found = await checkpoints.take(pool, key, file, renew=True)
    assert found is not None
    assert found.seq == 2


async def test_a_line_that_a_crash_cut_off_does_no_harm(
    pool: Pool, key: SigningKey, file: Path
) -> None:
    await fill(pool, 1)
    await checkpoints.take(pool, key, file)
    with file.open("a") as stream:
        stream.write('{"seq":2,"ha')
    await fill(pool, 1)
    await checkpoints.take(pool, key, file)
    assert [each.seq for each in checkpoints.read(file)] == [1, 2]


async def test_a_folder_that_cannot_be_written_is_told(
    pool: Pool, key: SigningKey, tmp_path: Path
) -> None:
    await fill(pool, 1)
    (tmp_path / "block").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        await checkpoints.take(pool, key, tmp_path / "block" / "file.jsonl")


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = keys.open_key("", tmp_path), keys.open_key("", tmp_path)
    assert first.public == second.public
    assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600
    text = (tmp_path / "audit.key").read_text()
    assert keys.open_key(text, tmp_path / "nowhere").public == first.public
    assert keys.read_public(first.pem) == keys.read_public(first.public) == first.public


@pytest.mark.parametrize("text", ["", "abc", "-----BEGIN PUBLIC KEY-----\nx\n-----END"])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfig):
        keys.read_public(text)
    with pytest.raises(BadConfig, match="Ed25519"):
        keys.open_key(text or "x", tmp_path)


async def export(pool: Pool, file: Path, order: Callable[[list[str]], list[str]]) -> Path:
    async with as_system(pool) as conn:
        found = await book.after(conn, 0, limit=10_000)
    file.write_text("".join(order([to_line(each) for each in found])))
    return file


@pytest.mark.parametrize(
    "order",
    [list, lambda lines: lines[::-1], lambda lines: [*lines, *lines[3:]], lambda lines: lines[4:]],
    ids=["in order", "newest first", "sent twice", "from the middle"],
)
async def test_an_export_is_verified_without_the_database(
    pool: Pool, key: SigningKey, file: Path, tmp_path: Path, order: Callable[[list[str]], list[str]]
) -> None:
    last = await fill(pool, 9)
    await checkpoints.take(pool, key, file)
    copy = await export(pool, tmp_path / "export.jsonl", order)
    report = verify_file(copy, evidence(file, key))
    assert (report.first_broken, report.last, report.checkpoints) == (None, last, 1)


async def test_a_changed_line_of_an_export_is_named(pool: Pool, tmp_path: Path) -> None:
    await fill(pool, 6)
    copy = await export(pool, tmp_path / "export.jsonl", list)
    copy.write_text(copy.read_text().replace('{\\"n\\":3}', '{\\"n\\":4}'))
    report = verify_file(copy)
    assert (report.first_broken, report.reason) == (4, Reason.EDITED)
    copy.write_text("no line")
    with pytest.raises(Invalid, match="no line of an exported audit log"):
        verify_file(copy)


async def test_an_entry_has_a_bounded_size(pool: Pool, troupe: Troupe) -> None:
    details = {"names": ["a" * 5000] * 400, "deep": {"text": "b" * 90_000}, "n": 1}
    async with as_system(pool) as conn:
        seq = await audit.record(
            conn, actor=troupe.reader, action="a" * 500, resource="r" * 9000, details=details
        )
        entry = await audit.entry(conn, seq)
        report = await audit.verify(conn)
    assert len(entry.details.encode()) <= book.MAX_DETAILS
    assert json.loads(entry.details)["shortened"] is True
    assert json.loads(entry.details)["n"] == 1
    assert len(entry.resource) == 1000
    assert report.first_broken is None


async def test_the_database_refuses_an_entry_without_bounds(pool: Pool) -> None:
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        async with as_system(pool) as conn:
            await conn.execute("SELECT govbot_audit(NULL, '', 'x', '', repeat('x', 40000), '')")


async def test_the_operator_s_login_is_where_a_command_comes_from(pool: Pool) -> None:
    async with as_system(pool) as conn:
        seq = await audit.record(conn, actor=OPERATOR, action="test.done")
        assert (await audit.entry(conn, seq)).ip.startswith("cli:")


async def later(pool: Pool, folder: Path, file: Path, **options: object) -> int:
    return await archive.prune(
        pool,
        folder,
        older_than=datetime.now(UTC) + timedelta(hours=1),
        checkpoints=list(checkpoints.read(file)),
        **options,  # type: ignore[arg-type]
    )


async def test_archives_and_log_prove_one_chain(
    pool: Pool, key: SigningKey, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PER_FILE", 5)
    for _ in range(4):
        await fill(pool, 3)
        await checkpoints.take(pool, key, file)
    folder = tmp_path / "archive"
    assert await later(pool, folder, file) == 12
    assert sorted(each.name for each in folder.iterdir()) == [
        "audit-000000000001-000000000003.jsonl.gz",
        "audit-000000000004-000000000006.jsonl.gz",
        "audit-000000000007-000000000009.jsonl.gz",
        "audit-000000000010-000000000012.jsonl.gz",
    ]
    alone = await verified(pool, evidence(file, key))
    assert (alone.first, alone.last, alone.first_broken, alone.unchecked) == (13, 16, None, 3)
    whole = await verified(pool, evidence(file, key, folder))
    assert (whole.first, whole.last, whole.first_broken, whole.checkpoints) == (1, 16, None, 4)
    await checkpoints.take(pool, key, file)
    await fill(pool, 1)
    assert await later(pool, folder, file) == 4  # the entries that told of archives, too
    await checkpoints.take(pool, key, file)
    assert (await verified(pool, evidence(file, key, folder))).first_broken is None


async def test_pruning_is_an_entry_that_names_the_archive(
    pool: Pool, key: SigningKey, file: Path, tmp_path: Path
) -> None:
    await fill(pool, 3)
    await checkpoints.take(pool, key, file)
    await fill(pool, 1)
    await later(pool, tmp_path / "archive", file)
    [archived] = (tmp_path / "archive").iterdir()
    async with as_system(pool) as conn:
        [entry] = await audit.entries(conn, action="audit.pruned")
        [anchor] = await list_anchors(conn)
    told = json.loads(entry.details)
    assert entry.details == book.canonical(told)
    assert (told["archive"], told["sha256"]) == (archived.name, digest_of(archived))
    assert (told["first"], told["last"], told["entries"]) == (1, 3, 3)
    assert told["hash"] == bytes(anchor.hash).hex()
    assert len(gzip.decompress(archived.read_bytes()).splitlines()) == 3
    assert archived.stat().st_mode & 0o777 == 0o600


async def test_a_changed_or_missing_archive_is_found(
    pool: Pool, key: SigningKey, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PER_FILE", 3)
    for _ in range(3):
        await fill(pool, 3)
        await checkpoints.take(pool, key, file)
    folder = tmp_path / "archive"
    await later(pool, folder, file)
    first, second, _third = sorted(folder.iterdir())
    good = second.read_bytes()
    second.write_bytes(gzip.compress(gzip.decompress(good).replace(b"test", b"tost")))
    report = await verified(pool, evidence(file, key, folder))
    assert (report.first_broken, report.until, report.reason) == (4, 6, Reason.EDITED)
    second.unlink()
    report = await verified(pool, evidence(file, key, folder))
    assert (report.first_broken, report.reason) == (4, Reason.DELETED)
    second.write_bytes(good)
    first.unlink()  # the oldest may be thrown away
    report = await verified(pool, evidence(file, key, folder))
    assert (report.first_broken, report.first, report.unchecked) == (None, 4, 0)


async def test_nothing_is_pruned_that_no_checkpoint_signed_or_a_receiver_lacks(
    pool: Pool, key: SigningKey, file: Path, tmp_path: Path
) -> None:
    await fill(pool, 3)
    await checkpoints.take(pool, key, file)
    await fill(pool, 3)
    folder = tmp_path / "archive"
    assert await later(pool, folder, file, receivers=["forward:siem"]) == 0
    assert (
        await archive.prune(
            pool,
            folder,
            older_than=datetime.now(UTC) - timedelta(hours=1),
            checkpoints=list(checkpoints.read(file)),
        )
        == 0
    )
    assert await later(pool, folder, file) == 3


async def test_a_crash_before_the_cut_loses_nothing(
    pool: Pool, key: SigningKey, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(pool, 4)
    await checkpoints.take(pool, key, file)
    await fill(pool, 1)
    folder = tmp_path / "archive"

    def crash(_file: Path) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(archive, "digest_of", lambda _file: "x")
        with pytest.raises(psycopg.errors.Error):
            await later(pool, folder, file)
    [written] = folder.iterdir()
    before = written.read_bytes()
    async with as_system(pool) as conn:
        assert len(await audit.entries(conn)) == 5
    assert await later(pool, folder, file) == 4
    assert written.read_bytes() == before
    assert (await verified(pool, evidence(file, key, folder))).first_broken is None


async def test_a_broken_chain_is_not_archived(
    pool: Pool, dsns: Dsns, key: SigningKey, file: Path, tmp_path: Path
) -> None:
    await fill(pool, 4)
    await checkpoints.take(pool, key, file)
    await fill(pool, 1)
    await forge(dsns, "UPDATE audit_log SET ip = 'x' WHERE seq = 2", RESEAL.format(first=2))
    with pytest.raises(Conflict, match="nothing is archived"):
        await later(pool, tmp_path / "archive", file)
    assert list((tmp_path / "archive").iterdir()) == []


async def test_only_govbot_itself_prunes_and_only_what_was_archived(
    pool: Pool, owner_pool: Pool, troupe: Troupe
) -> None:
    await fill(pool, 3)
    call = "SELECT govbot_audit_prune(2, '\\x00', 'x', repeat('0', 64))"
    with pytest.raises(Denied):
        async with as_actor(pool, troupe.admin, write=True) as conn:
            await conn.execute(call.encode())
    with pytest.raises(psycopg.errors.DataException):
        async with as_system(pool) as conn:
            await conn.execute(call.encode())
    for statement in ("DELETE FROM audit_log", "UPDATE audit_anchors SET seq = 9"):
        with pytest.raises(Denied):
            async with as_system(pool) as conn:
                await conn.execute(statement.encode())


async def test_a_beginning_that_was_cut_off_by_hand_is_found(
    pool: Pool, dsns: Dsns, troupe: Troupe
) -> None:
    await fill(pool, 6)
    await forge(
        dsns,
        "INSERT INTO audit_anchors (seq, first_seq, hash, archive, sha256)"
        " SELECT seq, 1, hash, 'x', repeat('0', 64) FROM audit_log WHERE seq = 3",
        "DELETE FROM audit_log WHERE seq <= 3",
    )
    report = await verified(pool)
    assert (report.first_broken, report.until, report.reason) == (1, 3, Reason.DELETED)
