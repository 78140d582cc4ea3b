"""Both versions of Celeb-DF.

`Celeb-real/id0_0000.mp4`, `YouTube-real/00000.mp4` and `Celeb-synthesis/id0_id16_0000.mp4`, where
the video of the first person carries the face of the second; clips may lie one folder deeper, in
`videos`, and frames in `frames/NAME`. `List_of_testing_videos.txt` has lines such as
`1 YouTube-real/00170.mp4` in which 1 says genuine: the labels here come from the folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from unmask.lab.data.layout import Sample, Split
from unmask.lab.data.sets._videos import Medium, by_video, lines, listed, names, natural

FORGED = "Celeb-synthesis"
FOLDERS = ("Celeb-real", "YouTube-real", FORGED)
_LIST = "List_of_testing_videos.txt"
_LAST_OF_V1 = 17  # The first version shows persons id0 to id17, the second goes on to id61.
_NAME = re.compile(r"(id\d+)_(?:(id\d+)_)?\d+")


def version(root: Path) -> int:
    """1 or 2, told from the persons' numbers; 0 when this is no Celeb-DF."""
    if not ((root / FORGED).is_dir() and any((root / f).is_dir() for f in FOLDERS[:2])):
        return 0
    found = [name for _, name in _tests(root)]
    found += [name for folder in (FOLDERS[0], FORGED) for name in names(root / folder)]
    people = (int(number) for name in found for number in re.findall(r"id(\d+)_", name))
    return 2 if max(people, default=0) > _LAST_OF_V1 else 1


def read(root: Path, reader: str) -> Iterator[Sample]:
    """Samples of either version: listed ones are the test split, the others train."""
    tests = _tests(root)
    for folder in FOLDERS:
        found = by_video(root / folder)
        absent = (name for place, name in tests if place == folder)
        for name in sorted({*found, *absent}, key=natural):
            split: Split = "test" if (folder, name) in tests else "train" if tests else ""
            yield from _video(root / folder, reader, name, split, found)


def _tests(root: Path) -> set[tuple[str, str]]:
    paths = (PurePosixPath(line.split(maxsplit=1)[-1]) for line in lines(root / _LIST))
    return {(path.parts[0], path.stem) for path in paths}


def _video(
    folder: Path, reader: str, name: str, split: Split, found: Mapping[str, list[Medium]]
) -> Iterator[Sample]:
    people = match.groups() if (match := _NAME.fullmatch(name)) else (name, None)
    for medium in listed(found, folder / f"{name}.mp4"):
        yield Sample(
            path=medium.path,
            label=int(folder.name == FORGED),
            family=FORGED if folder.name == FORGED else "",
            source=f"{reader}/{folder.name}",
            identity=people[0],
            split=split,
            kind=medium.kind,
            video=name,
            labels={"donor": people[1]} if people[1] else {},
        )
