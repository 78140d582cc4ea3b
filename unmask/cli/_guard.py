"""Turns whatever ends a command into an exit code and at most one line on stderr."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from unmask.cli._text import safe
from unmask.errors import UnmaskError

P = ParamSpec("P")

FAILED, INTERRUPTED, UNREAD = 2, 130, 141


def guarded(run: Callable[P, int]) -> Callable[P, None]:
    """A command's function whose result, error or interruption becomes the exit code.

    Typer would exit with 1, our "something found", when the reader of a pipe goes away or, in some
    versions, on Ctrl-C: so both are caught before they reach it.
    """

    @functools.wraps(run)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = run(*args, **kwargs)
            sys.stdout.flush()
        except (UnmaskError, OSError, KeyboardInterrupt) as error:
            code = report_crash(error)
        raise typer.Exit(code)

    return wrapped


def report_crash(error: BaseException) -> int:
    """Say what went wrong on stderr and name the exit code for it."""
    if isinstance(error, BrokenPipeError):
        # Python flushes stdout once more on its way out and would complain about the same pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    if isinstance(error, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    known = isinstance(error, UnmaskError | OSError)
    text = str(error) if known else f"internal: {type(error).__name__}: {error}"
    print(f"error: {safe(text)}", file=sys.stderr)
    if not known and os.environ.get("UNMASK_DEBUG"):
        raise error
    return FAILED
