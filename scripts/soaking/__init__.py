"""The soak: ``scripts/soak`` runs jobs for hours and watches what must not grow.

Two workers (one with a child process), a scheduler that fires and records, and a producer
with a bit of everything: results, failures, retries, delays, locks, progress, unique keys,
cancellations, dead letters. Every few seconds it samples the memory, descriptors and threads of
each process, and what Redis and PostgreSQL hold.

**The verdict.** The first tenth is warm-up. Of what follows, the median of the last third is
compared with that of the first: a measure that went up by more than its allowance, and
goes up within the last third as well, grows. What has to grow with the number of jobs is
divided by it: the history's bytes for each row must stay as they are.
"""
