"""The DeepFake Detection Challenge.

`dfdc_train_part_N/metadata.json`, in the root or in `train`, tells label and original of the clips
beside it; the sample that was given out first is `train_sample_videos`. `validation` and `test`
have `labels.csv`, in which 1 says forged. Frames may lie in `frames/NAME` of the same folder.

People are not published, so a forgery's unit is its original; in `validation` and `test`, where
originals are not told either, it is the clip. Neither are methods: all forgeries are one family.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._videos import (
    by_video,
    folders,
    lines,
    listed,
    load,
    written_as_published,
)

LABELS = ("REAL", "FAKE")
_PART = re.compile(r"dfdc_train_part_\d+|train_sample_videos")
_HELD: dict[str, Split] = {"validation": "val", "test": "test"}

FACTS = Facts(
    name="dfdc",
    title="DeepFake Detection Challenge",
    venue="arXiv 2020",
    licence="on registration, own terms",
    # Paper, section on the data's splits: 119,154 clips to train, 100,000 of them forged; 4,000 to
    # validate, half of them forged.
    counts={"train/0": 19154, "train/1": 100000, "val/0": 2000, "val/1": 2000},
)


def recognises(root: Path) -> bool:
    """Whether a part of the training set is there, or the labels of another one."""
    held = any((root / name / "labels.csv").is_file() for name in _HELD)
    return held or next(_parts(root), None) is not None


def samples(root: Path) -> Iterator[Sample]:
    """The parts of the training set, then the others, in the order of their lists."""
    for part in _parts(root):
        with written_as_published(part / "metadata.json") as path:
            yield from _read(part, "train", load(path))
    for name, split in _HELD.items():
        with written_as_published(root / name / "labels.csv") as path:
            rows = csv.DictReader(lines(path))
            held = {row["filename"]: {"label": LABELS[int(row["label"])]} for row in rows}
            yield from _read(root / name, split, held)


def _read(folder: Path, split: Split, rows: Mapping[str, Mapping[str, str]]) -> Iterator[Sample]:
    found = by_video(folder)
    for name, row in rows.items():
        label = LABELS.index(row["label"])
        for medium in listed(found, folder / name):
            yield Sample(
                path=medium.path,
                label=label,
                family=LABELS[1] if label else "",
                source=f"{FACTS.name}/{folder.name}",
                identity=Path(row.get("original") or name).stem,
                split=split,
                kind=medium.kind,
                video=medium.video,
            )


def _parts(root: Path) -> Iterator[Path]:
    for place in (root, root / "train"):
        yield from (f for f in folders(place) if _PART.fullmatch(f.name))
