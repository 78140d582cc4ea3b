from __future__ import annotations

from pathlib import Path

from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import dfd

FORGED = "manipulated_sequences/DeepFakeDetection"
NAME = "01_02__walk_down_hall_angry__YVGY8LOK"
FILES = (
    "original_sequences/actors/c23/videos/01__walk_down_hall_angry.mp4",
    f"{FORGED}/c23/videos/{NAME}.mp4",
    f"{FORGED}/c23/frames/{NAME}/000.png",
    f"{FORGED}/masks/videos/{NAME}.mp4",
)


def test_samples(tree: Path) -> None:
    actor, clip, frame, mask = (tree / name for name in FILES)
    scene = {"scene": "walk_down_hall_angry"}
    made, labels = ("DeepFakeDetection", "dfd/DeepFakeDetection", "01", ""), {"donor": "02"} | scene
    assert list(dfd.samples(tree)) == [
        Sample(
            *(actor, 0, "", "dfd/actors", "01", "", "clip", "c23/01__walk_down_hall_angry"),
            *("c23", None, scene),
        ),
        Sample(clip, 1, *made, "clip", f"c23/{NAME}", "c23", mask, labels),
        Sample(frame, 1, *made, "frame", f"c23/{NAME}", "c23", None, labels),
    ]


def test_a_joint_tree_is_read_by_name(tree: Path) -> None:
    (tree / "original_sequences/youtube").mkdir()
    assert layout.recognise(tree) == "ffpp"
    assert {s.source for s in layout.read(tree, "dfd")} == {"dfd/actors", f"dfd/{FORGED[22:]}"}
