"""A list of samples as a table: `manifest.csv`, `manifest.jsonl` or `manifest.parquet`.

Columns are called as the fields of a sample. `path` and `label` (0, 1, or a word like real) must
be there; paths are relative to the list. Columns of other names become labels, among them
`sha256`, which `unmask data inspect` writes and holds the files against when it reads them again.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from unmask.errors import ConfigError, LabError
from unmask.lab.data.layout import Facts, Kind, Sample
from unmask.lab.data.sets._folders import kind_of, label_of, optional, split_of

FACTS = Facts(name="manifest", title="Manifest", venue="", licence="as the files it lists")

COLUMNS = tuple(field.name for field in fields(Sample) if field.name != "labels")
_NAMES = ("manifest.csv", "manifest.jsonl", "manifest.parquet")


def recognises(root: Path) -> bool:
    """Exactly one list of the usual name."""
    return len(_lists(root)) == 1


def samples(root: Path) -> Iterator[Sample]:
    """All rows in their order.

    Args:
        root: A folder with one list, or the list itself under any name.

    Raises:
        LabError: `data_missing` without exactly one list, `unknown_layout` when a row is no sample.
        ConfigError: `not_installed` for Parquet without polars.
    """
    lists = [root] if root.is_file() else _lists(root)
    if len(lists) != 1:
        raise LabError("data_missing", f"{root} holds {len(lists)} manifests, not one")
    for number, row in enumerate(_rows(lists[0]), 1):
        try:
            yield _sample(lists[0].parent, row)
        except (KeyError, ValueError) as error:
            message = f"{lists[0]}, row {number}: {error}"
            raise LabError("unknown_layout", message) from error


def write(found: Iterable[Sample], path: Path) -> None:
    """Write samples as a table that `samples` reads.

    Args:
        found: What to list.
        path: The list, `.csv` or `.jsonl`; paths in it are written relative to its folder.

    Raises:
        ConfigError: `bad_option` for another ending.
    """
    if (writer := _WRITERS.get(path.suffix)) is None:
        raise ConfigError("bad_option", f"A manifest ends in {' or '.join(_WRITERS)}, not {path}")
    rows = [_row(sample, path.parent) for sample in found]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer(rows, stream)


def _write_csv(rows: list[dict[str, str]], stream: TextIO) -> None:
    extra = sorted({key for row in rows for key in row} - set(COLUMNS))
    table = csv.DictWriter(stream, [*COLUMNS, *extra], restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)


def _write_lines(rows: list[dict[str, str]], stream: TextIO) -> None:
    stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


_WRITERS = {".csv": _write_csv, ".jsonl": _write_lines}


def _row(sample: Sample, folder: Path) -> dict[str, str]:
    row = {name: str(getattr(sample, name) or "") for name in COLUMNS}
    row |= {"label": str(sample.label), "path": _relative(sample.path, folder)}
    row["mask"] = _relative(sample.mask, folder) if sample.mask else ""
    return row | dict(sample.labels)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _lists(root: Path) -> list[Path]:
    return [root / name for name in _NAMES if (root / name).is_file()]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.suffix == ".parquet":
            polars = optional("polars", "Reading Parquet")
            yield from polars.read_parquet(path).iter_rows(named=True)
        elif path.suffix == ".jsonl":
            yield from map(json.loads, filter(str.strip, path.read_text("utf-8").split("\n")))
        else:
            yield from csv.DictReader(StringIO(path.read_text("utf-8-sig"), newline=""))
    except (OSError, ValueError, csv.Error) as error:
        raise LabError("unknown_layout", f"{path} cannot be read: {error}") from error


def _sample(folder: Path, row: Mapping[str, Any]) -> Sample:
    texts = {key: str(value) for key, value in row.items() if key and value not in (None, "")}
    path, mask = folder / texts["path"], texts.get("mask")
    return Sample(
        path=path,
        label=_label(texts["label"]),
        family=texts.get("family", ""),
        source=texts.get("source", FACTS.name),
        identity=texts.get("identity", texts["path"]),
        split=split_of(texts.get("split", "")),
        kind=_kind(path, texts),
        video=texts.get("video", ""),
        compression=texts.get("compression", ""),
        mask=folder / mask if mask else None,
        labels={key: value for key, value in texts.items() if key not in COLUMNS},
    )


def _label(word: str) -> int:
    label = int(word) if word in ("0", "1") else label_of(word)
    if label is None:
        raise ValueError(f"{word!r} is no label")
    return label


def _kind(path: Path, texts: Mapping[str, str]) -> Kind:
    said: dict[str, Kind] = {"photo": "photo", "frame": "frame", "clip": "clip"}
    return said.get(texts.get("kind", ""), "frame" if "video" in texts else kind_of(path))
