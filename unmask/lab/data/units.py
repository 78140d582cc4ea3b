"""Units of work: a photo, a clip, or all frames of one video; and the pictures of each.

Pictures come out of files, tar archives and LMDBs alike. Those of a clip, and the frames of a video
that was given as frames, are sampled evenly from its beginning to its end.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from unmask.errors import InputError, LabError
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import deepfakebench
from unmask.media import Limits, Sampling, Source, open_media
from unmask.media.photo import read_photo
from unmask.media.sampling import choose
from unmask.media.sniff import HEAD, sniff
from unmask.types import Frame, Pixels

Mask = npt.NDArray[np.uint8]
"""Shape (height, width): 0 untouched to 255 manipulated."""

_TARS = (".tar", ".tar.gz", ".tgz")
_SUM = 16


@dataclass(frozen=True, slots=True)
class Unit:
    """What is worked on at once.

    Attributes:
        key: Hexadecimal digits, from what the unit is and where it lies in its data set.
        root: The data set's folder.
        samples: A photo, a clip, or the frames of one video in the reader's order.
    """

    key: str
    root: Path
    samples: tuple[Sample, ...]

    def name(self, path: Path | None = None) -> str:
        """A path, by default the first sample's, as it is told: from the data set's folder on."""
        path = path or self.samples[0].path
        inner = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        return inner.as_posix()

    def weight(self, frames: int) -> int:
        """How many pictures it has at most, `frames` from a video."""
        many = self.samples[0].kind == "clip" or len(self.samples) > frames
        return frames if many else len(self.samples)


@dataclass(frozen=True, slots=True)
class View:
    """One picture of a unit.

    Attributes:
        frame: Upright; of frames given as files the index is the place among them.
        mask: What was manipulated, as large as the frame; `None` where unknown.
        sample: What it is of.
    """

    frame: Frame
    mask: Mask | None
    sample: Sample


def units(samples: Iterable[Sample], root: Path) -> list[Unit]:
    """Gather the frames of each video; everything else is a unit of its own.

    A sample that is listed twice, alike in everything, is one.

    Args:
        samples: Of one data set.
        root: Its folder, or the list that names them.

    Returns:
        Units in the order in which the first of their samples comes.
    """
    folder = root.parent if root.is_file() else root
    groups: dict[str, dict[Path, Sample]] = {}
    for sample in samples:
        key = _key(sample, Unit("", folder, (sample,)).name())
        groups.setdefault(key, {}).setdefault(sample.path, sample)
    return [Unit(key, folder, tuple(found.values())) for key, found in groups.items()]


def _key(sample: Sample, name: str) -> str:
    place = sample.video if sample.kind == "frame" and sample.video else name
    parts = [sample.source, sample.split, sample.kind, place, sample.compression]
    told = json.dumps([*parts, sample.label, sample.family])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:_SUM]


def views(unit: Unit, frames: int, failed: dict[Path, str]) -> Iterator[View]:
    """The pictures of a unit, one at a time and the same each time.

    Args:
        unit: The photo, clip or frames.
        frames: At most so many of a video, each from the middle of one of as many equal parts.
        failed: Is told each file that could not be used, with its code of `InputError`; a picture
            whose mask is unusable is left out like one that is so itself.

    Raises:
        InputError: When a clip turns out to be broken after some of its pictures were given.
    """
    if unit.samples[0].kind == "clip":
        yield from _clip(unit.samples[0], frames, failed)
        return
    count = len(unit.samples)
    places = choose(np.arange(float(count)), count, Sampling(frames=frames))
    some = [unit.samples[place] for place in places]
    stored = _stored(path for s in some for path in (s.path, s.mask) if path)
    for place, sample in zip(places.tolist(), some, strict=True):
        pixels = _photo(sample.path, stored, failed)
        mask = _photo(sample.mask, stored, failed) if sample.mask else None
        if pixels is not None and (sample.mask is None or mask is not None):
            yield View(Frame(pixels, place), _as_mask(mask, pixels), sample)


def _clip(sample: Sample, frames: int, failed: dict[Path, str]) -> Iterator[View]:
    sampling = Sampling(frames=frames)
    with ExitStack() as stack:
        opened = []
        for path in (sample.path, sample.mask):
            source = _whole(path, sampling, failed) if path else None
            opened.append(stack.enter_context(source) if source else None)
        clip, masks = opened
        if clip is None or (sample.mask and masks is None):
            return
        drawn = (frame.pixels for frame in masks.frames()) if masks else iter(())
        # A mask's clip may be shorter by a frame or two.
        for frame, mask in zip(clip.frames(), chain(drawn, repeat(None)), strict=False):
            yield View(frame, _as_mask(mask, frame.pixels), sample)


def _whole(path: Path, sampling: Sampling, failed: dict[Path, str]) -> Source | None:
    """An opened file, or `None` after telling what is wrong; files cut short are not taken."""
    try:
        source = open_media(path, sampling=sampling)
    except InputError as error:
        failed[path] = error.code
        return None
    if any(fact.name == "file.truncated" for fact in source.media.facts):
        source.close()
        failed[path] = "truncated"
        return None
    return source


def _photo(path: Path, stored: Mapping[Path, bytes], failed: dict[Path, str]) -> Pixels | None:
    if path in stored:
        try:
            data = stored[path]
            if not data:
                raise InputError("empty", "The file is empty.")
            return read_photo(data, sniff(data[:HEAD]).name, Limits()).pixels
        except InputError as error:
            failed[path] = error.code
            return None
    source = _whole(path, Sampling(frames=1), failed)
    if source is None:
        return None
    with source:
        return next(source.frames()).pixels


def _as_mask(drawn: Pixels | None, pixels: Pixels) -> Mask | None:
    if drawn is None:
        return None
    height, width = pixels.shape[:2]
    grey = drawn.max(axis=2)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _stored(paths: Iterable[Path]) -> dict[Path, bytes]:
    """The bytes of those files that lie in an archive or a data base; each archive is read once."""
    found: dict[Path, bytes] = {}
    archives: dict[Path, dict[str, Path]] = {}
    for path in paths:
        if any(folder.name.endswith("_lmdb") for folder in path.parents) and not path.exists():
            with suppress(LabError):
                found[path] = deepfakebench.member(path)
        archive = next((p for p in path.parents if p.name.endswith(_TARS) and p.is_file()), None)
        if archive:
            archives.setdefault(archive, {})[path.relative_to(archive).as_posix()] = path
    for archive, wanted in archives.items():
        found |= _unpacked(archive, wanted)
    return found


def _unpacked(archive: Path, wanted: Mapping[str, Path]) -> dict[Path, bytes]:
    found: dict[Path, bytes] = {}
    # What a broken archive does not give up is missing, whatever the reason.
    with suppress(tarfile.TarError, EOFError, OSError, zlib.error), tarfile.open(archive) as stream:
        for member in stream:
            path = wanted.get(member.name.removeprefix("./"))
            if path and (content := stream.extractfile(member)):
                found[path] = content.read(Limits().photo_bytes)
            if len(found) == len(wanted):
                break
    return found
