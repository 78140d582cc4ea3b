"""What the readers of videos share: folders in a stable order, lists, clips and frames."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.errors import LabError
from unmask.lab.data.layout import Kind
from unmask.lab.data.sets._folders import CLIPS, PHOTOS


def natural(name: str) -> list[str | int]:
    """Sorting key that counts: "9.png" before "10.png".

    Example:
        >>> sorted(["10.png", "9.png"], key=natural)
        ['9.png', '10.png']
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def files(folder: Path, suffixes: Container[str]) -> list[Path]:
    """Visible files of a folder with one of the suffixes; none when there is no such folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name[0] != "." and e.is_file()]
    kept = (n for n in names if os.path.splitext(n)[1].lower() in suffixes)
    return [folder / name for name in sorted(kept, key=natural)]


def folders(folder: Path) -> list[Path]:
    """Visible folders of a folder; none when there is no such folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name[0] != "." and e.is_dir()]
    return [folder / name for name in sorted(names, key=natural)]


def beneath(folder: Path, suffixes: Container[str]) -> Iterator[Path]:
    """As `files`, then the same of every folder below."""
    yield from files(folder, suffixes)
    for below in folders(folder):
        yield from beneath(below, suffixes)


@dataclass(frozen=True, slots=True)
class Medium:
    """A clip, or one frame of a video.

    Attributes:
        video: The clip's name without suffix, or the name of the frame's folder.
        kind: "clip" or "frame".
        path: The file.
    """

    video: str
    kind: Kind
    path: Path


def media(folder: Path) -> Iterator[Medium]:
    """Clips of a folder or of `videos` in it, then frames: `frames/VIDEO/FRAME` or `images/…`."""
    for place in (folder, folder / "videos"):
        for clip in files(place, CLIPS):
            yield Medium(clip.stem, "clip", clip)
    for place in (folder / "frames", folder / "images"):
        for video in folders(place):
            for frame in files(video, PHOTOS):
                yield Medium(video.name, "frame", frame)


def names(folder: Path) -> list[str]:
    """The videos of `media`, without a look at their frames; one with clip and frames twice."""
    clips = (clip.stem for place in (folder, folder / "videos") for clip in files(place, CLIPS))
    framed = (f.name for place in ("frames", "images") for f in folders(folder / place))
    return [*clips, *framed]


def by_video(folder: Path) -> dict[str, list[Medium]]:
    """`media` of a folder by the name of their video."""
    found: dict[str, list[Medium]] = {}
    for medium in media(folder):
        found.setdefault(medium.video, []).append(medium)
    return found


def listed(found: Mapping[str, list[Medium]], clip: Path) -> list[Medium]:
    """What there is of a video that a list names by its clip; the absent clip if nothing."""
    return found.get(clip.stem) or [Medium(clip.stem, "clip", clip)]


def lines(path: Path) -> list[str]:
    """Lines of a list that hold something; none when there is no such list."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]


@contextmanager
def written_as_published(path: Path) -> Iterator[Path]:
    """While `path`, a list of a data set, is read.

    Raises:
        LabError: `unknown_layout` when what it holds is not what the set's own holds.
    """
    try:
        yield path
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"{path} is not as the set's own: {error!r}"
        raise LabError("unknown_layout", message) from error


def load(path: Path) -> Any:
    """A JSON file of a data set.

    Raises:
        LabError: `data_missing` when it is not there or cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError("data_missing", f"{path} cannot be read: {error}") from error
