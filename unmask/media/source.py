"""Opens one photo or video, whatever its name says."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from unmask.errors import InputError
from unmask.media.options import Limits, Sampling
from unmask.media.sniff import HEAD, Format, sniff
from unmask.types import Frame, Media

_CHUNK = 1 << 20


@dataclass
class Source:
    """An opened photo or video; to be closed, best by `with`.

    Attributes:
        media: What is known about it.
    """

    media: Media
    _frames: Callable[[], Iterator[Frame]]
    _close: Callable[[], None] = field(default=lambda: None)

    def frames(self) -> Iterator[Frame]:
        """Gives the frames, each time from the start; those of a video as they are decoded.

        Yields:
            Upright RGB frames in the order of time; for a photo exactly one.

        Raises:
            InputError: Where a video turns out to be broken: `no_frames`, `timeout`,
                `too_many_pixels`.
        """
        return self._frames()

    def close(self) -> None:
        """Closes the file; frames that were given out stay valid."""
        self._close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def prepare() -> None:
    """Import now what reading a photo imports late; for callers who have to wait anyway."""
    from PIL import JpegImagePlugin

    from unmask.media import credentials, photo

    del JpegImagePlugin, credentials, photo


def open_media(
    path: str | Path,
    *,
    limits: Limits | None = None,
    sampling: Sampling | None = None,
    history: bool = True,
) -> Source:
    """Opens a photo or a video.

    A photo is decoded at once. Of a video all packets are read, but nothing is decoded before
    `Source.frames` is asked for it.

    Args:
        path: A file; its name plays no part in how it is read.
        limits: Bounds against hostile files; by default those of `Limits()`.
        sampling: Which frames of a video; by default those of `Sampling()`.
        history: Whether to look for an earlier compression of a photo and for content
            credentials: facts that are told and never weighed, for 4 % of a large photo's time.

    Returns:
        The opened source.

    Raises:
        InputError: With one of its codes, except that a video's frames may still prove broken.

    Example:
        >>> open_media("missing.jpg")
        Traceback (most recent call last):
        unmask.errors.InputError: There is no such file. [not_found]
    """
    limits, sampling = limits or Limits(), sampling or Sampling()
    address = os.fspath(path)
    file = _open(address)
    try:
        size = os.fstat(file.fileno()).st_size
        found = _known(file, size)
        if found.kind == "video":
            return _video(file, address, found, size, limits, sampling, history)
        with file:
            return _photo(file, address, found, size, limits, history)
    except OSError as error:
        file.close()
        raise InputError("unreadable", f"Cannot be read: {error.strerror}.") from error
    except BaseException:
        file.close()
        raise


def _open(address: str) -> BinaryIO:
    """Opens plain files only: reading a pipe or a device could wait for ever.

    Raises:
        InputError: `not_found`, `unreadable`.
    """
    try:
        mode = os.stat(address).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no plain file"
            raise InputError("unreadable", f"This is {what}.")
        return open(address, "rb")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise InputError("not_found", "There is no such file.") from error
    except OSError as error:
        code = "not_found" if error.errno == errno.ENAMETOOLONG else "unreadable"
        raise InputError(code, f"Cannot be opened: {error.strerror}.") from error


def _known(file: BinaryIO, size: int) -> Format:
    if not size:
        raise InputError("empty", "The file is empty.")
    head = file.read(HEAD)
    file.seek(0)
    return sniff(head)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise InputError("too_many_bytes", f"{size} bytes are more than the limit of {most}.")


def _photo(
    file: BinaryIO, address: str, found: Format, size: int, limits: Limits, history: bool
) -> Source:
    from unmask.media import credentials
    from unmask.media.photo import read_photo

    _check_size(size, min(limits.bytes, limits.photo_bytes))
    data = file.read(size)
    digest = hashlib.sha256(data).hexdigest()
    photo = read_photo(data, found.name, limits, history=history)
    signed = history and credentials.MARK in data
    told = credentials.credential_facts(file, found.name) if signed else []
    height, width = photo.pixels.shape[:2]
    media = Media(address, "image", digest, found.name, width, height, facts=(*photo.facts, *told))
    return Source(media, lambda: iter([Frame(photo.pixels)]))


def _video(
    file: BinaryIO,
    address: str,
    found: Format,
    size: int,
    limits: Limits,
    sampling: Sampling,
    history: bool,
) -> Source:
    from unmask.media import container, credentials, index, video

    _check_size(size, limits.bytes)
    digest, signed = _hash(file, credentials.MARK)
    box = container.inspect(file, found.name, size)
    place = _place(file, address)
    try:
        where = index.build(place, found.name, limits)
    except InputError as error:
        if error.code == "no_frames" and box.cut_short:
            raise InputError("truncated", f"The {found.name} ends too early.") from error
        raise
    told = box.facts + index.facts(where, whole=not box.cut_short)
    told += credentials.credential_facts(file, found.name) if signed and history else []
    media = Media(
        address,
        "video",
        digest,
        found.name,
        where.width,
        where.height,
        where.duration,
        len(where.times) / where.duration,
        tuple(told),
    )
    return Source(
        media, lambda: video.frames(place, found.name, where, limits, sampling), file.close
    )


def _hash(file: BinaryIO, mark: bytes) -> tuple[str, bool]:
    """The file's sha256, and whether it holds the mark, in one reading."""
    digest, marked, tail = hashlib.sha256(), False, b""
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        marked = marked or mark in tail + chunk[: len(mark)] or mark in chunk
        tail = chunk[-len(mark) :]
    return digest.hexdigest(), marked


def _place(file: BinaryIO, address: str) -> str:
    """What FFmpeg is to open: where the system can, the open file itself.

    That is the file that was looked at, even if another took its name meanwhile, and its name may
    have bytes in it that OpenCV crashes on.
    """
    open_one = f"/dev/fd/{file.fileno()}"
    return open_one if os.path.exists(open_one) else os.path.abspath(address)
