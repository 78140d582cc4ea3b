"""What happens to analyses, for those who wait for it: a blackboard, and server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeVar

from unmask.serve.records import Record

T = TypeVar("T")

HEARTBEAT = 15.0
"""Seconds between comments that keep an idle stream open."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is.

    Attributes:
        done: Share of all files, 0..1.
        file: Index of the file that is examined.
        files: How many there are.
    """

    done: float
    file: int
    files: int


class Outcome(NamedTuple):
    """An analysis, and files among its results, `None` for what is not there."""

    record: Record
    files: list[bytes | None]


class Board:
    """How far the running analyses are, and who wants to know; for the event loop's thread only."""

    def __init__(self) -> None:
        self._progress: dict[str, Progress] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._waiting: dict[str, set[asyncio.Future[Outcome | None]]] = {}

    def tell(self, id: str, progress: Progress) -> None:
        """Note how far an analysis is."""
        self._progress[id] = progress
        self._wake(id)

    def changed(self, id: str) -> None:
        """Say that an analysis has another state."""
        self._progress.pop(id, None)
        self._wake(id)

    def over(self, id: str, outcome: Outcome | None = None) -> None:
        """Say that an analysis has ended, and how, or that it is no more."""
        self.changed(id)
        for done in self._waiting.get(id, ()):
            if not done.done():
                done.set_result(outcome)

    def progress(self, record: Record) -> Progress:
        """How far an analysis is."""
        files = len(record.files)
        if record.state == "done":
            return Progress(1.0, files - 1, files)
        return self._progress.get(record.id, Progress(0.0, 0, files))

    def watching(self, id: str) -> AbstractContextManager[asyncio.Event]:
        """An event that is set whenever something happens to an analysis."""
        return _listed(self._watchers, id, asyncio.Event())

    def waiting(self, id: str) -> AbstractContextManager[asyncio.Future[Outcome | None]]:
        """What will be told of an analysis when it ends."""
        return _listed(self._waiting, id, asyncio.get_running_loop().create_future())

    def awaited(self, id: str) -> bool:
        """Whether somebody waits for the end of an analysis."""
        return id in self._waiting

    def _wake(self, id: str) -> None:
        for news in self._watchers.get(id, ()):
            news.set()


@contextmanager
def _listed(lists: dict[str, set[T]], id: str, made: T) -> Iterator[T]:
    """In the list of an id for as long as the context lasts."""
    lists.setdefault(id, set()).add(made)
    try:
        yield made
    finally:
        lists[id].discard(made)
        if not lists[id]:
            del lists[id]


Fetch = Callable[[], Awaitable[Record | None]]


async def ended(board: Board, record: Record, patience: float) -> Outcome | None:
    """Return once an analysis has ended or is no more, or when patience is over.

    Args:
        board: Where its end will be noted.
        record: As the store told since the event loop last ran anything else: an end that came
            before this call would not be heard of.
        patience: Seconds.

    Returns:
        How it ended, if it did in the meantime and that was told.
    """
    if record.ended:
        return None
    with board.waiting(record.id) as over, suppress(TimeoutError):
        return await asyncio.wait_for(over, patience)
    return None


async def stream(board: Board, id: str, fetch: Fetch) -> AsyncIterator[str]:
    """The analysis' events as text: the present state at once, every change, and the end."""
    told = None
    with board.watching(id) as news:
        while True:
            news.clear()
            found = await fetch()
            now = _state(board, found)
            if now != told:
                yield _event("progress", now)
                told = now
            if found is None or found.ended:
                yield _event("end", now)
                return
            if not await _within(news, HEARTBEAT):
                yield ": still here\n\n"


def _state(board: Board, record: Record | None) -> dict[str, Any]:
    """The data of an event."""
    if record is None:
        return {"state": "erased", "progress": None}
    return {"state": record.state, "progress": asdict(board.progress(record))}


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


async def _within(news: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    return True
