"""The broker: Redis Streams, and the scripts that move jobs through them.

**States and keys.** A waiting job is one string (``job:<id>``) and one stream
entry; the string names the entry, so an entry that no record names is nothing
and is dropped by whoever reads it. From the first delivery on a small hash
(``state:<id>``) holds what changes. Keys are listed in ``keys.py``.

**Order of writes.** Scripts read first, then write, so that a script which stops
between two writes (one may, in a cluster whose slot is moving) is harmless when it
is repeated. What makes a job ready: the new entry or due time, then the state, then
the record that names the entry; until then nothing has happened, and an entry
without a name is dropped by whoever reads it. The other order could leave a record
whose entry does not exist, which is a lost job. What ends an attempt: the journal,
the next due time, then deletion and acknowledgement of the entry, then the state,
since its token is what lets a call be repeated. The lease comes before everything
that is read under it.

**Calls are numbered.** Every lane of a client or worker numbers its calls for
each queue and repeats a call, with its number, until it is answered.

**When each part dies.** A producer: its call was made whole or not at all. A
worker: its lease runs out and ``reclaim`` puts back what it held. A scheduler:
another promotes; ``promote`` and ``fire`` are atomic. A recorder: its journal
entries stay pending and another takes them. Redis: what its AOF had is there
after the restart; every service repeats what was not answered.

Redis 7.0 or newer, Valkey 7.2 or newer.
"""
