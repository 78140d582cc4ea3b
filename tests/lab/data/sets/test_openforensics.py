from __future__ import annotations

import json
from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import openforensics

CATEGORIES = [{"id": 0, "name": "Real"}, {"id": 1, "name": "Fake"}]


def face(image: int, box: list[int], category: int) -> dict[str, object]:
    outline = [[1, 2, 3, 4, 5, 6]]
    return {"image_id": image, "bbox": box, "category_id": category, "segmentation": outline}


def build(root: Path) -> None:
    folder = root / "Train" / "Train"
    folder.mkdir(parents=True)
    (folder / "aa.jpg").touch()
    (folder / "bb.jpg").touch()
    train = {
        "categories": CATEGORIES,
        "images": [
            {"id": 7, "file_name": "Images/Train/aa.jpg"},
            {"id": 3, "file_name": "Images/Train/bb.jpg"},
            {"id": 4, "file_name": "Images/Train/missing.jpg"},
        ],
        "annotations": [
            face(3, [1, 2, 30, 40], 0),
            face(7, [5, 6, 10, 20], 0),
            face(7, [9, 9, 11, 12], 1),
        ],
    }
    (root / "Train" / "Train_poly.json").write_text(json.dumps(train))
    (root / "Test-Dev").mkdir()
    (root / "Test-Dev" / "cc.jpg").touch()
    tests = {
        "categories": CATEGORIES,
        "images": [{"id": 0, "file_name": "Images/Test-Dev/cc.jpg"}],
        "annotations": [face(0, [0, 0, 8, 8], 1)],
    }
    (root / "Test-Dev_poly.json").write_text(json.dumps(tests))


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "openforensics"
    folder, train = tmp_path / "Train" / "Train", "openforensics/Train"
    two = {"faces": "[[5, 6, 10, 20, 0], [9, 9, 11, 12, 1]]"}
    family = "exchanged face"
    assert list(openforensics.samples(tmp_path)) == [
        Sample(folder / "aa.jpg", 1, family, train, "aa", "train", labels=two),
        Sample(
            *(folder / "bb.jpg", 0, "", train, "bb", "train"),
            labels={"faces": "[[1, 2, 30, 40, 0]]"},
        ),
        Sample(folder / "missing.jpg", 0, "", train, "missing", "train", labels={"faces": "[]"}),
        Sample(
            *(tmp_path / "Test-Dev/cc.jpg", 1, family, "openforensics/Test-Dev", "cc", "test"),
            labels={"faces": "[[0, 0, 8, 8, 1]]"},
        ),
    ]


@pytest.mark.parametrize("text", ["[", "{}", '{"annotations": [{}], "images": []}'])
def test_a_broken_list_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "Val_poly.json").write_text(text)
    with pytest.raises(LabError, match="Val_poly"):
        list(openforensics.samples(tmp_path))
