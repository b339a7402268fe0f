"""Jobs, outcomes, retry policies, schedules, errors and codecs.

Nothing here does I/O or reads a clock; time is an argument.
"""
