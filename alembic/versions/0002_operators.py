"""What operators did, and fingerprints of errors.

Revision 0002, after 0001. It only adds: an older version of the package leaves NULL where it
knows no better. No row is rewritten, however large the tables are.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LOG = """
CREATE TABLE jobqueue.operator_log (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    operator text NOT NULL,
    action text NOT NULL,
    queue text,
    job_id text,
    filter jsonb,
    reason text,
    details jsonb
);

CREATE INDEX operator_log_at ON jobqueue.operator_log (at);

CREATE FUNCTION jobqueue.operator_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'jobqueue.operator_log takes new rows only';
END $$;

CREATE TRIGGER operator_log_append_only BEFORE UPDATE ON jobqueue.operator_log
    FOR EACH STATEMENT EXECUTE FUNCTION jobqueue.operator_log_refuse();
"""

FINGERPRINTS = """
ALTER TABLE jobqueue.job_executions ADD COLUMN error_fingerprint text;
ALTER TABLE jobqueue.dead_letters
    ADD COLUMN error_fingerprint text,
    ADD COLUMN closed_by uuid;

CREATE INDEX dead_letters_open_error ON jobqueue.dead_letters (error_fingerprint, execution_id)
    WHERE redriven_at IS NULL AND deleted_at IS NULL;
CREATE INDEX dead_letters_closed_by ON jobqueue.dead_letters (closed_by)
    WHERE closed_by IS NOT NULL;
"""


def upgrade() -> None:
    """Add a table, its guard and three columns."""
    op.execute(LOG)
    op.execute(FINGERPRINTS)


def downgrade() -> None:
    """Drop what was added."""
    op.execute("ALTER TABLE jobqueue.dead_letters DROP COLUMN closed_by")
    op.execute("ALTER TABLE jobqueue.dead_letters DROP COLUMN error_fingerprint")
    op.execute("ALTER TABLE jobqueue.job_executions DROP COLUMN error_fingerprint")
    op.execute("DROP TABLE jobqueue.operator_log")
    op.execute("DROP FUNCTION jobqueue.operator_log_refuse()")
