from __future__ import annotations

import json
from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import dfdc

PART = "train/dfdc_train_part_3"
FILES = (
    f"{PART}/aaaaaaaaaa.mp4",
    f"{PART}/bbbbbbbbbb.mp4",
    f"{PART}/frames/bbbbbbbbbb/000.png",
    "validation/4000.mp4",
    "test/dddddddddd.mp4",
)
ROWS = {
    "aaaaaaaaaa.mp4": {"label": "REAL", "split": "train", "original": None},
    "bbbbbbbbbb.mp4": {"label": "FAKE", "split": "train", "original": "aaaaaaaaaa.mp4"},
    "cccccccccc.mp4": {"label": "FAKE", "split": "train", "original": "aaaaaaaaaa.mp4"},
}


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / PART / "metadata.json").write_text(json.dumps(ROWS))
    (root / "validation/labels.csv").write_text("filename,label\n4000.mp4,0\n")
    (root / "test/labels.csv").write_text("filename,label\ndddddddddd.mp4,1\n")


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    real, fake, frame, val, test = (tmp_path / name for name in FILES)
    part, unit = "dfdc/dfdc_train_part_3", "aaaaaaaaaa"
    absent = tmp_path / PART / "cccccccccc.mp4"
    assert list(dfdc.samples(tmp_path)) == [
        Sample(real, 0, "", part, unit, "train", "clip", unit),
        Sample(fake, 1, "FAKE", part, unit, "train", "clip", "bbbbbbbbbb"),
        Sample(frame, 1, "FAKE", part, unit, "train", "frame", "bbbbbbbbbb"),
        Sample(absent, 1, "FAKE", part, unit, "train", "clip", "cccccccccc"),
        Sample(val, 0, "", "dfdc/validation", "4000", "val", "clip", "4000"),
        Sample(test, 1, "FAKE", "dfdc/test", "dddddddddd", "test", "clip", "dddddddddd"),
    ]


@pytest.mark.parametrize("folder", ["dfdc_train_part_0", "train_sample_videos"])
def test_parts_may_lie_in_the_root(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "metadata.json").write_text(json.dumps(ROWS))
    assert dfdc.recognises(tmp_path)
    assert [s.label for s in dfdc.samples(tmp_path)] == [0, 1, 1]


def test_a_part_without_its_list_is_told(tmp_path: Path) -> None:
    (tmp_path / "dfdc_train_part_0").mkdir()
    with pytest.raises(LabError, match="data_missing"):
        list(dfdc.samples(tmp_path))


@pytest.mark.parametrize("text", ["filename\n4000.mp4\n", "filename,label\n4000.mp4,7\n"])
def test_a_list_without_known_labels_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test/labels.csv").write_text(text)
    with pytest.raises(LabError, match="unknown_layout"):
        list(dfdc.samples(tmp_path))
