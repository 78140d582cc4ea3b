from __future__ import annotations

from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import deeperforensics

FORGED, TRUE = "manipulated_videos", "source_videos"
FILES = (
    f"{FORGED}/end_to_end/000_M101.mp4",
    f"{FORGED}/end_to_end_level_1/000_M101.mp4",
    f"{FORGED}/end_to_end_mix_2_distortions/frames/980_W010/000.png",
    f"{FORGED}/reenact_postprocess/003_M004.mp4",
    f"{FORGED}/notes/003_M004.mp4",
    f"{TRUE}/M004/BlendShape/camera_down/M004_BlendShape_camera_down.mp4",
    f"{TRUE}/W136/frames/W136_light_up_sad_camera_up/000.png",
)


def build(root: Path) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    lists = root / "lists" / "splits"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("000_M101.mp4\n")
    (lists / "val.txt").write_text("")
    (lists / "test.txt").write_text("980_W010.mp4\n")


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    clean, level, mixed, other, _, actor, frame = (tmp_path / name for name in FILES)
    name, e2e, labels = "deeperforensics", "end_to_end", {"donor": "M101"}
    video = "000_M101"
    assert list(deeperforensics.samples(tmp_path)) == [
        Sample(clean, 1, e2e, f"{name}/{e2e}", "000", "train", "clip", video, labels=labels),
        Sample(
            *(level, 1, e2e, f"{name}/end_to_end_level_1", "000", "train", "clip", video),
            *("level_1", None, labels),
        ),
        Sample(
            *(mixed, 1, e2e, f"{name}/end_to_end_mix_2_distortions", "980", "test", "frame"),
            *("980_W010", "mix_2_distortions", None, {"donor": "W010"}),
        ),
        Sample(
            *(other, 1, "reenact_postprocess", f"{name}/reenact_postprocess", "003", "", "clip"),
            *("003_M004", "", None, {"donor": "M004"}),
        ),
        Sample(actor, 0, "", f"{name}/{TRUE}", "M004", "", "clip", "M004_BlendShape_camera_down"),
        Sample(frame, 0, "", f"{name}/{TRUE}", "W136", "", "frame", "W136_light_up_sad_camera_up"),
    ]
