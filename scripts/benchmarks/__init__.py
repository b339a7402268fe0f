"""Measures the library beside the bare limit of Redis Streams. Started by ``scripts/bench``.

One file for each family of figures: it says which figures it has and how they are measured.

- The usual ones: ``bare``, ``enqueue``, ``drain``, ``restrained``, ``recording``, ``latency``,
  ``memory``, ``footprint``, ``idle``, ``startup``.
- Those that take long (``--scale``): ``drain.SUSTAINED``, ``backlog``, ``promotion``,
  ``idle.MANY_QUEUES``; ``cookbook`` (``--history``); ``growth`` with ``overtaking``
  (``--growth``); ``nodes`` (``--nodes``) with ``arithmetic`` for 10⁶ jobs a second.
- Where the time of one job goes (``--profile``): ``profile`` and ``sampling``, printed by
  ``profiled``. Other queues beside ours (``--peers``) are in ``scripts.peers``.

The rest is shared: servers of our own (``stage``, ``cluster``), processes under measurement
(``processes`` starts them, ``child`` runs in them, with the jobs of ``workload``), one drain
(``draining``), ``waiting``, what was spent (``usage``), rounds and medians (``rounds``,
``figures``) and the machine (``machine``). A run becomes a ``report``, which ``--json`` keeps and
``--from`` reads again; it is ``shown`` as tables (``text``), held against the goals (``reach``)
and an earlier run (``comparing``), drawn (``charts``) and written into README (``markdown``).

Rules of a fair figure:

- Rounds are interleaved: each round measures every family once, the bare loop included, so
  that a slow minute of the machine falls on both sides of a ratio. Ratios are made in a
  round, then their median is taken.
- A figure counts only if its accounting is right: as many jobs were stored, handlers run,
  outcomes settled and rows written as were sent. Else it is reported as failed.
- The library runs on its defaults, and on no setting of the user's environment.
- A goal that is missed fails nothing: speed belongs to the machine, and is read by people.
"""
