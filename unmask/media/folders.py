"""Turns the paths a caller names into the files to examine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TextIO


def walk(paths: Iterable[str], stdin: TextIO | None = None) -> Iterator[str]:
    """Yields files one by one, as soon as each is known.

    A folder is walked in sorted order, down to its last subfolder. Hidden names in it are skipped,
    so are links to folders (they could lead in a circle) and what is no file. Whatever was named
    directly is yielded even if it does not exist, so that nothing asked for goes unanswered; so is
    a subfolder that may not be read.

    Args:
        paths: Files and folders; "-" stands for the paths in `stdin`, one a line.
        stdin: Where "-" reads from.

    Yields:
        Paths, spelt as they were given.

    Example:
        >>> list(walk(["missing.jpg"]))
        ['missing.jpg']
    """
    for path in paths:
        if path == "-" and stdin is not None:
            yield from walk(_lines(stdin))
        elif os.path.isdir(path):
            yield from _folder(path)
        else:
            yield path


def _lines(stream: TextIO) -> Iterator[str]:
    return (line for line in (raw.rstrip("\r\n") for raw in stream) if line)


def _folder(top: str) -> Iterator[str]:
    """Depth first with a stack of its own: folders can be nested deeper than Python recurses."""
    pending = [top]
    while pending:
        path = pending.pop()
        if path != top and not os.path.isdir(path):
            yield path
            continue
        try:
            pending.extend(sorted(_members(path), reverse=True))
        except OSError:
            yield path


def _members(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.path for e in entries if not e.name.startswith(".") and _wanted(e)]


def _wanted(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file() or entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
