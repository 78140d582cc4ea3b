"""Tells a file's format by its first bytes; its name is never asked."""

from __future__ import annotations

from typing import NamedTuple

from unmask.errors import InputError
from unmask.types import Kind

HEAD = 4096
"""How many of a file's first bytes `sniff` wants to see."""


class Format(NamedTuple):
    """A format by content: its name, and whether it is an "image" or a "video"."""

    name: str
    kind: Kind


_MAGIC = (
    (b"\xff\xd8\xff", Format("JPEG", "image")),
    (b"\x89PNG\r\n\x1a\n", Format("PNG", "image")),
    (b"GIF87a", Format("GIF", "image")),
    (b"GIF89a", Format("GIF", "image")),
    (b"II*\x00", Format("TIFF", "image")),
    (b"MM\x00*", Format("TIFF", "image")),
    (b"II+\x00", Format("TIFF", "image")),
    (b"MM\x00+", Format("TIFF", "image")),
)
_RIFF = {
    b"WEBP": Format("WebP", "image"),
    b"AVI ": Format("AVI", "video"),
    b"AVIX": Format("AVI", "video"),
}
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
_OLD_QUICKTIME = {b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}
_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def sniff(head: bytes) -> Format:
    """Names the format that a file's first bytes announce.

    Args:
        head: The first `HEAD` bytes, or the whole of a shorter file.

    Returns:
        The format.

    Raises:
        InputError: `unsupported_format`.

    Example:
        >>> sniff(b"GIF89a...")
        Format(name='GIF', kind='image')
    """
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    found_or_none = _riff(head) or _bmp(head) or _matroska(head) or _iso(head)
    if found_or_none is None:
        raise InputError("unsupported_format", "Not a photo or video of a known format.")
    return found_or_none


def _riff(head: bytes) -> Format | None:
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def _bmp(head: bytes) -> Format | None:
    """The letters BM begin many a text, so the size of the second header must fit too."""
    known = len(head) > 18 and int.from_bytes(head[14:18], "little") in _BMP_HEADERS
    return Format("BMP", "image") if head.startswith(b"BM") and known else None


def _matroska(head: bytes) -> Format | None:
    if not head.startswith(b"\x1aE\xdf\xa3"):
        return None
    return Format("WebM" if b"webm" in head[:64] else "MKV", "video")


def _iso(head: bytes) -> Format | None:
    """Formats built of length-prefixed boxes: AVIF, MP4, MOV, and HEIC, which is refused by name.

    Raises:
        InputError: `unsupported_format` for HEIC.
    """
    kind = head[4:8]
    if kind in _OLD_QUICKTIME:
        return Format("MOV", "video")
    if kind != b"ftyp":
        return None
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))]
    if b"avif" in brands or b"avis" in brands:
        return Format("AVIF", "image")
    if brands[0] in _HEIF:
        raise InputError(
            "unsupported_format", "HEIC and HEIF are not read: convert to JPEG, PNG or AVIF."
        )
    return Format("MOV" if brands[0] == b"qt  " else "MP4", "video")
