from __future__ import annotations

from pathlib import Path

from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import diffusion_deepfake

FILES = (
    "DiffusionDB-Face/train/a.png",
    "JourneyDB-Face/fake/b.jpg",
    "JourneyDB-Face/real/test/c.jpg",
    "docs/d.png",
    "real/val/e.png",
)


def test_samples(tree: Path) -> None:
    assert layout.recognise(tree) == "diffusion_deepfake"
    a, b, c, _, e = (tree / name for name in FILES)
    one, two = "DiffusionDB-Face", "JourneyDB-Face"
    of = "diffusion_deepfake"
    assert list(diffusion_deepfake.samples(tree)) == [
        Sample(a, 1, one, f"{of}/{one}", f"{one}/train/a", "train"),
        Sample(b, 1, two, f"{of}/{two}", f"{two}/fake/b"),
        Sample(c, 0, "", f"{of}/{two}", f"{two}/real/test/c", "test"),
        Sample(e, 0, "", of, "real/val/e", "val"),
    ]


def test_other_folders_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "DiffusionDB").mkdir()
    assert not diffusion_deepfake.recognises(tmp_path)
