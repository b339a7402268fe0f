"""Schedules, and the ledger of their occurrences.

Revision 0004, after 0003. The statements are in ``sql/0004``. It only adds.
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEDULES = Path(__file__).parents[1] / "sql" / revision / "schedules.sql"


def upgrade() -> None:
    """Add two tables and a view."""
    op.execute(SCHEDULES.read_text("utf-8"))


def downgrade() -> None:
    """Drop them: the schedules that were added at run time are gone."""
    op.execute("DROP VIEW jobqueue.v_schedule_ledger")
    op.execute("DROP TABLE jobqueue.schedule_occurrences")
    op.execute("DROP TABLE jobqueue.schedules")
