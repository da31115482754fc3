"""The audit log: who did what, in the same transaction as the act, sealed by a chain of hashes.

Checkpoints sign the chain into a file outside the database, receivers get a copy of each entry,
and what is old moves to archives that go on proving themselves.
"""

from __future__ import annotations

from govbot.audit.book import (
    Entry,
    Filter,
    actions,
    entries,
    entry,
    has_opened,
    neighbours,
    record,
    summary,
)
from govbot.audit.chain import AuditReport, Reason, seal
from govbot.audit.proof import verify

__all__ = [
    "AuditReport",
    "Entry",
    "Filter",
    "Reason",
    "actions",
    "entries",
    "entry",
    "has_opened",
    "neighbours",
    "record",
    "seal",
    "summary",
    "verify",
]
