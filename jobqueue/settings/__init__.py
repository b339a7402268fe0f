"""Every setting of jobqueue: its name, its form, its default, and where its value came from.

The fields of :class:`Settings` are the one table; flags, ``JOBQUEUE_*`` variables, keys
of configuration files, ``.env.example`` and the documentation all come from it. A value
is looked up in this order, and the first source that has one wins:

1. an override: a flag of the command line, or an argument of ``JobQueue``;
2. ``JOBQUEUE_<NAME>``, or the file that ``JOBQUEUE_<NAME>_FILE`` names, for secrets;
3. ``REDIS_URL`` and ``DATABASE_URL``;
4. the file of ``--config`` (TOML);
5. ``[tool.jobqueue]`` in the nearest ``pyproject.toml`` that has one, from the
   working folder upwards;
6. the default.

One rule: a source that says nothing, or an empty variable, leaves the value unset until
this merge; no default ever hides a value of a later source. Only the value that wins is
checked, so a flag can repair a wrong variable.
"""

from jobqueue.settings.row import Setting
from jobqueue.settings.sources import load, unknown_variables
from jobqueue.settings.table import SETTINGS, Settings

__all__ = ["SETTINGS", "Setting", "Settings", "load", "unknown_variables"]
