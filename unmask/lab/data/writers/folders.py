"""Folders: `<split>/<real or the family>/<key>.png` with `<key>.json`, listed by `manifest.csv`.

The manifest makes the result a data set that every command reads again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unmask.lab.data.cutting import Picture
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import manifest
from unmask.lab.data.units import Unit
from unmask.lab.data.writers import Line
from unmask.lab.data.writers.tar import members


class Writer:
    """Puts each crop's files beside one another."""

    def __init__(self, out: Path, units: Sequence[Unit], frames: int) -> None:
        self._out, self._units = out, units

    def resume(self, last: Line) -> None:
        """Nothing to undo: a unit that was begun is written over; see `writers.Writer`."""

    def put(self, unit: Unit, pictures: Sequence[Picture]) -> dict[str, Any]:
        """Write a unit's files; see `writers.Writer`."""
        folder = _folder(unit.samples[0])
        (self._out / folder).mkdir(parents=True, exist_ok=True)
        stored = []
        for picture in pictures:
            names = {name.partition(".")[2]: name for name, _ in members(picture)}
            for name, data in members(picture):
                (self._out / folder / name).write_bytes(data)
            image = names.get("png") or names["jpg"]
            stored.append([image, names.get("mask.png", ""), picture.number])
        return {"folder": folder, "stored": stored}

    def finish(self, lines: Iterable[Line]) -> None:
        """List all crops."""
        pairs = zip(self._units, lines, strict=True)
        found = (sample for unit, line in pairs for sample in self._listed(unit, line))
        manifest.write(found, self._out / "manifest.csv")

    def close(self) -> None:
        """Nothing is held open."""

    def _listed(self, unit: Unit, line: Line) -> Iterator[Sample]:
        folder, clip = self._out / line["folder"], unit.samples[0].kind == "clip"
        for image, mask, number in line["stored"]:
            sample = unit.samples[0 if clip else number]
            yield replace(
                sample,
                path=folder / image,
                mask=folder / mask if mask else None,
                kind="frame" if clip else sample.kind,
                video=sample.video or (unit.key if clip else ""),
                labels={k: v for k, v in sample.labels.items() if k != "sha256"},
            )


def plain(name: str) -> str:
    """A name that can be a folder's on any system.

    Example:
        >>> plain("exchanged face/2")
        'exchanged_face_2'
    """
    return re.sub(r"[^\w+.-]", "_", name).strip(".") or "_"


def _folder(sample: Sample) -> str:
    family = plain(sample.family or "fake") if sample.label else "real"
    return f"{sample.split or 'all'}/{family}"
