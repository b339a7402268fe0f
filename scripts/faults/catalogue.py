"""Every fault: importing this fills the list."""

from scripts.faults import brokers, freezing, histories, killing, lines, versions
from scripts.faults.registry import FAULTS

__all__ = ["FAULTS", "brokers", "freezing", "histories", "killing", "lines", "versions"]
