"""A list of finished work that survives being killed: whole lines count, half a line does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from unmask.errors import ConfigError, LabError


class Journal:
    """`crop.json` says how the folder is made, `crop.jsonl` has one line a finished unit.

    Attributes:
        count: Finished units.
        last: The last one's line; `None` before the first.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        """Begin a folder, or continue one that was begun in the same way.

        Raises:
            ConfigError: `bad_option` when the folder holds something else, or another run is at it.
            LabError: `data_missing` when the list was damaged.
        """
        self._path, told = folder / "crop.jsonl", folder / "crop.json"
        new = folder / "crop.json.part"
        text = json.dumps(head, indent=1, sort_keys=True) + "\n"
        if told.is_file():
            _same(folder, json.loads(told.read_text("utf-8")), json.loads(text))
        elif folder.is_dir() and any(path != new for path in folder.iterdir()):
            raise ConfigError("bad_option", f"{folder} is not empty and holds no crops.")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            new.write_text(text, encoding="utf-8")
            new.replace(told)
        self._stream = self._path.open("a", encoding="utf-8")
        try:
            _claim(self._stream, folder)
            self._mend()
            self._count()
        except BaseException:
            self._stream.close()
            raise

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a finished unit; it counts as soon as this returns."""
        self._stream.write(json.dumps(line, sort_keys=True) + "\n")
        self._stream.flush()

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """All finished units, the first one first.

        Raises:
            LabError: `data_missing` when the list was damaged.
        """
        with self._path.open(encoding="utf-8") as stream:
            for text in stream:
                try:
                    yield json.loads(text)
                except ValueError as error:
                    raise LabError("data_missing", f"{self._path} is damaged") from error

    def close(self) -> None:
        """Close the list."""
        self._stream.close()

    def _count(self) -> None:
        self.count = 0
        self.last: Mapping[str, Any] | None = None
        for line in self.lines():
            self.count, self.last = self.count + 1, line

    def _mend(self) -> None:
        """Drop a line of which only the beginning was written."""
        with self._path.open("rb+") as stream:
            whole = sum(len(line) for line in stream if line.endswith(b"\n"))
            stream.truncate(whole)


def _claim(stream: TextIO, folder: Path) -> None:
    """Keep other runs away for as long as the stream is open; Windows has no such lock."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigError("bad_option", f"Another run is writing {folder}.") from error


def _same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    others = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
    if others:
        told = ", ".join(others)
        raise ConfigError("bad_option", f"{folder} was begun with other values of: {told}.")
