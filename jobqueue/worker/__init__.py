"""The worker: small components with one duty each, wired by ``worker.py``.

The **fetcher** takes jobs when slots are free and otherwise sleeps in Redis on the
wake token, its next call behind it. The **pool** holds what was taken and its slots.
The **executor** turns a handler's return or exception into an outcome and does no
I/O. The **settler** writes outcomes in batches: while one call is under way the next
outcomes gather.
The **heartbeat** renews leases from a thread of its own, so that a handler that
blocks the event loop does not lose them; those of queues where the worker owns
something, or may, since the answer of a fetch was lost. The **reclaimer** takes back
what dead workers held.

**A worker keeps its id when it finds a lease gone.** DESIGN proposed a new one; but
``reclaim`` takes jobs and removes the lease in one script, the next ``fetch`` starts a
lease of its own, and every late call is stopped by its token. A new id would add
a state and protect nothing.

**Stopping.** The fetcher stops, and what still arrives is handed back unstarted; running
jobs have the grace; what is left is cancelled and handed back, which is the last
write. A thread can't be stopped: its job is handed back, its token is worthless, and
the process ends without it.

Code that holds the GIL longer than a lease loses it: no thread of this process
can renew meanwhile.
"""
