"""What several readers share: which files are media, and what folder names mean."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from unmask.errors import ConfigError
from unmask.lab.data.layout import Kind, Split
from unmask.media import walk


def words(text: str) -> frozenset[str]:
    """The set of the words in a text."""
    return frozenset(text.split())


PHOTOS = words(".jpg .jpeg .jpe .png .bmp .tif .tiff .webp .gif .ppm .avif .heic")
CLIPS = words(".mp4 .avi .mov .mkv .webm .m4v .mpg .mpeg .wmv")

_SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_GENUINE = words("real genuine authentic original pristine bonafide untouched")
_MADE = words("fake forged forgery manipulated synthetic generated deepfake")
_MADE |= words("tampered morph spoof swap swapped")
_PLAIN = words("image img photo picture face frame crop video clip sample")


def media(folder: Path) -> Iterator[Path]:
    """Every photo and video below a folder, by its ending, in sorted order."""
    for name in walk([str(folder)] if folder.is_dir() else []):
        path = Path(name)
        if path.suffix.lower() in PHOTOS | CLIPS:
            yield path


def kind_of(path: Path) -> Kind:
    """Whether a file that stands alone is a photo or a clip, by its ending."""
    return "clip" if path.suffix.lower() in CLIPS else "photo"


def folders(root: Path, depth: int) -> Iterator[Path]:
    """Folders below `root` that are not hidden, sorted, each before those in it.

    Args:
        root: Where to look; it need not exist.
        depth: How many levels down; 1 gives the folders in `root` alone.
    """
    if depth < 1 or not root.is_dir():
        return
    # Folders of a set may hold a million files: the listing already tells what is a folder.
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if e.name[0] != "." and e.is_dir())
    for name in names:
        yield root / name
        yield from folders(root / name, depth - 1)


def split_of(word: str) -> Split:
    """The split that a folder's name stands for; "" where it stands for none.

    Example:
        >>> split_of("Validation"), split_of("frames")
        ('val', '')
    """
    return _SPLITS.get(word.lower(), "")


def label_of(name: str) -> int | None:
    """The label that a folder's name gives, `None` where it gives none or both.

    Only names that say nothing else count: "fake_images_01" does, "fake_news_corpus" does not,
    for such a word more often names a collection than a class.

    Example:
        >>> label_of("real"), label_of("Fake faces 2"), label_of("real_vs_fake"), label_of("anna")
        (0, 1, None, None)
    """
    rest = _said(name) - _GENUINE - _MADE - _PLAIN - _SPLITS.keys()
    return None if rest else hint(name)


def hint(name: str) -> int | None:
    """The label that words in any name hint at, whatever else it says; `None` for none or both.

    Example:
        >>> hint("fake_news_corpus"), hint("anna_real_03"), hint("anna")
        (1, 0, None)
    """
    said = _said(name)
    genuine, made = bool(said & _GENUINE), bool(said & _MADE)
    return None if genuine == made else int(made)


def _said(name: str) -> frozenset[str]:
    plain = re.sub("bona[ _-]fide", "bonafide", name.lower())
    return frozenset(word.removesuffix("s") for word in re.findall("[a-z]+", plain))


def optional(module: str, purpose: str) -> ModuleType:
    """A library that only some layouts need.

    Raises:
        ConfigError: `not_installed`.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        message = f"{purpose} needs the library {module}: pip install {module}"
        raise ConfigError("not_installed", message) from error
