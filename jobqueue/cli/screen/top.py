"""The screen itself: three tables, and what the keys do."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Static
from textual.worker import Worker

from jobqueue.app import JobQueue
from jobqueue.cli.output import cell
from jobqueue.cli.screen import looking
from jobqueue.cli.screen.looking import Look, look
from jobqueue.cli.screen.parts import Grid, Question
from jobqueue.domain.errors import JobQueueError
from jobqueue.domain.pauses import pause_of_worker
from jobqueue.domain.views import DeadLetter, FoundJob

REASON = "jobqueue top"  # for the operator log


class Top(App[None]):
    """Shows an installation again and again.

    Args:
        app: The installation's.
        every: Seconds between two looks.
    """

    TITLE = "jobqueue top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: 1; text-style: bold; }
    Grid { border: round $primary; height: 1fr; }
    #jobs { height: 2fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "pause or resume"),
        Binding("c", "cancel", "cancel job"),
        Binding("r", "retry", "retry job"),
        Binding("d", "dead", "dead or live jobs"),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, app: JobQueue, every: float) -> None:
        super().__init__()
        self._queue: str | None = None
        self._dead = False
        self._installation = app
        self._every = every
        self._look: Worker[None] | None = None  # the latest
        self.found = Look()

    def compose(self) -> ComposeResult:
        """Make the tables."""
        yield Static("looking", id="head", markup=False)
        yield Grid("queues", looking.QUEUES)
        yield Grid("workers", looking.WORKERS)
        yield Grid("jobs", looking.JOBS)
        yield Footer()

    def on_mount(self) -> None:
        """Look now, and then again and again."""
        self.refresh_look()
        self.set_interval(self._every, self._tick)

    def _tick(self) -> None:
        """Look again, unless a look is still under way: a slow one would never come to its end."""
        if self._look is None or self._look.is_finished:
            self.refresh_look()

    def refresh_look(self) -> None:
        """Look now; a look that is still under way gives way."""
        self._look = self._refresh()

    @work(exclusive=True, group="look")
    async def _refresh(self) -> None:
        queue, dead = self._queue, self._dead
        found = await look(self._installation, queue, dead=dead)
        self.found = found
        self.query_one("#head", Static).update(cell(looking.headline(found)))
        if found.problem and not found.queues:
            return  # what was seen last stays
        self._grid("queues").show(looking.queue_rows(found))
        self._grid("workers").show(looking.worker_rows(found))
        jobs = self._grid("jobs")
        jobs.show(looking.job_rows(found))
        of = queue or self._grid("queues").chosen or ""
        jobs.border_title = f"{'dead' if dead else 'live'} jobs of {of}" if of else "jobs"

    def _grid(self, name: str) -> Grid:
        return self.query_one(f"#{name}", Grid)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the jobs of the queue under the cursor."""
        chosen = event.row_key.value
        # Filling a table passes over its first row: only where the cursor has come to rest counts.
        if chosen == self._grid("queues").chosen != self._queue and event.data_table.id == "queues":
            self._queue = chosen
            self.refresh_look()

    def action_dead(self) -> None:
        """Show dead letters instead of the jobs that live, or these again."""
        self._dead = not self._dead
        self.refresh_look()

    def action_pause(self) -> None:
        """Pause or resume the queue or the worker under the cursor."""
        focused = self.focused
        name = focused.chosen if isinstance(focused, Grid) else None
        if not isinstance(focused, Grid) or name is None or focused.id == "jobs":
            self.notify("move to a queue or a worker first")
        elif focused.id == "queues":
            paused = any(each.queue == name for each in self.found.pauses)
            app = self._installation
            self._ask(
                f"{'Resume' if paused else 'Pause'} queue {name}?",
                lambda: (app.resume if paused else app.pause)(name, reason=REASON),
            )
        else:
            self._pause_worker(name)

    def _pause_worker(self, name: str) -> None:
        said = next(each for each in self.found.workers if each["id"] == name)
        paused, app = pause_of_worker(said) is not None, self._installation
        self._ask(
            f"{'Resume' if paused else 'Pause'} worker {name}?",
            lambda: (app.resume_worker if paused else app.pause_worker)(name, reason=REASON),
        )

    def action_cancel(self) -> None:
        """Cancel the job under the cursor."""
        job = self._job()
        if isinstance(job, FoundJob):
            app, queue = self._installation, job.queue
            self._ask(
                f"Cancel job {job.id} ({job.name}, {job.state})?",
                lambda: app.cancel(job.id, queue=queue, reason=REASON),
            )
        elif job is not None:
            self.notify("it is dead already; r puts it back")

    def action_retry(self) -> None:
        """Put a dead job back, or let one that waits for a time run now."""
        job, app = self._job(), self._installation
        if isinstance(job, DeadLetter):
            letter = job.execution_id
            self._ask(
                f"Put dead job {job.job_id} ({job.name}) back?",
                lambda: app.retry_dead_letters([letter], reason=REASON),
            )
        elif isinstance(job, FoundJob):
            queue = job.queue
            self._ask(
                f"Run job {job.id} ({job.name}, {job.state}) now?",
                lambda: app.run_now(job.id, queue=queue, reason=REASON),
            )

    def _job(self) -> FoundJob | DeadLetter | None:
        chosen = self._grid("jobs").chosen
        for each in self.found.jobs:
            if chosen == (each.execution_id if isinstance(each, DeadLetter) else each.id):
                return each
        self.notify("there is no job under the cursor")
        return None

    @work(group="act")
    async def _ask(self, question: str, act: Callable[[], Awaitable[Any]]) -> None:
        """Ask, and do it if the answer is yes; what went wrong is shown."""
        if not await self.push_screen_wait(Question(question)):
            return
        try:
            await act()
        except JobQueueError as error:
            self.notify(cell(str(error)), severity="error", markup=False)
        else:
            self.notify("done")
        self.refresh_look()
