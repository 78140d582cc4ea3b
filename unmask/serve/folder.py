"""The data folder: one for a server, private to its user, and never read through a link.

    unmask.sqlite3              the store
    incoming/<random>/0, 1 …    uploads that are not complete yet
    analyses/<id>/files/0, 1 …  complete uploads, until they were examined
    analyses/<id>/<place>/…     the results; `place` is the lease of the worker that made them

No name on the disk is chosen by a client.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from unmask.errors import ConfigError, ServeError

STORE = "unmask.sqlite3"
FILES = "files"
REPORT = "report.json"
PICTURES = "pictures.json"
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_PLAIN = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0)


class Folder:
    """The data folder of a running server.

    Args:
        root: Where it lies; made when it is not there.

    Attributes:
        root: The same, without links.

    Raises:
        ServeError: `folder_taken` when another server uses it.
        ConfigError: `bad_option` when it cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root = root.resolve(strict=True)
            self._lock = _locked(self.root / "lock")
            self._prepare()
        except OSError as error:
            raise ConfigError(
                "bad_option", f"The data folder {str(root)!a} cannot be used: {error.strerror}."
            ) from error

    def _prepare(self) -> None:
        try:
            _refuse_strangers(self.root)
            for part in ("incoming", "analyses"):
                _own(self.root / part)
            for ending in ("", "-wal", "-shm", "-journal"):
                _refuse_link(self.root / f"{STORE}{ending}")
        except BaseException:
            self.close()
            raise

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.root / STORE

    def analysis(self, id: str) -> Path:
        """The folder of one analysis."""
        return self.root / "analyses" / id

    def fresh(self) -> Path:
        """A new, empty folder for an upload."""
        made = self.root / "incoming" / secrets.token_hex(16)
        made.mkdir(mode=0o700)
        return made

    def keep(self, upload: Path, id: str) -> None:
        """Make a complete upload the files of an analysis."""
        home = self.analysis(id)
        home.mkdir(mode=0o700)
        upload.rename(home / FILES)

    def read(self, *parts: str) -> bytes | None:
        """As `read_plain`."""
        return read_plain(self.root, *parts)

    def erase(self, id: str) -> None:
        """Remove everything of an analysis."""
        erase(self.analysis(id))

    def forget_files(self, id: str) -> None:
        """Remove what was uploaded for an analysis, once it has ended."""
        self.drop(id, FILES)

    def drop(self, id: str, part: str) -> None:
        """Remove one part of an analysis; nothing behind a link in the place of its folder."""
        home = self.analysis(id)
        if not home.is_symlink():
            erase(home / part)

    def tidy(self, known: dict[str, str | None]) -> None:
        """Remove what a killed server or worker left behind.

        Args:
            known: Every analysis that there is, with the place of its results; `None` while it
                waits.
        """
        for left in _members(self.root / "incoming"):
            erase(left)
        for home in _members(self.root / "analyses"):
            if home.name not in known or home.is_symlink():
                erase(home)
                continue
            kept = known[home.name]
            for part in _members(home):
                if part.name != (FILES if kept is None else kept):
                    erase(part)

    def free(self) -> int:
        """Bytes that are free on the disk."""
        return shutil.disk_usage(self.root).free

    def close(self) -> None:
        """Let another server have the folder."""
        os.close(self._lock)


def read_plain(root: Path, *parts: str) -> bytes | None:
    """A file below `analyses`; `None` when it is not there, no plain file, or behind a link.

    Args:
        root: The data folder.
        parts: Id, place and name.
    """
    if any(part in {"", ".", ".."} or "/" in part or "\0" in part for part in parts):
        return None
    with ExitStack() as opened:
        try:
            place = os.open(root / "analyses", os.O_DIRECTORY | _PLAIN)
            opened.callback(os.close, place)
            for part in parts[:-1]:
                place = os.open(part, os.O_DIRECTORY | _PLAIN, dir_fd=place)
                opened.callback(os.close, place)
            with open(os.open(parts[-1], _PLAIN, dir_fd=place), "rb") as stream:
                plain = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
                return stream.read() if plain else None
        except OSError:
            return None


def erase(path: Path) -> None:
    """Remove a file, a link itself, or a folder with all that is in it; what is not there is fine.

    Raises:
        OSError: When something of it is still there.
    """
    while path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):  # somebody else removes the same: see what is left
            shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _members(folder: Path) -> Iterator[Path]:
    return iter(list(folder.iterdir()) if folder.is_dir() else [])


def _own(path: Path) -> None:
    """Make a folder that is closed to others, and refuse a link in its place."""
    path.mkdir(mode=0o700, exist_ok=True)
    _refuse_link(path)
    path.chmod(0o700)


def _refuse_strangers(root: Path) -> None:
    """Whoever may rename what lies in the folder decides what the server reads and erases."""
    told = root.stat()
    if told.st_mode & stat.S_IWOTH or told.st_uid not in {0, os.getuid()}:
        raise ConfigError(
            "bad_option",
            f"The data folder {str(root)!a} is another user's, or open to all: name one inside it.",
        )


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise ConfigError("bad_option", f"{path.name} in the data folder is a link.")


def _locked(path: Path) -> int:
    """Hold the folder's lock; the system lets go of it when this process ends, however it ends."""
    try:
        import fcntl
    except ModuleNotFoundError as error:
        told = "The server needs Linux or macOS; elsewhere its container runs."
        raise ConfigError("not_installed", told) from error

    file = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise ServeError(
            "folder_taken", f"Another server uses the data folder {str(path.parent)!a}."
        ) from None
    return file
