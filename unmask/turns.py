"""Work that needs much memory takes turns, so that memory does not grow with the threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

MUCH: Final = 100_000_000
_ONE = threading.Lock()


@contextmanager
def turn(expected: int) -> Iterator[None]:
    """A context for work that needs about `expected` bytes; of more than `MUCH`, one at a time.

    Contexts must not be nested.

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
            _give_back()()


@cache
def _give_back() -> Callable[[], object]:
    """What returns freed memory to the system: glibc keeps hundreds of megabytes by itself."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            return lambda: trim(0)
    return lambda: None
