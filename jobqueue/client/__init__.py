"""The producer's side: build a job, send it, wait for what it came to.

Concurrent enqueues of one event loop share a round trip: while one call is under
way the next jobs gather. A call is repeated, with its number, until it is
answered or the time is over; a repeated number never makes a second job.
"""
