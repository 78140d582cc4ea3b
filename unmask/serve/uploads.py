"""Uploads: a multipart body is taken piece by piece and written to the disk as it comes.

Whatever it claims to be, it costs a megabyte of memory, a bounded part of the disk, and nothing
once it was refused or given up. File names are labels: they decide neither where a file lies nor
how it is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from unmask.serve.folder import Folder, erase
from unmask.serve.options import FIELDS
from unmask.serve.problems import RefusedError
from unmask.serve.settings import Bounds

BLOCK = 1 << 20
"""Bytes that are gathered before they are written."""

FIELD_BYTES = 4096
NAME = 255
"""Characters of a file's name."""

LINGER, LINGER_BYTES = 2.0, 32 << 20
"""Seconds and bytes for which the rest of a refused body is still read, so that a client that only
listens when it has sent everything gets to hear why."""

# Control characters, and those that turn the reading direction around.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Upload:
    """A complete request body.

    Attributes:
        place: Folder with the files 0, 1, … in it.
        files: Name, bytes and sha256 of each.
        fields: The form's other fields.
    """

    place: Path
    files: list[dict[str, Any]]
    fields: dict[str, str]


@asynccontextmanager
async def received(request: Request, folder: Folder, bounds: Bounds) -> AsyncIterator[Upload]:
    """Receive a request's body; what is not moved away within the context is erased after it.

    Raises:
        RefusedError: `unsupported_body`, `bad_request`, `no_files`, `too_many_bytes`,
            `too_many_parts`, `too_slow`, `storage_full`.
        ClientDisconnect: When the client went away.
    """
    boundary = _boundary(request.headers.get("content-type", ""))
    _check_length(request.headers.get("content-length"), folder, bounds)
    place = await asyncio.to_thread(folder.fresh)
    intake = Intake(boundary, place, bounds)
    stream = request.stream()
    try:
        try:
            async for block in _blocks(stream, bounds):
                await asyncio.to_thread(intake.feed, block)
            upload = await asyncio.to_thread(intake.finish)
        except RefusedError as refusal:
            await _linger(stream, refusal)
            raise
        yield upload
    finally:
        intake.close()
        await asyncio.to_thread(erase, place)


class Intake:
    """Takes apart one multipart body and writes its files.

    Args:
        boundary: Of the parts.
        place: Folder for the files.
        bounds: What is too much.
    """

    def __init__(self, boundary: bytes, place: Path, bounds: Bounds) -> None:
        self._place, self._bounds = place, bounds
        self._files: list[dict[str, Any]] = []
        self._fields: dict[str, str] = {}
        self._parts, self._ended = 0, False
        self._header = (bytearray(), bytearray())
        self._disposition = b""
        self._name, self._text = "", bytearray()
        self._file: BinaryIO | None = None
        self._size, self._digest = 0, hashlib.sha256()
        calls: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finished,
        }
        self._parser = MultipartParser(boundary, calls)  # type: ignore[arg-type]

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            RefusedError: `bad_request`, `too_many_bytes`, `too_many_parts`.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(str(error)) from None

    def finish(self) -> Upload:
        """What came, once everything did.

        Raises:
            RefusedError: `bad_request` for a body that stops too early, `no_files`.
        """
        if not self._ended:
            raise _malformed("the last boundary is missing")
        if not self._files:
            raise RefusedError("no_files", "The form has no part `files` with a file in it.")
        return Upload(self._place, self._files, self._fields)

    def close(self) -> None:
        """Close a file that is still open."""
        if self._file:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._bounds.files + len(FIELDS):
            raise RefusedError(
                "too_many_parts", f"At most {self._bounds.files} files and one of each option."
            )
        self._disposition = b""

    def _header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = bytes(value)
        name.clear()
        value.clear()

    def _open(self) -> None:
        kind, told = parse_options_header(self._disposition)
        self._name = told.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not self._name:
            raise _malformed("a part has no name")
        if self._name != "files":
            self._begin_field(b"filename" in told)
            return
        if b"filename" not in told:
            raise _malformed("a part `files` is no file: it has no file name")
        if len(self._files) >= self._bounds.files:
            raise RefusedError("too_many_parts", f"At most {self._bounds.files} files at a time.")
        name = label(told[b"filename"].decode("utf-8", "replace"))
        self._file = (self._place / str(len(self._files))).open("xb")
        self._size, self._digest = 0, hashlib.sha256()
        self._files.append({"name": name})

    def _begin_field(self, is_file: bool) -> None:
        if is_file or self._name not in FIELDS:
            known = ", ".join(("files", *FIELDS))
            raise RefusedError(
                "bad_field", f"The form has no part {self._name[:64]!a}. Known: {known}."
            )
        if self._name in self._fields:
            raise RefusedError("bad_field", f"{self._name} is given twice.")
        self._text.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._text += data[start:end]
            if len(self._text) > FIELD_BYTES:
                raise RefusedError(
                    "too_many_bytes", f"{self._name} is longer than {FIELD_BYTES} bytes."
                )
            return
        self._size += end - start
        if self._size > self._bounds.file_bytes:
            raise RefusedError(
                "too_many_bytes", f"A file has more than {self._bounds.file_bytes} bytes."
            )
        piece = memoryview(data)[start:end]
        self._digest.update(piece)
        self._file.write(piece)

    def _end(self) -> None:
        if self._file is None:
            self._fields[self._name] = self._text.decode("utf-8", "replace")
            return
        self.close()
        self._files[-1] |= {"bytes": self._size, "sha256": self._digest.hexdigest()}

    def _finished(self) -> None:
        self._ended = True


