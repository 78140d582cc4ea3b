"""WildDeepfake: faces cut out of videos from the internet.

`real_train`, `real_test`, `fake_train` and `fake_test`, in the root or in `deepfake_in_the_wild`,
hold archives `1.tar.gz` of `./1/fake/131/942.png`: archive, side, sequence, frame. An archive that
was unpacked where it lies is read from its folder. People are unknown, so the unit is the sequence.
An archive that breaks off is a sample itself, after those of its frames that can be told.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import PHOTOS
from unmask.lab.data.sets._videos import beneath, files, folders, natural

FORGED = "fake"
_FOLDERS: dict[str, tuple[int, Split]] = {
    "real_train": (0, "train"),
    "real_test": (0, "test"),
    "fake_train": (1, "train"),
    "fake_test": (1, "test"),
}
_ARCHIVES = frozenset({".gz", ".tar", ".tgz"})

FACTS = Facts(
    name="wild_deepfake",
    title="WildDeepfake",
    venue="ACM MM 2020",
    licence="research only",
    counts={"all": 7314},  # Sequences, by the paper's abstract.
)


def recognises(root: Path) -> bool:
    """Whether one of the four folders is there."""
    return any((_home(root) / name).is_dir() for name in _FOLDERS)


def samples(root: Path) -> Iterator[Sample]:
    """Frames, folder by folder, archive by archive."""
    for name, (label, split) in _FOLDERS.items():
        folder = _home(root) / name
        for path, frame in _frames(folder):
            sequence = frame.parent.as_posix()
            yield Sample(
                path=path,
                label=label,
                family=FORGED if label else "",
                source=f"{FACTS.name}/{name}",
                identity=f"{name}/{sequence}",
                split=split,
                kind="frame",
                video=sequence,
            )


def _home(root: Path) -> Path:
    inner = root / "deepfake_in_the_wild"
    return inner if inner.is_dir() else root


def _frames(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Where each frame is, and its name as it is in the archive."""
    unpacked = folders(folder)
    for place in unpacked:
        yield from ((path, path.relative_to(folder)) for path in beneath(place, PHOTOS))
    for archive in files(folder, _ARCHIVES):
        if archive.name.split(".")[0] not in {place.name for place in unpacked}:
            names, whole = _members(archive)
            yield from ((archive / name, Path(name)) for name in names)
            if not whole:
                yield archive, Path(archive.name, archive.name)


def _members(archive: Path) -> tuple[list[str], bool]:
    """Names of the pictures in an archive, and whether it could be read to its end."""
    names: list[str] = []
    whole = False
    try:
        with tarfile.open(archive) as members:
            for member in members:
                names.append(member.name.removeprefix("./"))
        whole = True
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        pass
    return sorted((n for n in names if Path(n).suffix.lower() in PHOTOS), key=natural), whole
