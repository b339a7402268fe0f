"""Indexes in the order of lists: dead letters by the time of failure, occurrences by outcome.

Revision 0005, after 0004. Only indexes change, so code of any older revision goes on. Building
them keeps a recorder that has a dead letter, and nobody else, waiting while PostgreSQL reads the
letters: seconds for a million. The old ones go last, since that lock keeps everybody waiting.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OPEN = "WHERE redriven_at IS NULL AND deleted_at IS NULL"

NEW = {
    "dead_letters_open_failed": "failed_at, execution_id",
    "dead_letters_open_name_failed": "name, failed_at, execution_id",
    "dead_letters_open_queue_failed": "queue, failed_at, execution_id",
    "dead_letters_open_error_failed": "error_fingerprint, failed_at, execution_id",
    "dead_letters_open_type_failed": "error_type, failed_at, execution_id",
}
OLD = {
    "dead_letters_open": "execution_id",
    "dead_letters_open_name": "name, execution_id",
    "dead_letters_open_error": "error_fingerprint, execution_id",
}


def upgrade() -> None:
    """Put five indexes of open letters in the place of three; add one of the ledger."""
    _replace(OLD, NEW)
    op.execute(
        "CREATE INDEX schedule_occurrences_outcome "
        "ON jobqueue.schedule_occurrences (outcome, occurrence)"
    )


def downgrade() -> None:
    """Take them back."""
    op.execute("DROP INDEX jobqueue.schedule_occurrences_outcome")
    _replace(NEW, OLD)


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    for name, columns in new.items():
        op.execute(f"CREATE INDEX {name} ON jobqueue.dead_letters ({columns}) {OPEN}")
    op.execute("DROP INDEX " + ", ".join(f"jobqueue.{name}" for name in old))
