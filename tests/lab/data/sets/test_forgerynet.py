from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import forgerynet

TRAIN = """\
image_name binary_cls_label triple_cls_label 16cls_label
train_release/6/be4f/47f4/frame00049.jpg 1 2 4
train_release/18/aa7b/frame00014.jpg 0 0 0
"""
VAL = "val_perturb_release/11/photo 1.jpg 1 1 9\n"


def build(root: Path) -> None:
    for part, text in (("Training", TRAIN), ("list/Validation", VAL)):
        (root / part).mkdir(parents=True)
        (root / part / "image_list.txt").write_text(text)
    (root / "Training/spatial_localize/train_mask_release").mkdir(parents=True)
    (root / "Validation/spatial_localize").mkdir(parents=True)


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    train, val = (tmp_path / part / "image" for part in ("Training", "Validation"))
    masks = tmp_path / "Training/spatial_localize/train_mask_release"
    name = "6/be4f/47f4/frame00049.jpg"
    assert list(forgerynet.samples(tmp_path)) == [
        Sample(
            *(train / "train_release" / name, 1, "4", "forgerynet/train", "be4f", "train"),
            *("frame", "6/be4f/47f4", "", masks / name),
            {"2way": "1", "3way": "2", "16way": "4"},
        ),
        Sample(
            train / "train_release/18/aa7b/frame00014.jpg",
            *(0, "", "forgerynet/train", "aa7b", "train", "frame", "18/aa7b"),
            labels={"2way": "0", "3way": "0", "16way": "0"},
        ),
        Sample(
            val / "val_perturb_release/11/photo 1.jpg",
            *(1, "9", "forgerynet/val", "val/11/photo 1", "val", "photo"),
            mask=tmp_path / "Validation/spatial_localize/11/photo 1.jpg",
            labels={"2way": "1", "3way": "1", "16way": "9"},
        ),
    ]


def test_a_line_without_labels_is_told(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "Training/image_list.txt").write_text(TRAIN + "train_release/6/be4f/a.jpg 1\n")
    with pytest.raises(LabError, match=r"image_list.txt:4 .*data_missing"):
        list(forgerynet.samples(tmp_path))
