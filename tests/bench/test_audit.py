"""The audit log with a million entries: listing, filters, and writing by eight at once."""

from __future__ import annotations

import asyncio
import os
import statistics
from datetime import UTC, datetime, timedelta
from time import perf_counter

import psycopg
import pytest

from govbot import audit
from govbot.db.access import as_actor, as_system
from govbot.db.dsns import Dsns
from govbot.db.pool import Pool, open_pool
from tests.troupe import Troupe

ENTRIES = int(os.environ.get("BENCH_AUDIT_ENTRIES", "1000000"))
ROUNDS = 20
WRITERS = 8
SECONDS = 10.0

FILL = """
INSERT INTO audit_log (seq, at, actor_id, actor_name, action, resource, details, ip, prev_hash,
                       hash)
SELECT n, now() - (%(last)s - n) * interval '20 seconds', NULL,
       'user' || (n * 7919 %% 2000),
       (ARRAY['question.asked', 'document.opened', 'sign-in.ok', 'sign-out', 'document.uploaded',
              'sign-in.failed', 'grant.changed'])[1 + n * 31 %% 49 / 8],
       'document:' || md5((n %% 20000)::text)::uuid,
       '{"filename":"norma-' || n %% 50000 || '.pdf","page":' || n %% 90 || ',"version":'
           || n %% 4 || '}',
       '10.0.' || n %% 200 || '.' || n %% 250, '\\x00', sha256(n::text::bytea)
FROM generate_series((SELECT max(seq) + 1 FROM audit_log), %(last)s) AS n
"""


@pytest.mark.timeout(3600)
async def test_listing_and_filters_of_a_million_entries(
    pool: Pool, dsns: Dsns, troupe: Troupe
) -> None:
    async with await psycopg.AsyncConnection.connect(dsns.superuser, autocommit=True) as conn:
        begun = perf_counter()
        await conn.execute(FILL, {"last": ENTRIES})
        await conn.execute("VACUUM ANALYZE audit_log")
        print(f"\n{ENTRIES} entries in {perf_counter() - begun:.0f} s")
    now = datetime.now(UTC)
    cases = {
        "newest": (audit.Filter(), None),
        "deep page": (audit.Filter(), ENTRIES // 2),
        "one action": (audit.Filter(("grant.changed",)), None),
        "a group": (audit.Filter(("sign-in.ok", "sign-in.failed")), None),
        "one person": (audit.Filter(actor="user77"), None),
        "person and action": (audit.Filter(("sign-in.ok",), actor="user77"), None),
        "one object": (audit.Filter(resource="28dd2c79-55ce-9264-5624-0b2ff0100bde"), None),
        "one address": (audit.Filter(ip="10.0.7.107"), None),
        "rare word": (audit.Filter(words="norma 31415"), None),
        "frequent word": (audit.Filter(words="filename pdf"), None),
        "word and person": (audit.Filter(actor="user77", words="norma"), None),
        "no such word": (audit.Filter(words="inexistente"), None),
        "a day long ago": (
            audit.Filter(since=now - timedelta(days=200), until=now - timedelta(days=199)),
            None,
        ),
        "action long ago": (
            audit.Filter(("grant.changed",), until=now - timedelta(days=199)),
            None,
        ),
        "nobody": (audit.Filter(actor="nobody"), None),
    }
    worst = 0.0
    for name, (chosen, before) in cases.items():
        times = []
        for _ in range(ROUNDS):
            begun = perf_counter()
            async with as_actor(pool, troupe.auditor) as conn:
                found = await audit.entries(conn, chosen, limit=51, before=before)
                await audit.actions(conn)
            times.append((perf_counter() - begun) * 1000)
        p95 = statistics.quantiles(times, n=20)[18]
        worst = max(worst, p95)
        print(f"{name:20} {len(found):3} rows, median {statistics.median(times):6.1f} ms,"
              f" p95 {p95:6.1f} ms")  # fmt: skip
    assert worst < 200


@pytest.mark.timeout(600)
async def test_entries_a_second_with_eight_writers(dsns: Dsns, troupe: Troupe) -> None:
    pool = await open_pool(dsns.app, size=WRITERS, name="bench-audit")
    end, written = perf_counter() + SECONDS, [0] * WRITERS
    waits: list[float] = []

    async def write(number: int) -> None:
        while perf_counter() < end:
            begun = perf_counter()
            async with as_system(pool) as conn:
                await audit.record(
                    conn, actor=troupe.reader, action="document.opened",
                    resource=f"document:{troupe.a.document_id}",
                    details={"page": written[number], "version": 1},
                )  # fmt: skip
            waits.append((perf_counter() - begun) * 1000)
            written[number] += 1

    await asyncio.gather(*map(write, range(WRITERS)))
    await pool.close()
    p95 = statistics.quantiles(waits, n=20)[18]
    print(f"\n{sum(written) / SECONDS:.0f} entries/s, {statistics.median(waits):.1f} ms median,"
          f" {p95:.1f} ms p95")  # fmt: skip
    assert min(written) > 0
