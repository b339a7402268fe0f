"""The parts of the screen: tables that keep their place, and a question."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from jobqueue.cli.output import cell


class Grid(DataTable[Text]):
    """A table whose cursor stays on the same thing while rows come and go.

    Args:
        name: What it shows; its id too.
        headers: Above its columns.
    """

    def __init__(self, name: str, headers: Sequence[str]) -> None:
        super().__init__(id=name, cursor_type="row")
        self.border_title = name
        self._headers = headers

    def on_mount(self) -> None:
        """Make the columns."""
        self.add_columns(*self._headers)

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor; None in an empty table."""
        if not self.row_count:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def show(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Show these rows; the cursor stays on the same thing, else in the same line."""
        key, line = self.chosen, self.cursor_row
        self.clear()
        for each, values in rows.items():
            self.add_row(*map(_text, values), key=each)
        if rows:
            keys = list(rows)
            line = keys.index(key) if key in rows and key else min(line, len(rows) - 1)
            self.move_cursor(row=line, animate=False)


def _text(value: Any) -> Text:
    # Never as markup: a name may hold anything.
    return Text(cell(value), justify="right" if isinstance(value, int) else "left")


class Question(ModalScreen[bool]):
    """Asks before something is done.

    Args:
        text: The question.
    """

    CSS = """
    Question { align: center middle; }
    Question Static { width: auto; max-width: 90%; padding: 1 2; border: solid; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,enter,q", "answer(False)", "no"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Show the question."""
        yield Static(f"{cell(self._text)} [y/N]", markup=False)

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)
