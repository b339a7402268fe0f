"""A real Valkey and a real PostgreSQL out of wheels: for ``jobqueue dev``, the demo and the tests.

Owns the servers that we start ourselves; no other module starts one, and nothing
here is used when a URL is given.

How a server lives and dies:

- **Home.** ``Server(folder)`` keeps everything in ``folder/<kind>/``: ``data``, the
  log, the lock, the socket. Its path is the only address; nothing listens on TCP
  unless a test asks for it. A path too long for a Unix socket (104 bytes on
  macOS) is replaced by a short temporary folder.
- **Guard.** Between us and the server stands a small process, ``guard.py``. It
  holds one end of a pipe; when we die, however we die, the pipe closes and the
  guard stops the server in order and removes what was temporary. The server in
  turn gets a signal when its guard is killed (Linux). A death signal alone would
  not do: Linux sends it when the *thread* that started the child ends.
- **Lock.** ``flock`` on ``lock``, inherited by guard, server and the server's own
  children. Who holds it knows that no process of an earlier run is left, so what
  such a run left behind (``postmaster.pid``, a socket) is stale and is removed,
  even when its pid has been given to another process since.
- **Root.** PostgreSQL refuses to run as root. Then it runs as uid 65534, or as the
  owner of its data, from a copy of the wheel's programs that this user can read,
  and is led to its data by its working folder: folders above may stay closed.
  Only folders made here get another owner or mode; no user is added.
"""

from jobqueue.embedded.postgres import PostgresServer
from jobqueue.embedded.server import Server
from jobqueue.embedded.valkey import ValkeyServer

__all__ = ["PostgresServer", "Server", "ValkeyServer"]
