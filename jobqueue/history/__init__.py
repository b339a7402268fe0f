"""History: what every delivery came to, in PostgreSQL, where SQL can ask about it.

The only package that imports SQLAlchemy, psycopg and Alembic. Two readers of Redis' journal
may write the same record twice, and any step here may die at any point, so:

- The key of ``job_executions`` is the execution's id, minted once for each delivery.
- A batch is one transaction: a binary ``COPY`` straight into ``job_executions``, then the
  dead letters among its rows. A row that is there already makes PostgreSQL refuse the
  whole ``COPY`` (23505); the writer then leaves out what it finds and repeats. So whatever a
  transaction commits it really inserted, and a dead letter that was redriven or deleted
  never comes back. Dying before the commit leaves nothing; dying after it makes the next
  reader find the rows.
- ``COPY`` to a temporary table and ``INSERT … ON CONFLICT DO NOTHING`` was measured beside it
  (3 more indexes than the key, batches of 1,000): 18 µs of server CPU a row against 12,
  37,000 against 58,000 rows a second. It also needs a session of its own, which
  poolers that share sessions do not give. Repeats are rare: a recorder has died.
- Rows of a batch are written in the order of their ids, so two writers with the same rows
  wait for each other in one direction only and cannot deadlock.
- Partitions are months of ids (uuid7). The scheduler makes them ahead of time; a writer that
  finds one missing (23514) makes it and repeats.
- A batch that PostgreSQL refuses for its data is cut in halves until the bad record is
  alone; that one becomes a row without its data, and the caller keeps the raw record.
"""
