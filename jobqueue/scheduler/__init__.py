"""The scheduler: makes due jobs ready, fires schedules, keeps the history's partitions.

Any number may run, and there is no leader: ``promote`` and ``fire`` are atomic, so a
second scheduler costs a few idle commands and takes over without a delay when the
first one dies. DESIGN names leadership as a way to save work; measured against the
second or more that an election needs after a death, it was left out.

Schedules come from code and, with a database, from PostgreSQL: ``stored`` looks there every second
and changes the ``timetable`` that the ``firer`` goes by. What became of an occurrence is written by
the script that enqueues its job, and copied to the ledger in PostgreSQL under a key of its own.
"""
