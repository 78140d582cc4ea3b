from __future__ import annotations

from pathlib import Path

import pytest

from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import folders

FILES = (
    "fake/sdxl/a.png",
    "fake/stylegan/train/b.png",
    "fake/c.mp4",
    "notes/d.png",
    "real/e.JPG",
    "real/test/f.png",
)


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "real" / "README.md").touch()


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "folders"
    a, b, c, _, e, f = (tmp_path / name for name in FILES)
    assert list(folders.samples(tmp_path)) == [
        Sample(c, 1, "fake", "folders", "fake/c", kind="clip"),
        Sample(a, 1, "sdxl", "folders", "fake/sdxl/a"),
        Sample(b, 1, "stylegan", "folders", "fake/stylegan/train/b", "train"),
        Sample(e, 0, "", "folders", "real/e"),
        Sample(f, 0, "", "folders", "real/test/f", "test"),
    ]


@pytest.mark.parametrize(
    ("name", "label", "family", "split"),
    [
        ("validation/Fake images/x.png", 1, "Fake images", "val"),
        ("training_real/x.png", 0, "", "train"),
        ("real_vs_fake/test/real/x.png", 0, "", "test"),
        ("fakes/deepfakes/x.png", 1, "deepfakes", ""),
    ],
)
def test_names(tmp_path: Path, name: str, label: int, family: str, split: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    (sample,) = folders.samples(tmp_path)
    assert (sample.label, sample.family, sample.split) == (label, family, split)


def test_one_kind_alone_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    assert not folders.recognises(tmp_path)
