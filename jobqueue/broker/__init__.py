"""The broker: Redis Streams, and the scripts that move jobs through them.

**States and keys.** A waiting job is one string (``job:<id>``) and one stream
entry; the string names the entry, so an entry that no record names is nothing
and is dropped by whoever reads it. A running job has left its stream and stands in
the hash of its worker (``running:<worker>``), with the token of this delivery and the
entry that it came from. A job that did nothing but succeed stands in ``succeeded`` until
it is recorded. Whatever else is to be known of a job (retries, limits that it occupies,
who waits for it, its result) is in a small hash of its own (``state:<id>``), which plain
jobs rarely have: those that do stand in ``noted``, so that a finish need not look. Keys are
listed in ``keys.py``.

**Why no consumer group.** A group's list of pending entries says who has what, and
nothing of the delivery: the token needs a key of its own, so everything was kept
twice, and reading, acknowledging and deleting an entry took half of Redis' time for a
job. One hash for each worker holds both, is written once for a whole fetch, and read once
for a whole finish; cutting off the head of a stream is much cheaper than deleting its
entries one by one.

**Order of writes.** Scripts read first, then write, so that a script which stops
between two writes (one may, in a cluster whose slot is moving) is harmless when it
is repeated. What makes a job ready: the new entry or due time, then the state, then
the record that names the entry; until then nothing has happened, and an entry
without a name is dropped by whoever reads it. The other order could leave a record
whose entry does not exist, which is a lost job. What makes a job run: its line in the
worker's hash, then its entry goes; ``taking`` marks the time between. What ends an
attempt: the journal, the next due time, the keys, the state, and the worker's line comes
last, since its token is what lets a call be repeated. The lease comes before
everything that is read under it.

**Pauses** are limits of none among the rules of a queue (``pause.lua``): every fetch reads the
rules anyhow, so a pause costs nothing where there is none, holds from the next fetch on, and
holds for workers of an older version too. Why, and since when, stands with it.

**Calls are numbered.** Every lane of a client or worker numbers its calls for
each queue and repeats a call, with its number, until it is answered.

**When each part dies.** A producer: its call was made whole or not at all. A
worker: its lease runs out and ``reclaim`` puts back what it held. A scheduler:
another promotes; ``promote`` and ``fire`` are atomic. A recorder: its journal
entries stay pending and another takes them. Redis: what its AOF had is there
after the restart; every service repeats what was not answered.

Redis 7.0 or newer, Valkey 7.2 or newer.
"""
