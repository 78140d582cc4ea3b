"""The desk: takes analyses in, tells how they stand, and removes them; what the routes call."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from unmask.errors import UnmaskError
from unmask.serve import options as opts
from unmask.serve.clerk import Clerk
from unmask.serve.crew import Crew, limits
from unmask.serve.events import Board, Outcome
from unmask.serve.export import Exporter
from unmask.serve.folder import REPORT, Folder
from unmask.serve.metrics import Tally
from unmask.serve.multipart import Upload
from unmask.serve.options import Options
from unmask.serve.problems import RefusedError
from unmask.serve.records import Entry, Record
from unmask.serve.settings import Settings
from unmask.serve.store import QueueFullError, Store

SURE = 2.0
"""Seconds for which the models that an analysis would be made with are taken to stay the same."""

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
        self._exporter = Exporter(folder.root)
        self._known_models: dict[Options, tuple[list[str], float]] = {}
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
            RefusedError: `too_many_uploads`, or `queue_full` to spare a client the sending.
        """
        if self._uploads >= self.settings.bounds.uploads:
            told = "Too many uploads at a time."
            raise RefusedError("too_many_uploads", told, Retry_After=self._wait(0))
        if self.crew.waiting >= self.settings.bounds.queue:
            raise self._full(self.crew.waiting)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

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
        models = await self._models(asked)
        told = asked.document()
        key = opts.key(upload.files, told, models, limits(self.settings))
        entry = Entry(secrets.token_hex(16), key, upload.files, told, models)
        try:
            record, fresh = await self.clerk(self._enter, entry, upload)
        except QueueFullError:
            raise self._full(self.settings.bounds.queue) from None
        if fresh:
            self.crew.entered()
        return record, fresh

    def _enter(self, entry: Entry, upload: Upload) -> tuple[Record, bool]:
        """Make an upload an analysis; runs in the clerk's thread, and so one at a time."""
        if found := self.store.same(entry.key):
            return found, False
        self.folder.keep(upload.place, entry.id)
        upload.kept = True
        try:
            return self.store.enter(entry, self.settings.bounds.queue), True
        except BaseException:
            self.folder.erase(entry.id)
            raise

    async def _models(self, asked: Options) -> list[str]:
        """As `Options.models`, but not looked up anew for every photo of a thousand."""
        now = time.monotonic()
        known, until = self._known_models.get(asked, ([], 0.0))
        if now >= until:
            known = await asyncio.to_thread(asked.models)
            self._known_models = {asked: (known, now + SURE)}
        return known

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

    async def results(self, record: Record, *names: str) -> Outcome:
        """An analysis as it is now, the one that was given if it is no more, and its results.

        Args:
            record: As it was.
            names: Of the files among the results.
        """
        return await self.clerk(self._results, record, names)

    def _results(self, record: Record, names: Sequence[str]) -> Outcome:
        """As `results`; runs in the clerk's thread."""
        now = self.store.fetch(record.id) or record
        return Outcome(now, self.folder.of(now, *names))

    async def export(self, id: str, suffix: str) -> bytes:
        """The report of an analysis in a format.

        Raises:
            RefusedError: `not_found`.
        """
        record = await self.known(id)
        if record.state != "done" or record.lease is None:
            raise RefusedError("not_found", "There is no report yet.")
        if suffix != ".json":
            return await self._exporter.make(id, record.lease, suffix)
        found = await self.results(record, REPORT)
        return found.files[0] or b""

    def _full(self, waiting: int) -> RefusedError:
        return RefusedError(
            "queue_full", f"{waiting} analyses are waiting.", Retry_After=self._wait(waiting)
        )

    def _wait(self, waiting: int) -> str:
        """Seconds until a tenth of those who wait should be done."""
        seconds = self.tally.mean * waiting / 10 / self.settings.workers
        return str(max(1, min(LONGEST_WAIT, round(seconds))))
