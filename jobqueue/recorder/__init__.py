"""The recorder: carries finished attempts from Redis to PostgreSQL.

It reads the journals, writes a batch in one transaction, and only then lets Redis
forget it. Dying between the two repeats the batch, which changes nothing: rows are
keyed by execution id. Any number may run; what a dead one held is adopted by another
within 8 s: 5 s of silence, and up to 3 s until the next look.

On a cluster each queue has a recorder of its own in this process, so that a node that is
away keeps no records but those of its own queues.

PostgreSQL away: records wait in Redis and jobs go on, up to the journal's bound. A
wrong schema stops the recorder with one line that says what to run, and nothing
else.
"""
