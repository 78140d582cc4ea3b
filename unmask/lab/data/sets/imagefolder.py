"""Image folders of Hugging Face's `datasets`: `train/<class>/0.png`, or a list beside the files.

The list is `metadata.csv` or `metadata.jsonl` in the root or in a split's folder; its `file_name`
is relative to the list. A column `label` decides, as a word or as a number, 1 for manipulated
(`datasets` itself numbers classes by the alphabet, which makes fake 0; such numbers are not
written to lists). Without it the folder's class decides. Columns called as other fields of a
sample fill them, the rest become labels. A class that is not called real or alike is a family.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from unmask.errors import LabError
from unmask.lab.data.layout import Facts, Sample
from unmask.lab.data.sets._folders import folders, kind_of, label_of, media, split_of

FACTS = Facts(
    name="imagefolder",
    title="Image folders of Hugging Face's datasets",
    venue="",
    licence="the set's own",
)

_LISTS = ("metadata.csv", "metadata.jsonl")
_NAME = "file_name"
_FIELDS = frozenset((_NAME, "label", "family", "identity", "split", "video"))


def recognises(root: Path) -> bool:
    """A list with a `file_name`, or nothing but splits that hold classes, one of them genuine."""
    if _lists(root):
        return True
    inner = list(folders(_top(root), 1))
    classes = {folder.name for split in inner for folder in folders(split, 1)}
    genuine = any(label_of(name) == 0 for name in classes)
    return genuine and len(classes) > 1 and all(split_of(f.name) for f in inner)


def samples(root: Path) -> Iterator[Sample]:
    """What the lists name, list by list; without lists, all media by split and class.

    Raises:
        LabError: `unknown_layout` when a list cannot be read, or when neither list nor folder
            tells a file's label.
    """
    rows = [(path.parent / row[_NAME], row) for path in _lists(root) for row in _rows(path)]
    rows = rows or [(path, {}) for path in media(_top(root))]
    words = {_word(root, path, row) for path, row in rows}
    labels = {_label(word) for word in words}
    if "" in words or (None in labels and 0 not in labels):
        told = ", ".join(repr(word) for word in sorted(words)[:5])
        raise LabError("unknown_layout", f"{root} does not tell what is real; it has {told}.")
    yield from (_sample(root, path, row) for path, row in rows)


def _top(root: Path) -> Path:
    return root / "data" if (root / "data").is_dir() else root


def _lists(root: Path) -> list[Path]:
    places = (folder / name for folder in (root, *folders(root, 2)) for name in _LISTS)
    return [path for path in places if path.is_file() and _NAME in _head(path)]


def _head(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return stream.readline()


def _rows(path: Path) -> Iterator[Mapping[str, str]]:
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix == ".csv":
            rows: Iterable[Mapping[str, Any]] = csv.DictReader(StringIO(text, newline=""))
        else:
            rows = map(json.loads, filter(str.strip, text.split("\n")))
        for row in rows:
            known = {key: _text(value) for key, value in row.items() if key and value is not None}
            if not known.get(_NAME) or Path(known[_NAME]).is_absolute():
                raise ValueError(f"a row without a relative {_NAME}")
            yield known
    except (ValueError, AttributeError, csv.Error) as error:
        raise LabError("unknown_layout", f"{path} cannot be read: {error}") from error


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _folders(root: Path, path: Path) -> tuple[list[str], list[str]]:
    """The splits and the classes among the folders above a file."""
    parts = [part for part in path.relative_to(root).parts[:-1] if part != "data"]
    return [p for p in parts if split_of(p)], [p for p in parts if not split_of(p)]


def _word(root: Path, path: Path, row: Mapping[str, str]) -> str:
    classes = _folders(root, path)[1]
    return row.get("label") or (classes[0] if classes else "")


def _label(word: str) -> int | None:
    return int(word) if word in ("0", "1") else label_of(word)


def _sample(root: Path, path: Path, row: Mapping[str, str]) -> Sample:
    splits, classes = _folders(root, path)
    word = _word(root, path, row)
    # A class of another name stands beside the genuine ones: a way of making them.
    label = 0 if _label(word) == 0 else 1
    extra = {key: value for key, value in row.items() if key not in _FIELDS and value}
    return Sample(
        path=path,
        label=label,
        family=(row.get("family") or (classes or [word])[0]) if label else "",
        source=FACTS.name,
        identity=row.get("identity") or path.relative_to(root).with_suffix("").as_posix(),
        split=split_of(row.get("split") or (splits or [""])[0]),
        kind="frame" if row.get("video") else kind_of(path),
        video=row.get("video", ""),
        labels=extra | ({"class": classes[0]} if classes else {}),
    )
