"""Turns whatever ends a command into an exit code and at most one line on stderr."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from unmask.cli._text import safe
from unmask.errors import UnmaskError

FAILED, INTERRUPTED, UNREAD = 2, 130, 141
GRACE = 2.0
"""Seconds that an interrupted command has to end by itself."""


def ending(work: Callable[[], int]) -> int:
    """The exit code of some work, whichever way it ends."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence
        return told(error)


def told(error: BaseException) -> int:
    """Say on stderr what went wrong; return the exit code for it."""
    if isinstance(error, BrokenPipeError):
        _drop_stdout()
        return UNREAD
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, UnmaskError | OSError):
        print(f"error: {safe(str(error))}", file=sys.stderr)
        return FAILED
    if os.environ.get("UNMASK_DEBUG"):
        import traceback

        traceback.print_exception(error)
    print(f"error: internal: {type(error).__name__}: {safe(str(error))}", file=sys.stderr)
    return FAILED


def flushed(code: int) -> int:
    """The same exit code, once everything printed is out; another one when it cannot get out."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        return told(error)
    return code


def _drop_stdout() -> None:
    """Python flushes stdout once more on its way out and would complain about the same pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stop_on_interrupt() -> None:
    """Let Ctrl-C end the command even while another thread is deep in a long video."""

    def stop(*_: object) -> None:
        # Not print: the interrupt may have come in the middle of another one.
        os.write(2, b"interrupted\n")
        late = threading.Timer(GRACE, _leave)
        late.daemon = True
        late.start()
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)


def _leave() -> None:
    """End at once; whatever hid the cursor had no time to show it again."""
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h")
    os._exit(INTERRUPTED)
