"""The screen of ``jobqueue top``; the one place that draws, with the extra ``tui``.

A look at the installation (``looking``) is taken every few seconds and shown whole (``top``):
what a key does is asked for, done by the same calls that programs use, and seen with the
next look. A server that is away is a line on the screen, never its end.
"""
