"""When the evidence is enough."""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("0019_calibration.sql")
