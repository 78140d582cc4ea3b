"""Bundles: a folder with `model.onnx` and `card.json`, the only thing that crosses from lab to use.

Opening one runs no code from it: the card is JSON checked against a schema, the network is an ONNX
file whose sha256 the card states and whose weights lie inside it. Names are looked up among the
embedded bundles first, then in the user's folder; an embedded name therefore cannot be shadowed.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import unmask.models
from unmask.errors import BundleError, ConfigError
from unmask.judge import card as cards
from unmask.judge.card import Card, CropRecipe, ModelFile, OperatingPoint
from unmask.judge.onnxfile import external
from unmask.places import data_folder

__all__ = [
    "Bundle",
    "Card",
    "CropRecipe",
    "ModelFile",
    "OperatingPoint",
    "embedded",
    "embedded_detectors",
    "home",
    "import_folder",
    "installed",
    "load",
    "resolve",
]

CARD = "card.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_verified: set[tuple[object, ...]] = set()
"""Files found good in this process: path, identity, size, time of change, sha256."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was opened and verified.

    Attributes:
        folder: Where it lies.
        card: What it is.
    """

    folder: Path
    card: Card

    def __hash__(self) -> int:
        return hash((self.folder, self.card.model.sha256))  # the card's mappings have no hash

    @property
    def model(self) -> Path:
        """The network's file."""
        return self.folder / self.card.model.file

    def read(self) -> bytes:
        """Return the network's bytes, verified.

        Raises:
            BundleError: `bundle_altered` when they are not what the card says, `bundle_missing`
                when there are none, `bundle_unsupported` for weights in other files.
        """
        key = self._key()
        try:
            data = self.model.read_bytes()
        except OSError as error:
            raise BundleError("bundle_missing", f"{self.model} cannot be read: {error}.") from error
        if key not in _verified:
            self._verify(data)
            _verified.add(key)
        return data

    def verify(self) -> None:
        """Check the network's size and sha256, once per process while the file stays the same.

        Raises:
            BundleError: As `read`.
        """
        if self._key() not in _verified:
            self.read()

    def _key(self) -> tuple[object, ...]:
        """Identify the file as it is now; refuse one that is missing or has another size."""
        path, stated = self.model, self.card.model
        if path.is_symlink() or not path.is_file():
            raise BundleError("bundle_missing", f"{path} is not a plain file.")
        stat = path.stat()
        if stat.st_size != stated.bytes:
            raise _altered(path, f"it has {stat.st_size} bytes, its card says {stated.bytes}")
        return str(path.resolve()), stat.st_ino, stat.st_size, stat.st_mtime_ns, stated.sha256

    def _verify(self, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != self.card.model.sha256:
            raise _altered(self.model, "its sha256 is not the one on its card")
        try:
            outside = external(data)
        except ValueError as error:
            raise BundleError("bundle_invalid", f"{self.model} is not ONNX: {error}.") from error
        if outside:
            raise BundleError("bundle_unsupported", f"{self.model} keeps weights in other files.")


def load(folder: str | Path) -> Bundle:
    """Open a bundle and verify it.

    Args:
        folder: Holds `card.json` and the network it names.

    Raises:
        BundleError: `bundle_missing`, `bundle_invalid`, `bundle_altered` or `bundle_unsupported`.
    """
    folder = Path(folder)
    bundle = Bundle(folder, cards.parse(_card_bytes(folder)))
    bundle.verify()
    return bundle


def resolve(name_or_path: str | Path) -> Bundle:
    """Find a bundle by its name, or by the path of its folder, and open it.

    Args:
        name_or_path: An embedded name, a name in the user's folder, or a path.

    Raises:
        ConfigError: `unknown_detector` for a word that is neither a name nor a folder.
        BundleError: As `load`.
    """
    wanted = str(name_or_path)
    if _NAME.fullmatch(wanted):
        for place in (_embedded_home(), home()):
            if (place / wanted / CARD).is_file():
                return _named(place / wanted)
    if Path(name_or_path).is_dir() or os.sep in wanted:
        return load(name_or_path)
    known = ", ".join([*embedded(), *installed()]) or "none"
    raise ConfigError("unknown_detector", f"There is no detector {wanted!r}. Known: {known}.")


def embedded() -> tuple[str, ...]:
    """Return the names of the bundles that come with the package, sorted."""
    return _names(_embedded_home())


def embedded_detectors() -> tuple[str, ...]:
    """Return the names of those that judge, sorted; their cards are read, no network is touched."""
    place = _embedded_home()
    return tuple(n for n in embedded() if cards.parse(_card_bytes(place / n)).detects)


def installed() -> tuple[str, ...]:
    """Return the names of the bundles in the user's folder, sorted."""
    return _names(home())


def home() -> Path:
    """Return the user's folder of bundles: `models` in `UNMASK_HOME` or the platform's data folder.

    Example:
        >>> home().name
        'models'
    """
    return data_folder() / "models"


def import_folder(folder: str | Path, *, replace: bool = False) -> Bundle:
    """Copy a bundle into the user's folder, whole or not at all.

    Only the card and the network are copied, after both were verified.

    Args:
        folder: The bundle to copy.
        replace: Put it in the place of an installed bundle of the same name.

    Raises:
        BundleError: As `load`.
        ConfigError: `bad_option` when the name is taken.
    """
    import shutil
    import tempfile

    source = load(folder)
    name, target = source.card.name, home() / source.card.name
    if name in embedded():
        raise ConfigError("bad_option", f"{name!r} is the name of an embedded bundle.")
    if target.exists() and not replace:
        raise ConfigError("bad_option", f"A bundle {name!r} is installed already.")
    home().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=home()) as work:
        fresh = Path(work) / "new"
        fresh.mkdir()
        (fresh / source.card.model.file).write_bytes(source.read())
        (fresh / CARD).write_bytes(_card_bytes(source.folder))
        load(fresh)
        if target.exists():
            shutil.move(target, Path(work) / "old")
        fresh.rename(target)
    return load(target)


def _named(folder: Path) -> Bundle:
    """Open a bundle whose folder must carry its name, so that a name means one thing."""
    bundle = load(folder)
    if bundle.card.name != folder.name:
        raise BundleError(
            "bundle_invalid", f"{folder} holds a bundle that calls itself {bundle.card.name!r}."
        )
    return bundle


def _card_bytes(folder: Path) -> bytes:
    path = folder / CARD
    try:
        with path.open("rb") as stream:
            return stream.read(cards.MAX_CARD_BYTES + 1)
    except OSError as error:
        raise BundleError("bundle_missing", f"{path} cannot be read: {error}.") from error


def _embedded_home() -> Path:
    return Path(unmask.models.__path__[0])


def _names(place: Path) -> tuple[str, ...]:
    found = (card.parent.name for card in place.glob(f"*/{CARD}"))
    return tuple(sorted(name for name in found if _NAME.fullmatch(name)))


def _altered(path: Path, why: str) -> BundleError:
    return BundleError("bundle_altered", f"{path} is not what it was: {why}.")
