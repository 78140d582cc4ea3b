from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import imagefolder

FILES = (
    "test/real/a.png",
    "train/real/b.jpg",
    "train/stylegan/c.png",
    "validation/stylegan/d.mp4",
)


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "README.md").touch()


def test_classes(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "imagefolder"
    a, b, c, d = (tmp_path / name for name in FILES)
    real, made = {"class": "real"}, {"class": "stylegan"}
    of = "imagefolder"
    assert list(imagefolder.samples(tmp_path)) == [
        Sample(a, 0, "", of, "test/real/a", "test", labels=real),
        Sample(b, 0, "", of, "train/real/b", "train", labels=real),
        Sample(c, 1, "stylegan", of, "train/stylegan/c", "train", labels=made),
        Sample(d, 1, "stylegan", of, "validation/stylegan/d", "val", "clip", labels=made),
    ]


def test_lists(tmp_path: Path) -> None:
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "test").mkdir()
    (tmp_path / "data" / "train" / "metadata.jsonl").write_text(
        '{"file_name": "x/1.png", "label": 1, "family": "sdxl", "seed": 4}\n'
        '{"file_name": "2.png", "label": 0, "identity": "anna", "video": "v"}\n'
    )
    (tmp_path / "test" / "metadata.csv").write_text("file_name,label\n3.png,swapped\n")
    assert layout.recognise(tmp_path) == "imagefolder"
    train, of = tmp_path / "data" / "train", "imagefolder"
    labels = {"seed": "4", "class": "x"}
    assert list(imagefolder.samples(tmp_path)) == [
        Sample(train / "x/1.png", 1, "sdxl", of, "data/train/x/1", "train", labels=labels),
        Sample(train / "2.png", 0, "", of, "anna", "train", "frame", "v"),
        Sample(tmp_path / "test/3.png", 1, "swapped", of, "test/3", "test"),
    ]


def test_labels_that_nothing_tells(tmp_path: Path) -> None:
    for text in ("file_name,caption\n1.png,a cat\n", "file_name,label\n1.png,real\n2.png,\n"):
        (tmp_path / "metadata.csv").write_text(text)
        with pytest.raises(LabError, match="does not tell what is real"):
            list(imagefolder.samples(tmp_path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file_name": "1.png"}\n[1]\n'),
        ("metadata.jsonl", '{"file_name": "1.png", "label": 0}\n{"label": 1}\n'),
        ("metadata.jsonl", '{"file_name": "1.png"'),
        ("metadata.csv", "file_name,label\n,real\n"),
        ("metadata.csv", "file_name,label\n/1.png,real\n"),
    ],
)
def test_a_broken_list_is_said(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LabError, match=name):
        list(imagefolder.samples(tmp_path))


def test_rows_may_be_short_or_long(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file_name,label,note\n1.png,real\n2.png,fake,a,b\n")
    assert list(imagefolder.samples(tmp_path)) == [
        Sample(tmp_path / "1.png", 0, "", "imagefolder", "1"),
        Sample(tmp_path / "2.png", 1, "fake", "imagefolder", "2", labels={"note": "a"}),
    ]


def test_classes_without_a_genuine_one_are_not_taken(tmp_path: Path) -> None:
    for name in ("train/cat", "train/dog", "test/cat"):
        (tmp_path / name).mkdir(parents=True)
    assert not imagefolder.recognises(tmp_path)
