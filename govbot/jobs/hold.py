"""Which jobs this process is at, by its own account, beside what the queue believes.

A worker whose database cannot be written (its disk is full, say) ends a job without anybody being
told: in the queue it would be at work for ever, since its worker lives.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from govbot.jobs.queue import Queue

log = logging.getLogger(__name__)

_MINE: Final = "status = 'doing' AND worker_id = ANY(%(workers)s::bigint[])"


class Hold:
    """One for the workers of a process."""

    def __init__(self) -> None:
        self._jobs: set[int] = set()
        self._workers: set[int] = set()
        self._missed: set[int] = set()  # not held when last looked at

    @contextmanager
    def at(self, job: int, worker: int) -> Iterator[None]:
        """The block is this job's work."""
        self._workers.add(worker)
        self._jobs.add(job)
        try:
            yield
        finally:
            self._jobs.discard(job)

    async def put_back(self, queue: Queue) -> int:
        """Puts back what was let go of without the queue being told; returns how many.

        Twice in a row it must look so: a job is taken before its work begins, and its end is told
        after its work.
        """
        query = queue.app.connector.execute_query_all_async
        rows = await query(
            f"SELECT id FROM procrastinate_jobs WHERE {_MINE}",  # noqa: S608 - a constant
            workers=list(self._workers),
        )
        missed = {int(row["id"]) for row in rows} - self._jobs
        lost, self._missed = missed & self._missed, missed
        if not lost:
            return 0
        rows = await query(
            f"""
            SELECT j.id, procrastinate_retry_job_v2(j.id, NULL, j.priority - 1, NULL, NULL)
            FROM (SELECT id, priority FROM procrastinate_jobs
                  WHERE {_MINE} AND id = ANY(%(lost)s::bigint[])
                  FOR UPDATE SKIP LOCKED) j
            """,  # noqa: S608 - a constant
            workers=list(self._workers),
            lost=list(lost),
        )
        log.warning(
            "Jobs whose end could not be written were put back",
            extra={"action": "queue.put-back", "jobs": len(rows)},
        )
        return len(rows)
