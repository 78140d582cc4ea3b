"""Uploads: a request's body goes to the disk as it comes, a megabyte at a time.

It costs nothing any more once it was refused or given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import Request

from unmask.serve.folder import Folder, erase
from unmask.serve.multipart import Intake, Upload, boundary, storage_full
from unmask.serve.problems import RefusedError
from unmask.serve.settings import Bounds

BLOCK = 1 << 20
"""Bytes that are gathered before they are written."""


@asynccontextmanager
async def received(request: Request, folder: Folder, bounds: Bounds) -> AsyncIterator[Upload]:
    """Receive a request's body; what is not moved away within the context is erased after it.

    Raises:
        RefusedError: As `Intake`; also `unsupported_body` and `too_slow`.
        ClientDisconnect: When the client went away.
    """
    edge = boundary(request.headers.get("content-type", ""))
    stated = request.headers.get("content-length")
    length = int(stated[:20]) if stated and stated.isdecimal() else 0
    if length > bounds.request_bytes:
        raise _too_long(bounds)
    intake: Intake | None = None
    upload: Upload | None = None

    def take(block: bytes, last: bool) -> Upload | None:
        nonlocal intake
        if intake is None:
            intake = Intake(edge, _place(length, folder, bounds), bounds)
        return intake.take(block, last=last)

    try:
        async for block, last in _blocks(request.stream(), bounds):
            upload = await asyncio.to_thread(take, block, last)
        assert upload is not None  # the last block was told to be it
        yield upload
    finally:
        if intake is not None:
            intake.close()
            if not (upload and upload.kept):
                await asyncio.to_thread(erase, intake.place)


def _place(length: int, folder: Folder, bounds: Bounds) -> Path:
    """A new folder for an upload of a length, if there is room for it."""
    if folder.free() < bounds.spare + length:
        raise storage_full()
    return folder.fresh()


async def _blocks(
    stream: AsyncIterator[bytes], bounds: Bounds
) -> AsyncIterator[tuple[bytes, bool]]:
    """A body in pieces worth writing, each with whether it is the last one."""
    total, held = 0, bytearray()
    until = time.monotonic() + bounds.reception
    while (chunk := await _next(stream, bounds.silence, until)) is not None:
        total += len(chunk)
        if total > bounds.request_bytes:
            raise _too_long(bounds)
        held += chunk
        if len(held) >= BLOCK:
            yield bytes(held), False
            held.clear()
    yield bytes(held), True


async def _next(stream: AsyncIterator[bytes], silence: float, until: float) -> bytes | None:
    """The next chunk, within its time; `None` at the end."""
    try:
        async with asyncio.timeout(max(0.0, min(silence, until - time.monotonic()))):
            return await anext(stream, None)
    except TimeoutError:
        raise RefusedError("too_slow", "The body took too long to come.") from None


def _too_long(bounds: Bounds) -> RefusedError:
    return RefusedError("too_many_bytes", f"At most {bounds.request_bytes} bytes in one request.")
