from __future__ import annotations

from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import ffiw

FILES = (
    "source/train/train_00000000.mp4",
    "target/train/train_00000000.mp4",
    "target_mask/train/train_00000000_mask.mp4",
    "source/val/videos/val_00000001.mp4",
    "target/val/frames/val_00000001/000.png",
)


def test_samples(tree: Path) -> None:
    real, fake, mask, val, frame = (tree / name for name in FILES)
    first, second = "train/train_00000000", "val/val_00000001"
    assert list(ffiw.samples(tree)) == [
        Sample(real, 0, "", "ffiw/source", first, "train", "clip", first),
        Sample(fake, 1, "target", "ffiw/target", first, "train", "clip", first, mask=mask),
        Sample(val, 0, "", "ffiw/source", second, "val", "clip", second),
        Sample(frame, 1, "target", "ffiw/target", second, "val", "frame", second),
    ]
