"""Moved to ``presence``; goes when ``worker/worker.py`` imports it from there."""

from jobqueue.broker.presence import service_id

__all__ = ["service_id"]
