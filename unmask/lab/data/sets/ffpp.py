"""FaceForensics++: a thousand videos from YouTube, each manipulated by five methods.

Also read are the actors' originals of the same tree, which belong to no split; their manipulated
twins are `dfd`. Splits come from `train.json`, `val.json` and `test.json` in the root or in its
folder `splits`: pairs of numbers, of which both originals and both swaps are in the split.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from unmask.lab.data.layout import Facts, Sample, Split
from unmask.lab.data.sets import _ff_tree
from unmask.lab.data.sets._videos import load, written_as_published

METHODS = ("Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures")

FACTS = Facts(
    name="ffpp",
    title="FaceForensics++",
    venue="ICCV 2019",
    licence="research only, on request",
    # The set's own page: 1000 originals, 720/140/140; every method made one of each.
    counts={
        **{f"family:{method}": 1000 for method in METHODS},
        **dict.fromkeys(("val/0", "test/0"), 140),
        **dict.fromkeys(("val/1", "test/1"), 700),
        "train/0": 720,
        "train/1": 3600,
    },
)


def recognises(root: Path) -> bool:
    """Whether the videos from YouTube or what was made of them are there."""
    return _ff_tree.holds(root, ("youtube",), METHODS)


def samples(root: Path) -> Iterator[Sample]:
    """Originals, then one method after the other."""
    return _ff_tree.read(root, FACTS.name, ("actors", "youtube"), METHODS, _splits(root))


def _splits(root: Path) -> dict[str, Split]:
    found: dict[str, Split] = {}
    for split in (s for s in get_args(Split) if s):
        for place in (root, root / "splits"):
            if (path := place / f"{split}.json").is_file():
                with written_as_published(path):
                    for a, b in load(path):
                        found |= dict.fromkeys((a, b, f"{a}_{b}", f"{b}_{a}"), split)
    return found
