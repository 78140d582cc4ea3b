"""The crew: keeps worker processes alive, hands them the queue, and loses nothing of it.

At rest one worker with loaded models waits; more are started while analyses wait, and leave when
nothing was asked of them for a while. All of this runs in the event loop's thread; the store is
asked through its clerk.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from unmask.serve.clerk import Clerk
from unmask.serve.events import Board, Outcome, Progress
from unmask.serve.folder import PICTURES, REPORT, Folder
from unmask.serve.hand import Hand, Message, Task, spawn
from unmask.serve.metrics import Tally
from unmask.serve.records import Record
from unmask.serve.settings import Settings
from unmask.serve.store import Store

P = ParamSpec("P")
T = TypeVar("T")

IDLE = 30.0
"""Seconds after which a worker that is not the last one is let go."""

AT_ONCE = 50
"""Expired analyses that are erased between two looks at the queue."""

LOADING = 120.0
"""Seconds that a worker may take to load its models."""

TICK = 1.0
"""Seconds between two looks at what time alone brings about."""

SLOWEST_START = 30.0
"""Longest pause, seconds, before another try with workers that die while they load."""


class Crew:
    """The worker processes of a running server.

    Args:
        settings: Of the server.
        folder: The data folder.
        store: The queue.
        clerk: Through whom the store is asked.
        board: Where progress is noted.
        tally: Where is counted what happened.

    Attributes:
        manned: Set when the first worker is ready.
        waiting: About how many analyses wait.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Folder,
        store: Store,
        clerk: Clerk,
        board: Board,
        tally: Tally,
    ) -> None:
        self._settings, self._folder = settings, folder
        self._store, self._clerk = store, clerk
        self._board, self._tally = board, tally
        self._hands: set[Hand] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._stillborn, self._not_before = 0, 0.0
        self._stopped = False
        self.manned = asyncio.Event()
        self.waiting = 0

    @property
    def ready(self) -> bool:
        """Whether some worker has its models loaded."""
        return any(hand.ready for hand in self._hands)

    @property
    def pids(self) -> list[int]:
        """The numbers of the worker processes."""
        return [hand.pid for hand in self._hands]

    def start(self, first: subprocess.Popen[bytes] | None = None) -> None:
        """Begin; `first` is a worker process that was started already."""
        self._employ(first or spawn())
        self._spawn(self._run())

    async def stop(self) -> None:
        """End all workers and put back into the queue what they were at."""
        self._stopped = True
        for hand in list(self._hands):
            self._end(hand, "stopped")
        await asyncio.gather(*(hand.gone.wait() for hand in list(self._hands)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look(self) -> None:
        """There may be something to do."""
        self._news.set()

    def entered(self) -> None:
        """There is another analysis, which waits if nobody is free."""
        self.waiting += not any(hand.free for hand in self._hands)
        self.look()

    async def erase(self, id: str) -> bool:
        """Remove an analysis, whatever state it is in; returns once nothing of it is left."""
        async with self._turn:  # so that nobody claims it meanwhile
            held = [(hand, task) for hand in self._hands for task in hand.tasks if task.id == id]
            for hand, task in held:
                self._end(hand, "erased", task)
                await hand.gone.wait()
            there = await self._clerk(self._store.erase, id)
            await asyncio.to_thread(self._folder.erase, id)
        self._board.over(id)
        return there

    async def _run(self) -> None:
        swept = 0.0
        while not self._stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._hand_out()
                self._end_late_ones()
                self._fit_size()
                if time.monotonic() - swept >= TICK:
                    await self._sweep()
                    swept = time.monotonic()
            except Exception:  # whatever it was, the others' analyses must go on
                logging.getLogger("unmask").exception("the crew goes on after a failure")

    async def _hand_out(self) -> None:
        """Give every free worker something to do, as long as there is something."""
        free = [hand for hand in self._hands if hand.free]
        for hand in sorted(free, key=lambda hand: len(hand.tasks)):
            async with self._turn:
                record, self.waiting = await self._clerk(self._claim)
                if record is None:
                    return
                if not await self._taken(hand, record):
                    continue
            self._board.changed(record.id)
            await hand.send(self._job(record))

    def _claim(self) -> tuple[Record | None, int]:
        """The next analysis and how many wait behind it; runs in the clerk's thread."""
        return self._store.claim(secrets.token_hex(16)), self._store.waiting()

    async def _taken(self, hand: Hand, record: Record) -> bool:
        """Give a worker what was claimed for it, unless it died meanwhile."""
        lease = str(record.lease)
        if hand.free:
            hand.tasks.append(Task(record.id, lease, len(record.files)))
            return True
        await self._insist(self._store.release, record.id, lease, lost=False)
        return False

    def _job(self, record: Record) -> Message:
        home = self._folder.analysis(record.id)
        return {
            "files": [
                (str(home / str(place)), file["name"]) for place, file in enumerate(record.files)
            ],
            "options": record.options,
            "limits": limits(self._settings),
            "models": record.models,
            "out": str(self._folder.results(record.id, str(record.lease))),
        }

    def _fit_size(self) -> None:
        """Start a worker where one is missed, let go one that has nothing to do."""
        if self._stopped:  # while the queue was looked at
            return
        now = time.monotonic()
        loading = any(not hand.ready for hand in self._hands)
        wanted = not self._hands or (self.waiting and not loading)
        if wanted and len(self._hands) < self._settings.workers and now >= self._not_before:
            self._employ(spawn())
        idle = [hand for hand in self._hands if hand.idle and now - hand.idle_since > IDLE]
        if idle and len(self._hands) > 1 and not self.waiting:
            idle[0].dismiss()

    def _end_late_ones(self) -> None:
        now = time.monotonic()
        for hand in self._hands:
            late = hand.task and now - hand.task.since > self._settings.bounds.patience
            stuck = not hand.ready and now - hand.started > LOADING
            if late or stuck:
                self._end(hand, "timeout", hand.task)

    async def _sweep(self) -> None:
        self.waiting = await self._clerk(self._store.waiting)
        for id in await self._clerk(self._store.expired, time.time(), AT_ONCE):
            await self.erase(id)

    def _employ(self, process: subprocess.Popen[bytes]) -> None:
        hand = Hand(process)
        self._hands.add(hand)
        self._spawn(self._attend(hand))

    async def _attend(self, hand: Hand) -> None:
        """Listen to a worker for as long as it lives."""
        try:
            async for message in hand.messages():
                try:
                    await self._hear(hand, message)
                except Exception:  # it may talk nonsense: a stranger's file may have taken it over
                    logging.getLogger("unmask").exception("a worker is ended for what it said")
                    hand.kill()
            await self._bury(hand)
        finally:
            self._hands.discard(hand)
            hand.gone.set()
            self.look()

    async def _hear(self, hand: Hand, message: Message) -> None:
        task = hand.task
        if "ready" in message:
            hand.ready, self._stillborn = True, 0
            hand.idle_since = time.monotonic()
            self.manned.set()
        elif task is None or task.why:
            return
        elif "progress" in message:
            file, share = message["progress"]
            done = (file + share) / task.files
            self._board.tell(task.id, Progress(round(done, 4), file, task.files))
            return
        elif "writing" in message:
            hand.writing = True
        else:
            await self._conclude(task, message)
            hand.done()
        self.look()

    async def _conclude(self, task: Task, message: Message) -> None:
        """Record how a task ended, and remove what was uploaded for it."""
        names = (REPORT, PICTURES) if self._board.awaited(task.id) else ()
        done = "done" in message
        record = self._store.finish if done else self._store.fail
        told = message["done" if done else "failed"]
        outcome = await self._insist(self._ended, record, task, told, names)
        if outcome:
            self._tally.ended(time.monotonic() - task.since)
            self._board.over(task.id, outcome if names else None)

    def _ended(
        self,
        record: Callable[..., Record | None],
        task: Task,
        told: dict[str, Any],
        names: Sequence[str],
    ) -> Outcome | None:
        """Record an end, remove what was uploaded, read what is waited for.

        Runs in the clerk's thread.
        """
        now = record(task.id, task.lease, **told)
        if now is None:
            return None
        try:
            self._folder.forget_files(task.id)
        except OSError:  # the end counts none the less; the next start tidies up
            logging.getLogger("unmask").exception("an upload could not be removed")
        return Outcome(now, self._folder.of(now, *names))

    async def _insist(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the store until it could do it: a full disk must not lose the end of an analysis."""
        while True:
            try:
                return await self._clerk(work, *args, **kwargs)
            except sqlite3.Error:
                if self._stopped:
                    raise
                logging.getLogger("unmask").exception("the store failed; another try follows")
                await asyncio.sleep(TICK)

    def _end(self, hand: Hand, why: str, task: Task | None = None) -> None:
        """End a worker's process for a reason that one of its tasks gave, if any did."""
        for each in hand.tasks:
            each.why = each.why or (why if each is task else "stopped")
        hand.kill()

    async def _bury(self, hand: Hand) -> None:
        """Clear away what a worker left that is no more."""
        if not hand.ready and not self._stopped:
            self._stillborn += 1
            pause = min(SLOWEST_START, 0.25 * 2 ** min(self._stillborn, 10))
            self._not_before = time.monotonic() + pause
        if hand.task and not hand.task.why:
            self._tally.lost()
        for task in hand.tasks:
            await self._clear(task, begun=task is hand.task)

    async def _clear(self, task: Task, begun: bool) -> None:
        """Clear away a task of a worker that is no more."""
        await asyncio.to_thread(self._folder.drop, task.id, task.lease)
        if task.why == "erased":
            return
        if await self._give_back(task, lost=begun and not task.why):
            await self._clerk(self._folder.forget_files, task.id)
            self._board.over(task.id)
        else:
            self._board.changed(task.id)

    async def _give_back(self, task: Task, lost: bool) -> bool:
        """Have somebody else do a task, or nobody any more; tell whether it is given up."""
        if task.why == "timeout":
            message = f"It took longer than {self._settings.bounds.patience:g} seconds."
            given_up = await self._insist(self._store.fail, task.id, task.lease, "timeout", message)
            return given_up is not None
        return await self._insist(self._store.release, task.id, task.lease, lost=lost)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def limits(settings: Settings) -> dict[str, Any]:
    """What `unmask.media.Limits` takes."""
    bounds = settings.bounds
    known = {"bytes": bounds.file_bytes, "pixels": bounds.pixels, "seconds": bounds.seconds}
    return known | {"photo_bytes": min(bounds.file_bytes, 256 << 20)}
