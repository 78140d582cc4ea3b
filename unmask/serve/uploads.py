"""Uploads: a request's body goes to the disk as it comes, a megabyte at a time.

It costs nothing any more once it was refused or given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
    await asyncio.to_thread(_check_length, request.headers.get("content-length"), folder, bounds)
    place = await asyncio.to_thread(folder.fresh)
    intake = Intake(edge, place, bounds)
    try:
        async for block in _blocks(request.stream(), bounds):
            await asyncio.to_thread(intake.feed, block)
        yield await asyncio.to_thread(intake.finish)
    finally:
        intake.close()
        await asyncio.to_thread(erase, place)


def _check_length(stated: str | None, folder: Folder, bounds: Bounds) -> None:
    """Refuse what is too long before any of it is read."""
    length = int(stated[:20]) if stated and stated.isdecimal() else 0
    if length > bounds.request_bytes:
        raise _too_long(bounds)
    if folder.free() < bounds.spare + length:
        raise storage_full()


async def _blocks(stream: AsyncIterator[bytes], bounds: Bounds) -> AsyncIterator[bytes]:
    """A body in pieces worth writing."""
    total, held = 0, bytearray()
    until = time.monotonic() + bounds.reception
    while (chunk := await _next(stream, bounds.silence, until)) is not None:
        total += len(chunk)
        if total > bounds.request_bytes:
            raise _too_long(bounds)
        held += chunk
        if len(held) >= BLOCK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _next(stream: AsyncIterator[bytes], silence: float, until: float) -> bytes | None:
    """The next chunk, within its time; `None` at the end."""
    try:
        async with asyncio.timeout(max(0.0, min(silence, until - time.monotonic()))):
            return await anext(stream, None)
    except TimeoutError:
        raise RefusedError("too_slow", "The body took too long to come.") from None


def _too_long(bounds: Bounds) -> RefusedError:
    return RefusedError("too_many_bytes", f"At most {bounds.request_bytes} bytes in one request.")
