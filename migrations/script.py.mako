"""${message}"""

from __future__ import annotations

from govbot.db.schema import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    """Apply the SQL beside this file."""
    run_sql("${up_revision}_${message.lower().replace(' ', '_')}.sql")
