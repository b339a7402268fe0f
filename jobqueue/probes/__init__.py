"""Says from outside the event loop whether a service lives and does its duty.

**Who answers.** A thread with a small HTTP server of the standard library: an event loop
that a handler blocks can't answer, and that is the very thing to report. What is asked
only reads fields that the loop has written, so an answer waits for nobody.

**What it means.** ``/livez`` fails for what a new process would mend: the event loop is
blocked. ``/readyz`` fails for that and for all else that keeps the service from its duty: it
starts or stops, a server is away, a journal is past its bound. A server that is away is no
reason to restart anybody.

**Several processes.** The supervisor of ``--processes N`` serves for all. Each process
answers on a socket that the supervisor has opened on the loopback interface and handed down;
who asks the supervisor gets what all of them say.
"""
