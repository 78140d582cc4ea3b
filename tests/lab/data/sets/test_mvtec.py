from __future__ import annotations

from pathlib import Path

from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import mvtec

FILES = (
    "bottle/train/good/000.png",
    "bottle/test/broken_large/000.png",
    "bottle/test/good/000.png",
    "bottle/ground_truth/broken_large/000_mask.png",
    "face/train/good/a.png",
    "face/test/swap/b.png",
)


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "license.txt").touch()


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "mvtec"
    train, broken, good, mask, first, swap = (tmp_path / name for name in FILES)
    bottle, face = "mvtec/bottle", "mvtec/face"
    assert list(mvtec.samples(tmp_path)) == [
        Sample(train, 0, "", bottle, "bottle/train/good/000", "train"),
        Sample(
            broken, 1, "broken_large", bottle, "bottle/test/broken_large/000", "test", mask=mask
        ),
        Sample(good, 0, "", bottle, "bottle/test/good/000", "test"),
        Sample(first, 0, "", face, "face/train/good/a", "train"),
        Sample(
            *(swap, 1, "swap", face, "face/test/swap/b", "test"),
            mask=tmp_path / "face/ground_truth/swap/b_mask.png",
        ),
    ]


def test_root_may_be_one_category(tmp_path: Path) -> None:
    build(tmp_path)
    assert mvtec.recognises(tmp_path / "bottle")
    assert {s.source for s in mvtec.samples(tmp_path / "bottle")} == {"mvtec/bottle"}


def test_published_counts_add_up() -> None:
    assert sum(mvtec.FACTS.counts.values()) == 3629 + 1725
