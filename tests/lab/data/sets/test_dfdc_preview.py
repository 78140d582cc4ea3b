from __future__ import annotations

import json
from pathlib import Path

from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import dfdc_preview

REAL = "original_videos/643049/643049_A_001.mp4"
FAKE = "method_B/1260311/1260311_C/1255229_1260311_C_001.mp4"
OTHER = "method_A/1224068/1224068_A/1211312_1224068_A_001.mp4"
FRAME = "method_A/frames/1211312_1224068_A_001/000.png"
ABSENT = "original_videos/643049/643049_A_002.mp4"
ROWS = {
    REAL: {"label": "real", "set": "train", "target_id": "643049", "swapped_id": None},
    FAKE: {"label": "fake", "set": "test", "target_id": "1260311", "swapped_id": "1255229"},
    OTHER: {
        "label": "fake",
        "set": "train",
        "target_id": "1224068",
        "swapped_id": "1211312",
        "augmentations": ["low_fps", "low_quality"],
    },
    ABSENT: {"label": "real", "set": "train", "target_id": "643049", "augmentations": []},
}


def build(root: Path) -> None:
    for name in (REAL, FAKE.replace("method_B", "method_B/videos"), FRAME):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "dataset.json").write_text(json.dumps(ROWS))


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    original = "dfdc_preview/original_videos"
    assert list(dfdc_preview.samples(tmp_path)) == [
        Sample(tmp_path / REAL, 0, "", original, "643049", "train", "clip", "643049_A_001"),
        Sample(
            tmp_path / FAKE.replace("method_B", "method_B/videos"),
            *(1, "method_B", "dfdc_preview/method_B", "1260311", "test", "clip"),
            video="1255229_1260311_C_001",
            labels={"donor": "1255229"},
        ),
        Sample(
            *(tmp_path / FRAME, 1, "method_A", "dfdc_preview/method_A", "1224068", "train"),
            kind="frame",
            video="1211312_1224068_A_001",
            labels={"donor": "1211312", "augmentations": "low_fps+low_quality"},
        ),
        Sample(tmp_path / ABSENT, 0, "", original, "643049", "train", "clip", "643049_A_002"),
    ]
