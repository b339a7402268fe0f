"""The command line: parse, call, print.

One file for each command or small group of commands. A command is a function of a
:class:`~jobqueue.cli.context.Cli` and its own parameters, made into one by
:func:`~jobqueue.cli.options.takes`; ``main.py`` lists them.

Rules: results go to stdout, as a table or with ``--json``; everything else goes to
stderr. A command imports Redis, SQL and cron packages inside its function, so that
``jobqueue --help`` answers at once. Exit codes are decided in ``errors.py`` alone.
"""
