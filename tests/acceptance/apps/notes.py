"""What handlers leave behind for the test: one line of JSON for each thing they did."""

import json
import os
import time

from jobqueue import current_job


def note(what: str, **more: object) -> None:
    """Append a line; short ones are written whole, whoever else writes."""
    job = current_job()
    about = {"what": what, "job": job.id, "name": job.name, "attempt": job.attempt}
    line = json.dumps(about | {"at": time.time(), "pid": os.getpid()} | more) + "\n"
    file = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
