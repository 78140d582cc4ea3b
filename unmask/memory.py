"""Memory that does not grow with the threads, and is not fetched from the system twice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

MUCH: Final = 100_000_000
_ONE = threading.Lock()

# Parameters of glibc's mallopt.
_TRIM, _TOP, _MAP, _MAPS = -1, -2, -3, -4
_LARGEST = 2**25
"""Bytes: the largest block that glibc can be told not to map."""


@contextmanager
def turn(expected: int) -> Iterator[None]:
    """A context for work that needs about `expected` bytes; of more than `MUCH`, one at a time.

    Contexts must not be nested. What the work freed goes back to the system, of which glibc would
    keep hundreds of megabytes.

    Example:
        >>> with turn(2 * MUCH):
        ...     _ONE.locked()
        True
    """
    if expected <= MUCH:
        yield
        return
    with _ONE:
        try:
            yield
        finally:
            _glibc("malloc_trim", 0)


def keep_freed(most: int) -> None:
    """Have glibc keep up to `most` freed bytes of each arena for later; elsewhere do nothing.

    It gives pages back and asks for them again for every photo, or for none, by the chance of what
    lies above them; clearing fresh pages takes a twentieth of a photo's time. For the whole
    process, so it is for programs to call, not for libraries.

    Args:
        most: Bytes. From 2 GB on, blocks of any size are kept, for programs that use the same
            ones again and again.
    """
    settings = {_TRIM: most, _MAP: _LARGEST}
    if most >= 2**31 - 1:
        settings = {_TRIM: 2**31 - 1, _TOP: 2**28, _MAPS: 0}
    for parameter, value in settings.items():
        _glibc("mallopt", parameter, value)


def _glibc(name: str, *values: int) -> None:
    function = getattr(_library(), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*values)


@cache
def _library() -> Any:
    import ctypes

    return ctypes.CDLL(None)
