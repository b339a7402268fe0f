"""The fault suite: a whole system under load, faults at repeatable times, and what must hold.

**The system.** Real processes of the command line, each behind a guard that ends it when we
die: four workers, two schedulers with recorders, a lone recorder, and a producer that
writes down, durably, what it tried and what it was told: the truth of what was accepted. Redis
(AOF) and PostgreSQL are our own, and services reach them only through TCP proxies. What
handlers do to the world is a fenced counter in a database of the application's own, which no
fault touches: PostgreSQL being away must not stop a job.

**Leases** are 3 s instead of 15, so that runs are short; all else is as users have it.

**Loss.** Redis runs with ``appendfsync always``, so that whatever is lost is our fault. With
``--appendfsync everysec`` a killed server may lose what it had not handed to the system: it
answers before it writes while an earlier fsync is under way.

**Clocks.** History is by the clock of Redis, notes by the monotonic clock of this machine. Oracles
compare only what comes from one clock.

**Second deliveries** are rows ``lost`` or ``released``, and deliveries without a row. Each must be
explained by a fault: by the process that it hit where it hit one, and by its time.

**Repeating.** The seed gives the jobs, the faults, their times and their targets. How
processes interleave is up to the machine, so a repeated run may differ in that. A worker is
killed or stopped as soon as it holds a job; where it gets none within two leases, another one
that holds a job takes its place, and where none does, the report says so.
"""
