"""What a video's container says about itself, read without FFmpeg."""

from __future__ import annotations

import re
from typing import IO, NamedTuple

from unmask.media import iso
from unmask.media.provenance import clean
from unmask.types import Fact

_HEAD = 1 << 16
_SAID = "Written by the last program that packed the file, and easily changed."
_TOLD = ("encoder", "software", "make", "model", "creationdate")
_MATROSKA_APP = re.compile(rb"(?:\x57\x41|\x4d\x80)([\x81-\xff])([\x20-\x7e]{2,127})")
_AVI_SOFTWARE = re.compile(rb"ISFT(.{4})", re.DOTALL)
_SEGMENT = b"\x18\x53\x80\x67"


class Container(NamedTuple):
    """Facts, and whether the file ends before its container says it does."""

    facts: list[Fact]
    cut_short: bool


def inspect(file: IO[bytes], name: str, size: int) -> Container:
    """Reads a container's own words.

    Args:
        file: Open for reading and seeking.
        name: The format, as `unmask.media.sniff` names it.
        size: The file's bytes.

    Returns:
        What was found.

    Raises:
        InputError: `unreadable` when its tables are made to exhaust memory.
    """
    if name in ("MP4", "MOV"):
        boxes = iso.look(file, size)
        facts = [Fact("video.brand", clean(boxes.brand), "The container's dialect.")]
        texts, cut = boxes.texts, boxes.overrun
    else:
        file.seek(0)
        head = file.read(_HEAD)
        facts = []
        texts, cut = (_avi if name == "AVI" else _matroska)(head, size)
    facts += [Fact(f"video.{w}", clean(texts[w]), _SAID) for w in _TOLD if texts.get(w)]
    return Container(facts + [_CUT] * cut, cut)


_CUT = Fact("file.truncated", True, "The end is missing; what is there was examined.")


def _matroska(head: bytes, size: int) -> tuple[dict[str, bytes], bool]:
    texts: dict[str, bytes] = {}
    for match in _MATROSKA_APP.finditer(head):
        texts.setdefault("encoder", match[2][: match[1][0] & 0x7F])
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or at >= len(head):
        return texts, False
    width = 9 - head[at].bit_length()
    length = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    unknown = length == (1 << 7 * width) - 1
    return texts, not unknown and at + width + length > size


def _avi(head: bytes, size: int) -> tuple[dict[str, bytes], bool]:
    match = _AVI_SOFTWARE.search(head)
    length = int.from_bytes(match[1], "little") if match else 0
    texts = {"software": head[match.end() : match.end() + length]} if match else {}
    return texts, int.from_bytes(head[4:8], "little") + 8 > size
