"""Runs peers beside ours, in rounds, on the same servers; rules in ``scripts.peers``.

``catalogue`` reads what the files of the peers say, ``environments`` installs them, ``servers``
has the Redis and the PostgreSQL, ``processes`` starts producers and workers, ``measures`` does
the measuring of one peer in one round, and ``comparison`` all of it.
"""
