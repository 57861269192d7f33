"""Progress of a stage: a bar with rate and remaining time on a terminal, a line every ten seconds elsewhere."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from spinlock.cli.options import output_form
from spinlock.pipeline.progress import Progress, silent

SECONDS_BETWEEN_LINES = 10.0
WHOLE = 10_000
"""Steps of a bar."""


@contextmanager
def progress() -> Iterator[Progress]:
    """A listener for the running command: silent when quiet, a bar on a terminal, lines elsewhere."""
    if output_form().verbosity < 0:
        yield silent
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        with _bars() as listener:
            yield listener
    else:
        yield Lines()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich import progress as bars
    from rich.console import Console
    from rich.text import Text

    class Rate(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            elapsed, before = task.elapsed or 0.0, task.fields["before"]
            return Text(f"{(task.fields['done'] - before) / elapsed:.3g}/s" if elapsed else "")

    class Parts(bars.ProgressColumn):
        def render(self, task: bars.Task) -> Text:
            return Text(f"{task.fields['done']}/{task.fields['parts']}")

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        Parts(),
        Rate(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("left"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True)) as display:
        tasks: dict[str, bars.TaskID] = {}

        def listen(stage: str, done: int, total: int, share: float | None = None) -> None:
            completed = round(WHOLE * (done / max(total, 1) if share is None else share))
            if stage not in tasks:
                tasks[stage] = display.add_task(
                    stage, total=WHOLE, completed=completed, done=done, parts=total, before=done
                )
            display.update(tasks[stage], completed=completed, done=done, parts=total)

        yield listen


@dataclass(kw_only=True, slots=True)
class Lines:
    """Progress as lines on standard error: when a stage starts to take time, every ten seconds, and when it ends."""

    _stage: str = ""
    _first: int = 0
    _first_share: float = 0.0
    _started: float = 0.0
    _said: float = 0.0
    _ended: set[str] = field(default_factory=set)

    def __call__(self, stage: str, done: int, total: int, share: float | None = None) -> None:
        """Take note of how far a stage is, and say so now and then."""
        now = time.monotonic()
        share = done / max(total, 1) if share is None else share
        if stage != self._stage:
            self._stage, self._first, self._first_share, self._started, self._said = stage, done, share, now, now
        if done >= total and stage not in self._ended:
            self._ended.add(stage)
            click.echo(f"{stage}: {total} of {total} in {duration(now - self._started)}", err=True)
        elif done < total and now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            # What was complete before this run says nothing about its speed.
            rate = (done - self._first) / (now - self._started)
            speed = (share - self._first_share) / (now - self._started)
            left = f", {rate:.3g}/s, {duration((1 - share) / speed)} left" if speed > 0 else ""
            click.echo(f"{stage}: {done} of {total} ({share:.0%}){left}", err=True)


def duration(seconds: float) -> str:
    """Seconds in words: `8.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
