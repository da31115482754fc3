"""Connection strings, one per database role."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dsns:
    """libpq connection strings of one database."""

    app: str
    """The application role: everything but migrations."""
    owner: str
    """The owner of the tables: migrations, and the index of vectors."""
    superuser: str = ""
    """Backups and restores of the embedded server; empty for an external database."""
