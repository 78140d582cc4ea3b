"""Takes a multipart form apart as it comes, and writes its files to the disk.

Whatever it claims to be, it costs a bounded part of the memory and of the disk. File names are
labels: they decide neither where a file lies nor how it is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from unmask.serve.options import FIELDS
from unmask.serve.problems import RefusedError
from unmask.serve.settings import Bounds

FIELD_BYTES = 4096
NAME = 255
"""Characters of a file's name."""

# Control characters, and those that turn the reading direction around.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


@dataclass(slots=True)
class Upload:
    """A complete form.

    Attributes:
        place: Folder with the files 0, 1, … in it.
        files: Name, bytes and sha256 of each.
        fields: The form's other fields.
        kept: Whether somebody took the folder over.
    """

    place: Path
    files: list[dict[str, Any]]
    fields: dict[str, str]
    kept: bool = False


class Intake:
    """Takes apart one multipart body and writes its files.

    Args:
        boundary: Of the parts.
        place: Folder for the files.
        bounds: What is too much.

    Attributes:
        place: As given.
    """

    def __init__(self, boundary: bytes, place: Path, bounds: Bounds) -> None:
        self.place, self._bounds = place, bounds
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

    def take(self, data: bytes, *, last: bool) -> Upload | None:
        """`feed`, and `finish` after the last piece."""
        self.feed(data)
        return self.finish() if last else None

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            RefusedError: `bad_request`, `bad_field`, `too_many_bytes`, `too_many_parts`,
                `storage_full`.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise malformed(str(error)) from None
        except OSError as error:
            raise storage_full() from error

    def finish(self) -> Upload:
        """What came, once everything did.

        Raises:
            RefusedError: `bad_request` for a body that stops too early, `no_files`.
        """
        if not self._ended:
            raise malformed("the last boundary is missing")
        if not self._files:
            raise RefusedError("no_files", "The form has no part `files` with a file in it.")
        return Upload(self.place, self._files, self._fields)

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
            raise malformed("a part has no name")
        if self._name != "files":
            self._begin_field(b"filename" in told)
            return
        if b"filename" not in told:
            raise malformed("a part `files` is no file: it has no file name")
        if len(self._files) >= self._bounds.files:
            raise RefusedError("too_many_parts", f"At most {self._bounds.files} files at a time.")
        # Browsers write a quotation mark in a name like this, and nothing else of the kind.
        name = label(told[b"filename"].replace(b"%22", b'"').decode("utf-8", "replace"))
        self._file = (self.place / str(len(self._files))).open("xb")
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


def boundary(content_type: str) -> bytes:
    """The boundary between a form's parts.

    Raises:
        RefusedError: `unsupported_body` for what is no form, `bad_request`.
    """
    kind, told = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise RefusedError("unsupported_body", "Send the files as multipart/form-data.")
    found = told.get(b"boundary", b"")
    if not 0 < len(found) <= 70:
        raise malformed("its boundary must have 1 to 70 characters")
    return found


def malformed(why: str) -> RefusedError:
    """The refusal of a form that is none."""
    return RefusedError("bad_request", f"The multipart body is malformed: {why}.")


def storage_full() -> RefusedError:
    """The refusal of what finds no room."""
    return RefusedError("storage_full", "The server's disk is full.", Retry_After="300")
