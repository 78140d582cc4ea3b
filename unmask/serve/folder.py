"""The data folder: one for a server, private to its user, and never read through a link.

    unmask.sqlite3              the store
    incoming/<random>/0, 1 …    uploads that are not complete yet
    analyses/<id>/0, 1 …        complete uploads, until they were examined
    analyses/<id>/<place>.zip   the results; `place` is the lease of the worker that made them

No name on the disk is chosen by a client. Files are few, because making and removing them is what
costs: a file system may take longer for a small one than its worker for what is in it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import zipfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from unmask.errors import ConfigError, ServeError
from unmask.serve.records import Record

STORE = "unmask.sqlite3"
RESULTS = ".zip"
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

    def results(self, id: str, place: str) -> Path:
        """The file of an analysis' results."""
        return self.analysis(id) / f"{place}{RESULTS}"

    def keep(self, upload: Path, id: str) -> None:
        """Make a complete upload the files of an analysis."""
        upload.rename(self.analysis(id))

    def of(self, record: Record, *names: str) -> list[bytes | None]:
        """As `read_results`, of an analysis that may not have any."""
        if record.state != "done" or record.lease is None:
            return [None] * len(names)
        return read_results(self.root, record.id, record.lease, *names)

    def erase(self, id: str) -> None:
        """Remove everything of an analysis."""
        erase(self.analysis(id))

    def forget_files(self, id: str) -> None:
        """Remove what was uploaded for an analysis, once it has ended."""
        for part in self._parts(id):
            if part.suffix != RESULTS:
                erase(part)

    def drop(self, id: str, place: str) -> None:
        """Remove results of an analysis."""
        if self._is_own(id):
            erase(self.results(id, place))

    def _parts(self, id: str) -> list[Path]:
        """What an analysis consists of."""
        return _members(self.analysis(id)) if self._is_own(id) else []

    def _is_own(self, id: str) -> bool:
        """Whether the folder of an analysis is one, and no link in its place."""
        home = self.analysis(id)
        return home.is_dir() and not home.is_symlink()

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
            for part in self._parts(home.name):
                wanted = part.suffix != RESULTS if kept is None else part.stem == kept
                if not wanted:
                    erase(part)

    def free(self) -> int:
        """Bytes that are free on the disk."""
        return shutil.disk_usage(self.root).free

    def close(self) -> None:
        """Let another server have the folder."""
        os.close(self._lock)


def read_results(root: Path, id: str, place: str, *names: str) -> list[bytes | None]:
    """Parts of an analysis' results, `None` for what is not there.

    Nothing is there when the file is no plain file or behind a link.

    Args:
        root: The data folder.
        id: Of the analysis.
        place: Of its results.
        names: Of the parts.
    """
    with ExitStack() as opened:
        try:
            stream = opened.enter_context(_plain(root, id, f"{place}{RESULTS}", opened))
            kept = opened.enter_context(zipfile.ZipFile(stream))
            return [_part(kept, name) for name in names]
        except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile):
            return [None] * len(names)


def _part(kept: zipfile.ZipFile, name: str) -> bytes | None:
    """One part, unless it is packed: ours are not, and so none is larger than the file."""
    try:
        part = kept.getinfo(name)
    except KeyError:
        return None
    return kept.read(part) if part.compress_type == zipfile.ZIP_STORED else None


def _plain(root: Path, id: str, name: str, opened: ExitStack) -> BinaryIO:
    """A plain file of an analysis; no link on the way is followed.

    Raises:
        OSError: When there is none.
        ValueError: For a name that is none.
    """
    if any(part in {"", ".", ".."} or "/" in part for part in (id, name)):
        raise ValueError(name)
    place = os.open(root / "analyses", os.O_DIRECTORY | _PLAIN)
    opened.callback(os.close, place)
    place = os.open(id, os.O_DIRECTORY | _PLAIN, dir_fd=place)
    opened.callback(os.close, place)
    stream = open(os.open(name, _PLAIN, dir_fd=place), "rb")  # noqa: SIM115 - the caller's
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise ValueError(name)
    return stream


def erase(path: Path) -> None:
    """Remove a file, a link itself, or a folder with all that is in it; what is not there is fine.

    Raises:
        OSError: When something of it is still there.
    """
    while path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):  # somebody else removes the same: see what is left
            shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _members(folder: Path) -> list[Path]:
    """What is in a folder; nothing where there is none, or no longer."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


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
