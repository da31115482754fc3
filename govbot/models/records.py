"""What the audit log keeps of models: which came from where, which were checked and deleted."""

from __future__ import annotations

from collections.abc import Sequence

from govbot import audit
from govbot.db.access import Actor
from govbot.db.pool import Connection
from govbot.models.store import Installed


async def record(conn: Connection, actor: Actor | None, action: str, model: Installed) -> None:
    """Writes down that a model came ("model.added") or went ("model.removed")."""
    details: dict[str, object] = {"kind": model.kind.value, "bytes": model.size}
    if model.manifest is not None:
        large = max(model.manifest.files, key=lambda file: file.size, default=None)
        details |= {
            "source": model.manifest.source,
            "revision": model.manifest.revision,
            "licence": model.licence,
            "sha256": large.sha256 if large else "",
        }
    await audit.record(
        conn, actor=actor, action=action, resource=f"model:{model.name}", details=details
    )


async def record_verified(
    conn: Connection, actor: Actor | None, names: Sequence[str], wrong: Sequence[str]
) -> None:
    """Writes down that models were checked, and which files were not as they came."""
    await audit.record(
        conn,
        actor=actor,
        action="model.verified",
        resource="model:" + ", ".join(names[:20]),
        details={"models": len(names), "wrong": list(wrong)[:50]},
    )


async def record_refused(conn: Connection, actor: Actor | None, source: str, code: str) -> None:
    """Writes down that a model did not come, and why, by the code of the error."""
    await audit.record(
        conn, actor=actor, action="model.refused", resource=source[:200], details={"code": code}
    )
