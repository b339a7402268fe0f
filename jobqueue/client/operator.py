"""Who gives a command, for the operator log."""

import getpass
import os
import socket


def whoever() -> str:
    """Return ``user@host`` of this process; the user's number where nobody knows a name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
