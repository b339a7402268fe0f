"""What scripts look like: 80 columns; colour and redrawn lines on a terminal only."""

import os
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from jobqueue.cli import output

WIDTH = 80
BAR = 36
LABEL = 34  # columns right of the bar
INDENT = "  "

BOLD, DIM, GREEN, RED, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
ERASE_LINE = "\r\x1b[K"


class Screen:
    """Prints how a script gets on.

    Args:
        stream: Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = self._terminal and not os.environ.get("NO_COLOR")
        self._began = time.monotonic()
        self._quarter = 0
        fancy = "utf" in (stream.encoding or "").lower()
        self._yes, self._no = ("✓", "✗") if fancy else ("ok", "NO")
        self._full, self._empty = ("━", "─") if fancy else ("#", "-")
        self._cut = "…" if fancy else "..."

    def title(self, text: str, *more: str) -> None:
        """Begin."""
        self._print(self._paint(BOLD, text))
        for line in more:
            self._print(self._paint(DIM, line))
        self._print()

    def heading(self, text: str, *more: str) -> None:
        """Begin a part of the report."""
        self._print()
        self._print(
            "  ".join(
                [INDENT + self._paint(BOLD, text), *(self._paint(DIM, each) for each in more)]
            )
        )

    def done(self, text: str) -> None:
        """Say what has been done, and when that was."""
        seconds = f"{time.monotonic() - self._began:5.1f} s"
        room = WIDTH - len(INDENT) - len(self._yes) - 1 - len(seconds) - 1
        line = f"{self.cut(text, room):<{room}}"
        self._print(f"{INDENT}{self._paint(GREEN, self._yes)} {line} {self._paint(DIM, seconds)}")

    def verdict(self, good: bool, text: str) -> None:
        """Print how a check ended."""
        mark = self._paint(GREEN, self._yes) if good else self._paint(RED, self._no)
        self._print(f"{INDENT}{mark} {text}")

    def line(self, text: str = "") -> None:
        """Print a line of text."""
        self._print(f"{INDENT}{text}".rstrip())

    def last(self, text: str, *, good: bool) -> None:
        """Print the last line, from its first column on: programs read it."""
        self._print()
        self._print(self._paint(BOLD + (GREEN if good else RED), text))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print aligned columns; what is too long is cut."""
        for number, line in enumerate(output.table(headers, rows).splitlines()):
            cut = self.cut(line, WIDTH - 2 * len(INDENT))
            self._print(2 * INDENT + (self._paint(DIM, cut) if number == 0 else cut))

    def progress(self, done: int, total: int, note: str) -> None:
        """Show how far it has got; where no line can be drawn again, at each quarter only."""
        label = f"{done:,} of {total:,}  {note}"
        if self._terminal:
            full = BAR * done // total
            bar = self._paint(GREEN, self._full * full) + self._paint(
                DIM, self._empty * (BAR - full)
            )
            self._write(f"{ERASE_LINE}{INDENT}{bar}  {self.cut(label, LABEL)}")
        elif (quarter := 4 * done // total) > self._quarter:
            self._quarter = quarter
            self._print(f"{INDENT}{100 * done // total:3} %  {label}")

    def end_progress(self) -> None:
        """Take the bar away."""
        if self._terminal:
            self._write(ERASE_LINE)

    def cut(self, text: str, width: int) -> str:
        """Return text that fits; its end goes first."""
        return text if len(text) <= width else text[: width - len(self._cut)] + self._cut

    def _print(self, text: str = "") -> None:
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colour and text.strip() else text
