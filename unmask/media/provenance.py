"""What a photo's file says about its own history: EXIF, XMP, and words left by generators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unmask.types import Fact

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_LONGEST = 200
_SAID = "Anyone can write or remove this entry, so it proves nothing either way."
_EXIF = {271: "make", 272: "model", 305: "software", 306: "datetime"}
_EXIF_IFD, _TAKEN = 0x8769, 36867
_XMP = {
    "xmp.creator_tool": rb"CreatorTool",
    "xmp.digital_source": rb"(?i:digitalsourcetype)",
}
_GENERATOR_KEYS = ("parameters", "prompt", "workflow", "Software")


def photo_facts(image: ImageFile) -> list[Fact]:
    """Collects the entries that tell of cameras and programs.

    Args:
        image: A picture whose header was read; a PNG's later entries need it loaded.

    Returns:
        Facts, of which each is only a claim of the file.
    """
    return [*_exif(image), *_xmp(image.info.get("xmp")), *_generator(image)]


def _exif(image: ImageFile) -> list[Fact]:
    try:
        exif = image.getexif()
        found = {word: exif.get(tag) for tag, word in _EXIF.items()}
        found["taken"] = exif.get_ifd(_EXIF_IFD).get(_TAKEN)
    except Exception as error:  # noqa: BLE001 - broken EXIF raises many types and is itself a fact
        return [Fact("exif.broken", clean(str(error)), "Damaged or badly rewritten.")]
    return [Fact(f"exif.{word}", clean(v), _SAID) for word, v in found.items() if v]


def _xmp(packet: bytes | str | None) -> list[Fact]:
    """Searched rather than parsed: hostile XML has nothing to attack here."""
    text = packet.encode() if isinstance(packet, str) else packet or b""
    facts = []
    for name, word in _XMP.items():
        if found := re.search(word + rb"\s*(?:=\s*[\"']|>\s*)([^\"'<]{1,200})", text):
            facts.append(Fact(name, clean(found[1]), _SAID))
    return facts


def _generator(image: ImageFile) -> list[Fact]:
    """PNG's free text, in which image generators keep their settings."""
    return [
        Fact(f"text.{key.lower()}", clean(image.info[key]), _SAID)
        for key in _GENERATOR_KEYS
        if isinstance(image.info.get(key), str)
    ]


def clean(value: object) -> str:
    r"""Makes a file's text fit for a report: printable, on one line, not endless.

    Args:
        value: Text, bytes or a number, as found.

    Returns:
        At most 200 characters.

    Example:
        >>> clean(b"Canon\x00\x00")
        'Canon'
    """
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    text = "".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST].rstrip("\x00"))
    return " ".join(text.split())[:_LONGEST]
