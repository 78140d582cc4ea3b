"""One worker process as the server sees it: a pipe in, a pipe out, and a life that may end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

PIPE = 4096
"""Bytes that fit into any empty pipe."""

TOKEN = "UNMASK_TOKEN"  # noqa: S105 - the variable's name
MOST_TOLD = 1 << 20
"""Bytes of one message; a longer one is no message of ours."""

Message = dict[str, Any]


def spawn() -> subprocess.Popen[bytes]:
    """Start a worker process; it loads its models by itself and then says that it is ready.

    It is kept out of the terminal's process group, whose Ctrl-C is meant for the server: a worker
    ends when its standard input does.
    """
    return subprocess.Popen(  # noqa: S603 - our own words only
        python("unmask.serve.worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=without_token() | {"OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )


def python(module: str, *words: str) -> list[str]:
    """The command line of a module of ours.

    The folder that the server was started in is no place to import from.
    """
    return [sys.executable, "-P", "-m", module, *words]


def without_token() -> dict[str, str]:
    """The environment for processes that read strangers' files: it holds no secret of ours."""
    return {name: value for name, value in os.environ.items() if name != TOKEN}


@dataclass(slots=True, eq=False)
class Task:
    """What a worker has to do.

    Attributes:
        id: Of the analysis.
        lease: Under which it has it.
        files: How many there are.
        since: When its turn came, by the monotonic clock.
        why: Code of the reason for which the server ended it; "" while it did not.
    """

    id: str
    lease: str
    files: int
    since: float = field(default_factory=time.monotonic)
    why: str = ""


class Hand:
    """A running worker process; to be used from the event loop's thread.

    Args:
        process: From `spawn`.

    Attributes:
        ready: Whether its models are loaded.
        tasks: What it is at, and what comes next: it is handed out while the results of the one
            before are written, so that no worker waits for the store.
        writing: Whether it writes the results of what it is at.
        idle_since: By the monotonic clock.
        started: Likewise.
        gone: Set once it has ended and everything that it said was heard.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.ready = self.writing = False
        self.tasks: deque[Task] = deque()
        self.idle_since = self.started = time.monotonic()
        self.gone = asyncio.Event()
        self._leaving = False
        self._process = process

    @property
    def pid(self) -> int:
        """The process' number."""
        return self._process.pid

    @property
    def task(self) -> Task | None:
        """What it is at."""
        return self.tasks[0] if self.tasks else None

    @property
    def idle(self) -> bool:
        """Whether it waits for something to do."""
        return self.ready and not self.tasks and not self._leaving

    @property
    def free(self) -> bool:
        """Whether something may be given to it."""
        return self.idle or (self.writing and len(self.tasks) == 1 and not self._leaving)

    def done(self) -> None:
        """It is through with what it was at."""
        self.tasks.popleft()
        self.writing = False
        self.idle_since = time.monotonic()
        if self.tasks:
            self.tasks[0].since = self.idle_since

    async def send(self, message: Message) -> None:
        """Say something to it, which waits for it."""
        line = json.dumps(message).encode() + b"\n"
        if len(line) <= PIPE:  # a pipe that nobody wrote to takes that at once
            self._write(line)
        else:
            await asyncio.to_thread(self._write, line)

    def _write(self, line: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(line)
            pipe.flush()
        except (OSError, ValueError):
            self.kill()  # it is heard to be gone, like any other that dies

    async def messages(self) -> AsyncIterator[Message]:
        """What it says, until it ends; it is ended for what is no message."""
        heard = asyncio.StreamReader(MOST_TOLD)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(heard), self._process.stdout
        )
        try:
            while line := await heard.readline():
                yield json.loads(line)
        except (ValueError, RecursionError):
            logging.getLogger("unmask").warning("a worker is ended for what was no message")
        finally:
            pipe.close()
            self.kill()
        await asyncio.to_thread(self._process.wait)
        self.dismiss()

    def dismiss(self) -> None:
        """Let it end as soon as it can, which is at once."""
        self._leaving = True
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.close()
        except OSError:
            self.kill()

    def kill(self) -> None:
        """End it now, whatever it is at."""
        self._process.kill()
