"""The desk: takes analyses in, tells how they stand, and removes them; what the routes call."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from unmask.errors import UnmaskError
from unmask.serve import options as opts
from unmask.serve.clerk import Clerk
from unmask.serve.crew import Crew, limits
from unmask.serve.events import Board
from unmask.serve.folder import Folder
from unmask.serve.metrics import Tally
from unmask.serve.multipart import Upload
from unmask.serve.options import Options
from unmask.serve.problems import RefusedError
from unmask.serve.records import Entry, Record
from unmask.serve.settings import Settings
from unmask.serve.store import QueueFullError, Store

LONGEST_WAIT = 300
"""Most seconds that a refused client is told to wait."""


class Desk:
    """What a running server holds; made and closed within its event loop.

    Args:
        settings: Of the server.
        folder: The data folder.

    Attributes:
        settings: As given.
        folder: As given.
        clerk: Through whom the store is asked.
        board: Progress of running analyses.
        tally: What happened so far.
        store: The analyses.
        crew: The worker processes.
    """

    def __init__(self, settings: Settings, folder: Folder) -> None:
        self.settings, self.folder = settings, folder
        self.clerk, self.board, self.tally = Clerk(), Board(), Tally()
        self._uploads = 0

    async def open(self, first: subprocess.Popen[bytes] | None = None) -> None:
        """Open the store, tidy up after a server that was killed, start the workers."""
        self.store = await self.clerk(Store, self.folder.store, self.settings.retention)
        known = await self.clerk(self.store.recover)
        await asyncio.to_thread(self.folder.tidy, known)
        self.crew = Crew(self.settings, self.folder, self.store, self.clerk, self.board, self.tally)
        self.crew.start(first)
        self._warming = asyncio.create_task(self._warm_up())

    async def _warm_up(self) -> None:
        """Load what the first request would have to wait for, but after what all wait for."""
        await self.crew.manned.wait()
        with suppress(UnmaskError):
            await asyncio.to_thread(Options().models)

    async def close(self) -> None:
        """End the workers, put back what they were at, and close the store."""
        self._warming.cancel()
        await self.crew.stop()
        await self.clerk(self.store.close)
        self.clerk.close()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A place among those whose request bodies are received.

        Raises:
            RefusedError: `too_many_uploads`.
        """
        if self._uploads >= self.settings.bounds.uploads:
            raise RefusedError(
                "too_many_uploads", "Too many uploads at a time.", Retry_After=self._wait(0)
            )
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def refuse_when_full(self) -> None:
        """Spare a client the sending of what cannot be queued.

        Raises:
            RefusedError: `queue_full`.
        """
        waiting = (await self.clerk(self.store.counts))["queued"]
        if waiting >= self.settings.bounds.queue:
            raise self._full(waiting)

    async def accept(self, upload: Upload) -> tuple[Record, bool]:
        """Queue what was uploaded, or find the analysis of the same bytes and options.

        Returns:
            The analysis, and whether it is a new one.

        Raises:
            ConfigError: For options that cannot be.
            BundleError: For a detector that cannot be used.
            RefusedError: `queue_full`.
        """
        asked = Options.of(upload.fields)
        models = await asyncio.to_thread(asked.models)
        terms = (asked.document(), models, limits(self.settings))
        key = opts.key(upload.files, *terms)
        if found := await self.clerk(self.store.same, key):
            return found, False
        entry = Entry(secrets.token_hex(16), key, upload.files, asked.document(), models)
        await asyncio.to_thread(self.folder.keep, upload.place, entry.id)
        return await self._enter(entry)

    async def _enter(self, entry: Entry) -> tuple[Record, bool]:
        fresh = False
        try:
            record, fresh = await self.clerk(self.store.enter, entry, self.settings.bounds.queue)
        except QueueFullError:
            raise self._full(self.settings.bounds.queue) from None
        finally:
            if not fresh:
                await asyncio.to_thread(self.folder.erase, entry.id)
        self.crew.look()
        return record, fresh

    async def fetch(self, id: str) -> Record | None:
        """The analysis of an id."""
        return await self.clerk(self.store.fetch, id)

    async def known(self, id: str) -> Record:
        """The analysis of an id.

        Raises:
            RefusedError: `not_found`.
        """
        found = await self.fetch(id)
        if found is None:
            raise RefusedError("not_found", "There is no such analysis.")
        return found

    async def result(self, record: Record, name: str) -> bytes | None:
        """A file among the results of an analysis."""
        if record.state != "done" or record.lease is None:
            return None
        return await asyncio.to_thread(self.folder.read, record.id, record.lease, name)

    def _full(self, waiting: int) -> RefusedError:
        return RefusedError(
            "queue_full", f"{waiting} analyses are waiting.", Retry_After=self._wait(waiting)
        )

    def _wait(self, waiting: int) -> str:
        """Seconds until a tenth of those who wait should be done."""
        seconds = self.tally.mean * waiting / 10 / self.settings.workers
        return str(max(1, min(LONGEST_WAIT, round(seconds))))
