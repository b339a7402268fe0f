"""Helpers that tests import; fixtures are in ``tests/conftest.py``."""

from tests.support.ports import free_port
from tests.support.waiting import wait_until, wait_until_sync

__all__ = ["free_port", "wait_until", "wait_until_sync"]
