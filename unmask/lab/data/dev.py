"""The development set: folders of photos and clips described by one `LABELS.tsv`.

Every sample gets a split by source and by person (or source video), never by frame. Sets named in
`UNSEEN_SETS` are never trained on, so they measure what happens on a source nobody has seen. Half
of their people set thresholds, because thresholds do not travel between sources; half test.
The other sets are divided by a hash of the unit.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unmask.errors import LabError

Split = Literal["train", "val", "test"]
UNSEEN_SETS = frozenset(
    {
        "ciplab_photoshop",
        "swap_timit_norm",
        "ffpp_c23",
        "morph_train_3dsk",
        "real_amfd",
        "portrait_seg_pvt",
    }
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One file.

    Attributes:
        path: Absolute.
        label: 1 manipulated or synthetic, 0 not.
        family: How it was made, or which kind of genuine photo it is.
        set: Source set.
        unit: The independent unit: person or source video; the file itself where unknown.
        split: "train", "val" or "test".
        licence: As stated by its source.
    """

    path: Path
    label: int
    family: str
    set: str
    unit: str
    split: Split
    licence: str


def samples(root: Path) -> list[Sample]:
    """All photos and clips of faces under `root`, in the file's order; masks and scenes left out.

    Raises:
        LabError: `data_missing` when there is no `LABELS.tsv`.
    """
    return [_sample(root, row) for row in rows(root) if row["label"] in ("real", "fake", "morph")]


def backgrounds(root: Path) -> list[Path]:
    """Scenes that hold no face: the untouched photos of the tampering set."""
    return [root / row["path"] for row in rows(root) if row["label"] == "authentic"]


def rows(root: Path) -> list[dict[str, str]]:
    """The label file as it stands."""
    table = root / "LABELS.tsv"
    if not table.is_file():
        raise LabError("data_missing", f"no LABELS.tsv in {root}")
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _sample(root: Path, row: dict[str, str]) -> Sample:
    unit = f"{row['set']}/{row['identity'] or row['path']}"
    return Sample(
        path=root / row["path"],
        label=int(row["label"] != "real"),
        family=row["family"],
        set=row["set"],
        unit=unit,
        split=split_of(row["set"], unit),
        licence=row["licence"],
    )


def split_of(source: str, unit: str) -> Split:
    """70 % train, 10 % val, 20 % test by unit; of unseen sets half val, half test.

    Example:
        >>> split_of("ciplab_photoshop", "anything") in ("val", "test")
        True
    """
    place = int(hashlib.sha256(unit.encode()).hexdigest()[:8], 16) / 0xFFFFFFFF
    if source in UNSEEN_SETS:
        return "val" if place < 0.5 else "test"
    return "train" if place < 0.7 else "val" if place < 0.8 else "test"
