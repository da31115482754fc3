"""The four roles and what each may do beside what grants on collections say."""

from __future__ import annotations

from govbot.db.access import Actor, Role
from govbot.errors import Denied

__all__ = ["Role", "may_manage_accounts", "may_read_audit", "require"]


def may_manage_accounts(actor: Actor) -> bool:
    """Administrators alone create accounts and groups."""
    return actor.role is Role.ADMIN


def may_create_collections(actor: Actor) -> bool:
    """Curators and administrators open new collections."""
    return actor.role in (Role.ADMIN, Role.CURATOR)


def may_read_audit(actor: Actor) -> bool:
    """Auditors and administrators read the audit log (row-level security says the same)."""
    return actor.role in (Role.ADMIN, Role.AUDITOR)


def require(allowed: bool) -> None:
    """Raise Denied unless `allowed`."""
    if not allowed:
        raise Denied
