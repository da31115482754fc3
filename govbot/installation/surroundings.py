"""What an installation leans on, tried before it is set up: database server, directory, models."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import psycopg

from govbot.config import Settings
from govbot.db.database import open_database
from govbot.db.schema import check_server, unreachable
from govbot.errors import GovBotError, Unavailable

if TYPE_CHECKING:
    from govbot.db.pool import Pool

DATABASE_S: Final = 20.0

_ASKED: Final = """
    SELECT current_setting('server_version') AS server,
           (SELECT coalesce(installed_version, default_version)
            FROM pg_available_extensions WHERE name = 'vector') AS vector,
           EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')
           OR EXISTS (SELECT FROM pg_available_extension_versions
                      WHERE name = 'vector' AND trusted) AS installed,
           EXISTS (SELECT FROM pg_roles WHERE rolname = 'govbot_app') AS role,
           (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user) AS creates,
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
           has_database_privilege(current_database(), 'CREATE') AS owner,
           pg_encoding_to_char(encoding) AS encoding
    FROM pg_database WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A look at something outside: what it was, and what is wrong with it."""

    what: str
    seen: str
    problem: str = ""


async def database(settings: Settings) -> str:
    """In words, what server answers; raises Unavailable with what is missing there.

    The embedded one is not started: it is part of GovBot.
    """
    if not settings.database.url:
        return "embedded: PostgreSQL and pgvector come with GovBot"
    try:
        async with asyncio.timeout(DATABASE_S), open_database(settings) as dsns:
            return await asyncio.to_thread(_asked, dsns.owner)
    except TimeoutError as error:
        raise Unavailable(
            "The database server does not answer within %(seconds)s s.", seconds=int(DATABASE_S)
        ) from error
    except psycopg.Error as error:
        raise unreachable(error) from error


def _asked(dsn: str) -> str:
    with psycopg.connect(dsn, connect_timeout=10, options="-c statement_timeout=10s") as conn:
        check_server(conn)
        row = conn.execute(_ASKED).fetchone()
    assert row is not None  # noqa: S101 - a database that is connected to is in pg_database
    server, vector, installed, role, creates, superuser, owner, encoding = row
    if encoding != "UTF8":
        raise Unavailable(
            "The database is encoded in %(encoding)s and must be in UTF8: create another with "
            "ENCODING 'UTF8'.",
            encoding=encoding,
        )
    if not owner or not (role or creates):
        raise Unavailable(
            "The database login may not create the schema: let an administrator of the server "
            "make it the owner of the database and create the role govbot_app."
        )
    if not (installed or superuser):
        raise Unavailable(
            "The extension vector is not in the database and this login may not create it: let "
            "an administrator of the server run CREATE EXTENSION vector there."
        )
    return f"PostgreSQL {server}, pgvector {vector}"


async def directory(settings: Settings) -> list[Step]:
    """Each step on the way to the directory; none without one."""
    from govbot.auth import ldap_check
    from govbot.auth.ldap import open_directory

    ldap = open_directory(settings.ldap, cast("Pool", None))  # the steps ask it alone
    if ldap is None:
        return []
    quiet = logging.getLogger("govbot.auth.ldap")
    before, quiet.disabled = quiet.disabled, True  # the steps say it in better words
    try:
        steps = await ldap_check.diagnose(ldap)
    finally:
        quiet.disabled = before
    return [
        Step(
            f"{step.name} {step.place}".strip(),
            step.seen,
            "" if step.passed else f"{step.seen or 'failed'}. {step.remedy}",
        )
        for step in steps
    ]


def model(path: Path) -> Step:
    """Whether a file or folder holds a model that GovBot can take in."""
    from govbot.models import delivery

    try:
        plan = delivery.plan_add(path)
    except GovBotError as error:
        return Step(str(path), "", str(error))
    known = sum(bool(file.sha256) for file in plan.files)
    sums = f"{known} of {len(plan.files)} checksums known"
    return Step(str(path), f"{plan.name}, {plan.size / 1e9:.2f} GB, {sums}")
