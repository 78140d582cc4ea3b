from __future__ import annotations

import json
from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import ffpp

TRUE, FORGED = "original_sequences", "manipulated_sequences"
FILES = (
    f"{TRUE}/actors/c23/videos/01__kitchen_pan.mp4",
    f"{TRUE}/youtube/raw/images/003/0000.png",
    f"{TRUE}/youtube/c23/videos/000.mp4",
    f"{TRUE}/youtube/c23/videos/._000.mp4",
    f"{TRUE}/youtube/c23/frames/000/000.png",
    f"{TRUE}/youtube/c40/videos/071.mp4",
    f"{FORGED}/DeepFakeDetection/c23/videos/01_02__kitchen_pan__ABCDEFGH.mp4",
    f"{FORGED}/Deepfakes/c23/videos/000_003.mp4",
    f"{FORGED}/Deepfakes/c23/frames/000_003/000.png",
    f"{FORGED}/Deepfakes/c23/masks/000_003/000.png",
    f"{FORGED}/Deepfakes/c40/frames/000_003/000.png",
    f"{FORGED}/Deepfakes/masks/videos/000_003.mp4",
    f"{FORGED}/Face2Face/raw/images/054_071/0000.png",
    f"{FORGED}/Face2Face/masks/images/054_071/0000.png",
    f"{FORGED}/FaceShifter/c23/videos/003_000.mp4",
    f"{FORGED}/FaceSwap/c23/videos/071_054.mp4",
    f"{FORGED}/NeuralTextures/c40/videos/900_901.mp4",
)
SPLITS = {"train": [["071", "054"]], "val": [], "test": [["000", "003"]]}


def build(root: Path, splits: str = "") -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / splits).mkdir(exist_ok=True)
    for split, pairs in SPLITS.items():
        (root / splits / f"{split}.json").write_text(json.dumps(pairs))


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    f = dict(zip(FILES, (tmp_path / name for name in FILES), strict=True))
    paths = [path for name, path in f.items() if "._" not in name and "DeepFakeD" not in name]
    actor, raw, clip, frame, c40, *forged = (p for p in paths if "masks" not in p.parts)
    beside, whole, picture = (path for path in paths if "masks" in path.parts)
    df, df_frame, df_40, f2f, fsh, fs, nt = forged
    youtube, donor = "ffpp/youtube", {"donor": "003"}
    c23 = {"kind": "clip", "compression": "c23"}
    assert list(ffpp.samples(tmp_path)) == [
        Sample(
            *(actor, 0, "", "ffpp/actors", "01"),
            video="c23/01__kitchen_pan",
            labels={"scene": "kitchen_pan"},
            **c23,
        ),
        Sample(raw, 0, "", youtube, "003", "test", "frame", "raw/003", "raw"),
        Sample(clip, 0, "", youtube, "000", "test", "clip", "c23/000", "c23"),
        Sample(frame, 0, "", youtube, "000", "test", "frame", "c23/000", "c23"),
        Sample(c40, 0, "", youtube, "071", "train", "clip", "c40/071", "c40"),
        Sample(
            *(df, 1, "Deepfakes", "ffpp/Deepfakes", "000", "test", "clip", "c23/000_003", "c23"),
            *(whole, donor),
        ),
        Sample(
            *(df_frame, 1, "Deepfakes", "ffpp/Deepfakes", "000", "test", "frame", "c23/000_003"),
            *("c23", beside, donor),
        ),
        Sample(
            *(df_40, 1, "Deepfakes", "ffpp/Deepfakes", "000", "test", "frame", "c40/000_003"),
            *("c40", beside, donor),
        ),
        Sample(
            *(f2f, 1, "Face2Face", "ffpp/Face2Face", "054", "train", "frame", "raw/054_071"),
            *("raw", picture, {"donor": "071"}),
        ),
        Sample(
            *(fsh, 1, "FaceShifter", "ffpp/FaceShifter", "003", "test", "clip", "c23/003_000"),
            *("c23", None, {"donor": "000"}),
        ),
        Sample(
            *(fs, 1, "FaceSwap", "ffpp/FaceSwap", "071", "train", "clip", "c23/071_054"),
            *("c23", None, {"donor": "054"}),
        ),
        Sample(
            *(nt, 1, "NeuralTextures", "ffpp/NeuralTextures", "900", "", "clip", "c40/900_901"),
            *("c40", None, {"donor": "901"}),
        ),
    ]


def test_splits_may_lie_in_a_folder(tmp_path: Path) -> None:
    build(tmp_path, "splits")
    assert [s.split for s in ffpp.samples(tmp_path)].count("test") == 7


def test_a_broken_split_is_told(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "val.json").write_text('[["0')
    with pytest.raises(LabError, match="data_missing"):
        list(ffpp.samples(tmp_path))