def label(name: str) -> str:
    r"""A file's name as it is shown: its last part, without what cannot be seen.

    Example:
        >>> label("../../etc/pass\nwd"), label("C:\\photos\\me.jpg"), label("..")
        ('passwd', 'me.jpg', 'file')
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = _UNSHOWN.sub("", last).strip()[:NAME]
    return "file" if shown in {"", ".", ".."} else shown


def _boundary(content_type: str) -> bytes:
    kind, told = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise RefusedError("unsupported_body", "Send the files as multipart/form-data.")
    boundary = told.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:
        raise _malformed("its boundary must have 1 to 70 characters")
    return boundary


def _check_length(stated: str | None, folder: Folder, bounds: Bounds) -> None:
    """Refuse what is too long before any of it is read."""
    length = int(stated) if stated and stated.isdecimal() else 0
    if length > bounds.request_bytes:
        raise _too_long(bounds)
    if folder.free() < bounds.spare + length:
        raise RefusedError("storage_full", "The server's disk is full.", Retry_After="300")


async def _blocks(stream: AsyncIterator[bytes], bounds: Bounds) -> AsyncIterator[bytes]:
    """A body in pieces worth writing."""
    total, held = 0, bytearray()
    async with asyncio.timeout(bounds.reception):
        async for chunk in _prompt(stream, bounds.silence):
            total += len(chunk)
            if total > bounds.request_bytes:
                raise _too_long(bounds)
            held += chunk
            if len(held) >= BLOCK:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)


async def _prompt(stream: AsyncIterator[bytes], silence: float) -> AsyncIterator[bytes]:
    """The same chunks, or an end to waiting for them."""
    while True:
        try:
            async with asyncio.timeout(silence):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise _too_slow() from None
        yield chunk


async def _linger(stream: AsyncIterator[bytes], refusal: RefusedError) -> None:
    """Read on for a moment, then have the connection closed: what may still come is no request."""
    refusal.headers["Connection"] = "close"
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER):
            async for chunk in stream:
                left -= len(chunk)
                if left < 0:
                    return
    except TimeoutError:
        return


def _malformed(why: str) -> RefusedError:
    return RefusedError("bad_request", f"The multipart body is malformed: {why}.")


def _too_long(bounds: Bounds) -> RefusedError:
    return RefusedError(
        "too_many_bytes",
        f"At most {bounds.request_bytes} bytes in one request.",
        Connection="close",
    )


def _too_slow() -> RefusedError:
    return RefusedError("too_slow", "The body took too long to come.")
