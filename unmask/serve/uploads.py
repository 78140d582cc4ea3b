"""Uploads: a request's body goes to the disk as it comes, a megabyte at a time.

It costs nothing any more once it was refused or given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from starlette.requests import Request

from unmask.serve.folder import Folder, erase
from unmask.serve.multipart import Intake, Upload, boundary, storage_full
from unmask.serve.problems import RefusedError
from unmask.serve.settings import Bounds

T = TypeVar("T")

BLOCK = 1 << 20
"""Bytes that are gathered before they are written."""


async def received(
    request: Request, folder: Folder, bounds: Bounds, then: Callable[[Upload], T]
) -> T:
    """Receive a request's body, and erase whatever of it was not taken over.

    Args:
        request: With a form.
        folder: Where the files go.
        bounds: What is too much.
        then: Called with what came, in the thread that wrote the last of it.

    Returns:
        What `then` does.

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

    def take(block: bytes) -> Intake:
        nonlocal intake
        if intake is None:
            intake = Intake(edge, _place(length, folder, bounds), bounds)
        intake.feed(block)
        return intake

    def end(block: bytes) -> T:
        nonlocal upload
        upload = take(block).finish()
        return then(upload)

    try:
        held = bytearray()
        async for chunk in _chunks(request.stream(), bounds):
            held += chunk
            if len(held) >= BLOCK:
                await asyncio.to_thread(take, bytes(held))
                held.clear()
        return await asyncio.to_thread(end, bytes(held))
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


async def _chunks(stream: AsyncIterator[bytes], bounds: Bounds) -> AsyncIterator[bytes]:
    """A body as it comes, within its bounds."""
    total, until = 0, time.monotonic() + bounds.reception
    while (chunk := await _next(stream, bounds.silence, until)) is not None:
        total += len(chunk)
        if total > bounds.request_bytes:
            raise _too_long(bounds)
        yield chunk


async def _next(stream: AsyncIterator[bytes], silence: float, until: float) -> bytes | None:
    """The next chunk, within its time; `None` at the end."""
    try:
        async with asyncio.timeout(max(0.0, min(silence, until - time.monotonic()))):
            return await anext(stream, None)
    except TimeoutError:
        raise RefusedError("too_slow", "The body took too long to come.") from None


def _too_long(bounds: Bounds) -> RefusedError:
    return RefusedError("too_many_bytes", f"At most {bounds.request_bytes} bytes in one request.")
