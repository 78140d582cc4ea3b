"""Text of files, made safe for a terminal."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: str) -> str:
    r"""The text with everything escaped that could steer a terminal or deceive its reader.

    Control characters, direction marks, line separators and bytes that were no text come out as
    backslash escapes, so that one value always stays on one line.

    Example:
        >>> print(safe("a\x1b[2Jb\n"))
        a\x1b[2Jb\n
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape", "surrogatepass").decode("ascii")
        if unicodedata.category(c) in _HIDDEN
        else c
        for c in text
    )
