"""Progress on stderr: a bar for a person, nothing for a pipe, one closing line for both."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def followed(items: Iterable[T], count: Callable[[], int | None], unit: str) -> Iterator[T]:
    """The same items, while stderr tells how many are done, at which rate and for how long yet.

    Args:
        items: Whatever the command works through.
        count: Gives how many there will be, or `None`; asked only when somebody watches.
        unit: What one of them is called in the closing line.

    Yields:
        Each item, unchanged.
    """
    start, done = time.monotonic(), 0
    for item in _bar(items, count()) if sys.stderr.isatty() else items:
        done += 1
        yield item
    seconds = max(time.monotonic() - start, 1e-9)
    print(f"{done} {unit} in {seconds:.1f} s ({done / seconds:.1f}/s)", file=sys.stderr)


def _bar(items: Iterable[T], total: int | None) -> Iterator[T]:
    """The items under a bar; rich is imported here, where it is sure to be needed."""
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        """Items a second, once that is known."""

        def render(self, task: progress.Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    columns = (
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        Rate(),
        progress.TimeRemainingColumn(),
    )
    # Lines for stdout are drawn above the bar, but only if they go to the same terminal.
    shown = progress.Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    with shown:
        yield from shown.track(items, total=total)
