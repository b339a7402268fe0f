"""Other queues beside ours, in the same run: ``scripts/bench --peers celery,rq``.

One file for each peer: the constants at its top say what to install and with which settings,
and its class how jobs are enqueued and how its worker runs. These files, ``base``, ``tally``
and ``child`` run in the peer's own virtual environment and need nothing but Python there; the
``harness`` runs in ours, and reads the constants without importing the file.

Rules of a fair comparison:

- All use the same servers, one after the other, interleaved in rounds: Redis by TCP on
  loopback with AOF ``everysec``; PostgreSQL by its socket with ``synchronous_commit=off``,
  which promises as much.
- Each has the settings that its own documentation calls fast, one worker process, no results
  where they can be left out, and uvloop and hiredis where it takes them.
- Handlers count themselves in shared memory (``tally``), so "drained" means the same for all:
  from the first handler's start to the last one's. CPU is that of the worker's process tree
  and of the server's between the first handlers that we see and the last one.
- The best peer of a measure is the one with the best median; our ratio to it is made in each
  round, and the median of these is held against the goal (``comparison.GOALS``).
- A drain counts only if every job has run, and each once. A peer that can't be installed, or
  does not run, is a line of the report with its reason.
"""
