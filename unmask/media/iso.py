"""A look over the boxes of an MP4 or MOV, before FFmpeg may have it.

FFmpeg builds a table of all samples when it opens a file: twenty bytes that claim fifty million of
them cost it three gigabytes and twenty seconds, during which it cannot be interrupted. So what the
boxes claim is added up here first. Words are searched in the boxes instead of following their
nesting: a box that hides in another one is found all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from unmask.errors import InputError

_MOST_BOXES = 200_000
_MOST_SAMPLES = 4_000_000
_LONGEST_BOX = 64 << 20
_TABLES = re.compile(rb"hdlr|stts|stsz|trun|cmov")
_TEXT = re.compile(rb"(.{4})\xa9(too|swr|mak|mod)", re.DOTALL)
_KEY = re.compile(rb"(.{4})mdta", re.DOTALL)
_VALUE = re.compile(rb"(.{4})\x00\x00(.{2}).{4}data\x00\x00\x00\x01.{4}", re.DOTALL)
_WORDS = {b"too": "encoder", b"swr": "software", b"mak": "make", b"mod": "model"}
_DATA_HANDLERS = (b"alis", b"url ")


@dataclass
class Boxes:
    """What was found.

    Attributes:
        brand: The major brand, such as "isom"; empty in old QuickTime files.
        texts: Word (`encoder`, `make`, `model`, `software` …) to what the file says.
        overrun: The last box claims to reach over the end of the file: it was cut off.
        samples: How many samples all tracks claim together.
    """

    brand: str = ""
    texts: dict[str, bytes] = field(default_factory=dict)
    overrun: bool = False
    samples: int = 0


def look(file: IO[bytes], size: int) -> Boxes:
    """Reads everything but the media themselves.

    Args:
        file: Open for reading and seeking.
        size: The file's bytes.

    Returns:
        What was found.

    Raises:
        InputError: `unreadable` when the claims are beyond any real film.
    """
    found = Boxes()
    for count, (kind, start, end) in enumerate(_top(file, size)):
        found.overrun = end > size
        if kind == b"mdat":
            continue
        if count > _MOST_BOXES or min(end, size) - start > _LONGEST_BOX:
            raise _absurd()
        file.seek(start)
        body = file.read(min(end, size) - start)
        if kind == b"ftyp":
            found.brand = body[:4].decode("latin-1").strip()
        found.samples += _samples(body)
        if found.samples > _MOST_SAMPLES:
            raise _absurd()
        found.texts.update(_texts(body))
    return found


def _absurd() -> InputError:
    return InputError("unreadable", "Its tables claim more than any real film holds.")


def _top(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
    """The outermost boxes: kind, where the body starts, where the box ends."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, body = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, body = int.from_bytes(head[8:16], "big"), 16
        end = size if length == 0 else at + max(length, body)
        yield head[4:8], at + body, end
        at = end


def _samples(body: bytes) -> int:
    """Adds up what the tables claim.

    Uncompressed sound has a sample for each of its 48,000 numbers a second; FFmpeg knows it by
    the duration of 1 and takes such samples together, so they do not count.

    Raises:
        InputError: `unreadable` for a compressed header, which could hide anything.
    """
    total, sound, single = 0, False, False
    for match in _TABLES.finditer(body):
        at, kind = match.end(), match[0]
        first, second, third = (_number(body, at + i) for i in (4, 8, 12))
        if kind == b"cmov":
            raise _absurd()
        if kind == b"hdlr" and (handler := body[at + 8 : at + 12]) not in _DATA_HANDLERS:
            sound = handler == b"soun"
        elif kind == b"stts":
            single = first == 1 and third == 1
        elif kind == b"stsz" and not (sound and single and first):
            total += second
        elif kind == b"trun":
            total += first
    return total


def _number(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 4], "big")


def _texts(body: bytes) -> dict[str, bytes]:
    """The entries of iTunes' kind (©too), QuickTime's old kind (©swr) and its new one (keys)."""
    texts = {}
    for match in _TEXT.finditer(body):
        entry = body[match.end() : match.start() + _number(match[1], 0)]
        texts[_WORDS[match[2]]] = entry[16:] if entry[4:8] == b"data" else entry[4:]
    keys = [body[m.end() : m.start() + _number(m[1], 0)] for m in _KEY.finditer(body)]
    for match in _VALUE.finditer(body) if keys else ():
        index = int.from_bytes(match[2], "big")
        if 0 < index <= len(keys):
            word = keys[index - 1].rpartition(b".")[2].decode("latin-1")
            texts[word] = body[match.end() : match.start() + _number(match[1], 0)]
    return texts
