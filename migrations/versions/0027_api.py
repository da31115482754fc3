"""Scopes of API keys for the rest of the API."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0027_api.sql")
