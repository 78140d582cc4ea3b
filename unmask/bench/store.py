"""Numbers once worked out, kept in Parquet so that a killed run goes on where it was.

A row is keyed by the file (path, size and time of change), the number of the frame, the sha256 of
what looked at it, that of the finder, and the perturbation with its seed. Rows are written in
parts, each beside its place and then moved into it; nothing that was written is touched again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from unmask.bench import libraries

Key = tuple[str, int, str, str, str]
"""File, frame, sha256 of the detector, of the finder, perturbation."""
COLUMNS = ("file", "frame", "detector", "finder", "perturbation")
PART = 2000
"""Rows a part."""


def file_key(path: Path) -> str:
    """What stands for a file: a hash of its path, size and time of change.

    Example:
        >>> len(file_key(Path("missing.png")))
        64
    """
    place = next((p for p in (path, *path.parents) if p.is_file()), None)
    stat = place.stat() if place else None
    told = f"{path.absolute()}|{stat.st_size}|{stat.st_mtime_ns}" if stat else str(path.absolute())
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


class Store:
    """Values by key, in a folder of Parquet files.

    An empty list of values says that the picture was looked at and gave nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: dict[Key, list[float]] = {}
        self._fresh: dict[Key, list[float]] = {}
        for path in sorted(folder.glob("*.parquet")):
            for *key, values in libraries.polars().read_parquet(path).iter_rows():
                self._rows[tuple(key)] = values

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __getitem__(self, key: Key) -> list[float]:
        return self._rows[key]

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: Key, values: Sequence[float]) -> None:
        """Keep values; every now and then they are written."""
        self._rows[key] = self._fresh[key] = [float(value) for value in values]
        if len(self._fresh) >= PART:
            self.save()

    def save(self) -> None:
        """Write what is new."""
        if not self._fresh:
            return
        polars = libraries.polars()
        table: dict[str, Any] = {
            name: [key[i] for key in self._fresh] for i, name in enumerate(COLUMNS)
        }
        values = polars.Series("values", list(self._fresh.values()), polars.List(polars.Float64))
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / f"{uuid4().hex}.part"
        polars.DataFrame([*(polars.Series(n, v) for n, v in table.items()), values]).write_parquet(
            place
        )
        os.replace(place, place.with_suffix(".parquet"))
        self._fresh = {}
