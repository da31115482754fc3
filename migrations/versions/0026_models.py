"""Models on their way here."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0026_models.sql")
