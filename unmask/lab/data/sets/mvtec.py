"""The layout of MVTec AD, which many sets of flawless and flawed pictures have taken over.

`<category>/train/good/000.png`, `<category>/test/{good,<defect>}/000.png` and
`<category>/ground_truth/<defect>/000_mask.png`. The root may also be one category. Defects are
label 1: whoever reads faces in this layout has photos in `good` and kinds of forgery beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets._folders import folders, media

_SIZES = {
    "bottle": 292,
    "cable": 374,
    "capsule": 351,
    "carpet": 397,
    "grid": 342,
    "hazelnut": 501,
    "leather": 369,
    "metal_nut": 335,
    "pill": 434,
    "screw": 480,
    "tile": 347,
    "toothbrush": 102,
    "transistor": 313,
    "wood": 326,
    "zipper": 391,
}

FACTS = Facts(
    name="mvtec",
    title="MVTec Anomaly Detection layout",
    venue="CVPR 2019",
    licence="CC BY-NC-SA 4.0 (MVTec AD itself)",
    counts={f"source:mvtec/{category}": size for category, size in _SIZES.items()},
)

_SPLITS: tuple[Split, ...] = ("train", "test")


def recognises(root: Path) -> bool:
    """Some category with flawless pictures to train on, and either tests or masks."""
    return any(_is_category(folder) for folder in (root, *folders(root, 1)))


def samples(root: Path) -> Iterator[Sample]:
    """All pictures by category, split and defect; the mask's path follows from the picture's."""
    for category in [root] if _is_category(root) else folders(root, 1):
        for split in _SPLITS:
            for defect in folders(category / split, 1):
                for path in media(defect):
                    yield _sample(category, split, defect.name, path)


def _is_category(folder: Path) -> bool:
    rest = any((folder / name).is_dir() for name in ("test", "ground_truth"))
    return (folder / "train" / "good").is_dir() and rest


def _sample(category: Path, split: Split, defect: str, path: Path) -> Sample:
    flawed = defect != "good"
    return Sample(
        path=path,
        label=int(flawed),
        family=defect if flawed else "",
        source=f"{FACTS.name}/{category.name}",
        identity=f"{category.name}/{split}/{defect}/{path.stem}",
        split=split,
        mask=category / "ground_truth" / defect / f"{path.stem}_mask.png" if flawed else None,
    )
