"""Sharded tar in the convention of webdataset: `<key>.png`, `<key>.json`, `<key>.mask.png`.

A shard takes units until it might hold `FULL` crops; which unit comes into which shard is known
beforehand. It is called `.part` until it is complete.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from unmask.errors import LabError
from unmask.lab.data.cutting import Picture
from unmask.lab.data.units import Unit
from unmask.lab.data.writers import Line

FULL = 2048
_BLOCK = tarfile.BLOCKSIZE


class Writer:
    """Appends to one shard at a time."""

    def __init__(self, out: Path, units: Sequence[Unit], frames: int) -> None:
        self._out, self._shards = out, dict(_shards(units, frames))
        self._shard = -1
        self._file: BinaryIO | None = None

    def resume(self, last: Line) -> None:
        """Cut off what was begun after the line; see `writers.Writer`."""
        self._shard = last["shard"]
        part, open_ = self._part(), self._part().is_file()
        for number in range(self._shard + (not open_)):
            if not self._whole(number).is_file():
                raise LabError("data_missing", f"{self._whole(number)} was written and is gone")
        if not open_:
            return
        if part.stat().st_size < last["end"]:
            raise LabError("data_missing", f"{part} is shorter than it was")
        self._file = part.open("r+b")
        self._file.truncate(last["end"])
        self._file.seek(last["end"])

    def put(self, unit: Unit, pictures: Sequence[Picture]) -> dict[str, Any]:
        """Append a unit's members; see `writers.Writer`."""
        if self._shards[unit.key] != self._shard or self._file is None:
            self._complete()
            self._shard = self._shards[unit.key]
            self._file = self._part().open("wb")
        for name, data in (member for picture in pictures for member in members(picture)):
            self._file.write(_header(name, len(data)) + data + bytes(-len(data) % _BLOCK))
        self._file.flush()
        return {"shard": self._shard, "end": self._file.tell()}

    def finish(self, lines: Iterable[Line]) -> None:
        """Complete the last shard."""
        self._complete()

    def close(self) -> None:
        """Let go of the open shard as it is."""
        if self._file is not None:
            self._file.close()

    def _complete(self) -> None:
        """End the open shard as tar wants it and give it its name."""
        if self._file is None:
            return
        ending = 2 * _BLOCK
        ending += -(self._file.tell() + ending) % tarfile.RECORDSIZE
        self._file.write(bytes(ending))
        self._file.close()
        self._part().replace(self._whole(self._shard))
        self._file = None

    def _whole(self, number: int) -> Path:
        return self._out / f"shard-{number:06d}.tar"

    def _part(self) -> Path:
        return self._out / f"shard-{self._shard:06d}.tar.part"


def members(picture: Picture) -> Iterator[tuple[str, bytes]]:
    """The files of one crop, by name; the same in every format that keeps JSON beside them."""
    ending = "png" if picture.image.startswith(b"\x89PNG") else "jpg"
    yield f"{picture.key}.{ending}", picture.image
    if picture.mask is not None:
        yield f"{picture.key}.mask.png", picture.mask
    yield f"{picture.key}.json", json.dumps(picture.facts, sort_keys=True).encode()


def _shards(units: Iterable[Unit], frames: int) -> Iterator[tuple[str, int]]:
    shard, held = 0, 0
    for unit in units:
        weight = unit.weight(frames)
        if held and held + weight > FULL:
            shard, held = shard + 1, 0
        held += weight
        yield unit.key, shard


def _header(name: str, size: int) -> bytes:
    """The same on every machine and at every time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o644, 0
    return member.tobuf(tarfile.USTAR_FORMAT)
