"""The demo: the main job of jobqueue on real input, on servers of its own.

One job for each Python file of the standard library; ``jobs.py`` is all the code that a
user would write. The jobs are accepted before any worker runs. Two workers then take them
by priority; when half is done one of them gets ``kill -9``, and what it held is
recovered by the other. Files that can't be parsed are retried and become dead letters.

One rule: what the report says comes from PostgreSQL alone (``questions.py``), and what
the checks compare it with was counted without it (``checks.py``).

Servers and services live behind guards: however the demo ends, so do they.
"""
