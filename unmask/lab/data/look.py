"""One look at a file of a data set: whether it is sound, its sum, and what it resembles."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unmask.errors import InputError, LabError
from unmask.lab.data.sets import deepfakebench
from unmask.media import Limits, Sampling, open_media
from unmask.media.photo import read_photo
from unmask.media.sniff import HEAD, sniff
from unmask.types import Pixels

_TARS = (".tar", ".tar.gz", ".tgz")
_ACROSS, _DOWN = 17, 16
_RISE = 2
_FLAT = 4.0
_SMALL = 64


@dataclass(frozen=True, slots=True)
class Look:
    """What a file turned out to be.

    Attributes:
        error: A code of `InputError`, or "" when the file is sound.
        sha256: Of the file; "" when it could not be opened.
        size: Width and height in pixels.
        print: Bits that stay nearly the same when a picture is scaled or compressed, as
            `fingerprint` gives them; of a video, of its middle frame.
        traits: Bytes a pixel, pixels, brightness, saturation and sharpness: what files of one
            origin have in common.
    """

    error: str = ""
    sha256: str = ""
    size: tuple[int, int] = (0, 0)
    print: int | None = None
    traits: tuple[float, ...] = ()


def looks(paths: Iterable[Path], threads: int = 1) -> Iterator[tuple[Path, Look]]:
    """Look at many files, in any order; each tar archive is read but once.

    Args:
        paths: Files, members of tar archives and members of LMDBs.
        threads: Files looked at side by side.
    """
    archives: dict[Path, list[Path]] = defaultdict(list)
    plain: list[Path] = []
    for path in paths:
        archive = next((p for p in path.parents if p.name.endswith(_TARS) and p.is_file()), None)
        (plain if archive is None else archives[archive]).append(path)
    with ThreadPoolExecutor(threads) as pool:
        yield from zip(plain, pool.map(look, plain), strict=True)
    for archive, members in archives.items():
        yield from _archived(archive, members)


def look(path: Path) -> Look:
    """Decode a photo, or one frame of a video; a member of an LMDB is taken out of it.

    Example:
        >>> look(Path("missing.jpg")).error
        'not_found'
    """
    try:
        return _file(path) if path.exists() else _stored(path)
    except InputError as error:
        return Look(error.code, _sum(path))


def _file(path: Path) -> Look:
    with open_media(path, sampling=Sampling(frames=1)) as source:
        pixels = next(source.frames()).pixels
        cut = any(fact.name == "file.truncated" for fact in source.media.facts)
        return _seen(pixels, source.media.sha256, path.stat().st_size, "truncated" if cut else "")


def _stored(path: Path) -> Look:
    if not any(folder.name.endswith("_lmdb") for folder in path.parents):
        return Look("not_found")
    try:
        return _bytes(deepfakebench.member(path))
    except LabError:
        return Look("not_found")


def _archived(archive: Path, members: list[Path]) -> Iterator[tuple[Path, Look]]:
    wanted = {path.relative_to(archive).as_posix(): path for path in members}
    try:
        with tarfile.open(archive) as stream:
            for member in stream:
                path = wanted.get(member.name.removeprefix("./"))
                if path and (content := stream.extractfile(member)):
                    del wanted[member.name.removeprefix("./")]
                    yield path, _bytes(content.read())
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        pass  # What an archive does not give up is missing, whatever the reason.
    yield from ((path, Look("not_found")) for path in wanted.values())


def _bytes(data: bytes) -> Look:
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        return Look("empty", digest)
    try:
        pixels = read_photo(data, sniff(data[:HEAD]).name, Limits()).pixels
    except InputError as error:
        return Look(error.code, digest)
    return _seen(pixels, digest, len(data), "")


def _sum(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _seen(pixels: Pixels, digest: str, size: int, error: str) -> Look:
    height, width = pixels.shape[:2]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(pixels, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.int16)
    traits = (
        size / (height * width),
        float(height * width),
        float(small.mean()),
        float((small.max(axis=2) - small.min(axis=2)).mean()),
        float(cv2.Laplacian(grey, cv2.CV_32F).std()),
    )
    return Look(error, digest, (width, height), fingerprint(pixels), traits)


def fingerprint(pixels: Pixels) -> int | None:
    """Where brightness rises from left to right, on a coarse grid, as 256 bits.

    Args:
        pixels: Shape (height, width, 3).

    Returns:
        The bits; `None` where the picture is too plain to be told from others.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, (_ACROSS, _DOWN), interpolation=cv2.INTER_AREA).astype(np.int16)
    if cells.std() < _FLAT:
        return None
    # A rise within noise would turn with every compression.
    return int.from_bytes(np.packbits(np.diff(cells, axis=1) > _RISE).tobytes())
