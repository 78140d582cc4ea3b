"""Exports: a kept report in another format, made by a process of its own.

    python -m unmask.serve.export ROOT ID PLACE SUFFIX

writes the report in the format of the suffix to standard output. The server never loads what that
takes, and an export does not wait behind a long video.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from unmask.errors import ServeError
from unmask.serve.folder import read_results
from unmask.serve.hand import python, without_token

PATIENCE = 60.0
"""Seconds that an export may take."""

AT_A_TIME = 2


class Exporter:
    """Makes exports of the analyses of one data folder.

    Args:
        root: The data folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._places = asyncio.Semaphore(AT_A_TIME)

    async def make(self, id: str, place: str, suffix: str) -> bytes:
        """The report of an analysis in a format.

        Args:
            id: Of the analysis.
            place: Of its results.
            suffix: Of the format, such as ".html".

        Raises:
            ServeError: `internal` when it cannot be made.
        """
        words = python("unmask.serve.export", str(self._root), id, place, suffix)
        async with self._places:
            return await asyncio.to_thread(_made, words)


def _made(words: list[str]) -> bytes:
    try:
        return subprocess.run(  # noqa: S603 - our own words only
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=PATIENCE,
            check=True,
            env=without_token(),
        ).stdout
    except subprocess.SubprocessError as error:
        raise ServeError("internal", "The report could not be made.") from error


def main(root: str, id: str, place: str, suffix: str) -> None:
    """Write one export to standard output."""
    from unmask.report import render
    from unmask.serve.results import read

    report = read(lambda name: read_results(Path(root), id, place, name)[0])
    sys.stdout.buffer.write(render(report, suffix).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
