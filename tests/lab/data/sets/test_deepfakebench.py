from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import ConfigError, LabError
from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import deepfakebench

FF = r"FaceForensics++\manipulated_sequences\Deepfakes\c23"
REAL = "FaceForensics++/original_sequences/youtube/c23"


def build(root: Path) -> None:
    folder = root / "preprocessing" / "dataset_json"
    folder.mkdir(parents=True)
    fake = {
        "label": "FF-DF",
        "frames": [rf".\datasets\{FF}\frames\000_003\{n}.png" for n in ("010", "9", "011")],
        "masks": [rf".\datasets\{FF}\masks\000_003\{n}.png" for n in ("010", "9")],
    }
    real = {"label": "FF-real", "frames": [f"/data/rgb/{REAL}/frames/000/000.png"]}
    everywhere = {
        "FF-DF": {
            "FF-real": {"train": {"c23": {"000": real}}, "val": {"c23": {}}, "test": {"c23": {}}},
            "FF-DF": {"train": {"c23": {"000_003": fake}}},
        }
    }
    (folder / "FF-DF.json").write_text(json.dumps(everywhere))
    called = "Celeb-DF-v2/Celeb-synthesis/frames/id0_id16_0000"
    celeb = {"label": "CelebDFv2_fake", "frames": [f"{called}/000.png"]}
    single = {"label": "CelebDFv2_real", "frames": ["Celeb-DF-v2/Celeb-real/frames/id1_0003/1.png"]}
    two = {
        "CelebDFv2_fake": {"train": {"id0_id16_0000": celeb}, "test": {"id0_id16_0000": celeb}},
        "CelebDFv2_real": {"val": single},
    }
    (folder / "Celeb-DF-v2.json").write_text(json.dumps({"Celeb-DF-v2": two}))
    (root / "datasets" / "rgb" / "FaceForensics++").mkdir(parents=True)
    (root / "datasets" / "lmdb" / "Celeb-DF-v2_lmdb").mkdir(parents=True)


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "deepfakebench"
    rgb = tmp_path / "datasets" / "rgb"
    lmdb = tmp_path / "datasets" / "lmdb" / "Celeb-DF-v2_lmdb" / "Celeb-DF-v2"
    fake = rgb / FF.replace("\\", "/")
    frame: Any = "frame"
    synthesis = lmdb / "Celeb-synthesis/frames/id0_id16_0000/000.png"
    cdf, cdf_fake = "deepfakebench/Celeb-DF-v2", "CelebDFv2_fake"
    cdf_video = "CelebDFv2_fake/id0_id16_0000"
    ff, ff_video = "deepfakebench/FF-DF", "FF-DF/c23/000_003"

    def deepfake(number: str, mask: bool) -> Sample:
        return Sample(
            *(
                fake / f"frames/000_003/{number}.png",
                1,
                "FF-DF",
                ff,
                "FaceForensics++/000",
                "train",
                frame,
            ),
            video=ff_video,
            compression="c23",
            mask=fake / f"masks/000_003/{number}.png" if mask else None,
        )

    assert list(deepfakebench.samples(tmp_path)) == [
        Sample(synthesis, 1, cdf_fake, cdf, "Celeb-DF-v2/id0", "train", frame, cdf_video),
        Sample(synthesis, 1, cdf_fake, cdf, "Celeb-DF-v2/id0", "test", frame, cdf_video),
        Sample(
            *(
                lmdb / "Celeb-real/frames/id1_0003/1.png",
                0,
                "",
                cdf,
                "Celeb-DF-v2/id1",
                "val",
                frame,
            ),
            video="CelebDFv2_real/id1_0003",
        ),
        Sample(
            *(rgb / REAL / "frames/000/000.png", 0, "", ff, "FaceForensics++/000", "train", frame),
            video="FF-real/c23/000",
            compression="c23",
        ),
        deepfake("9", True),
        deepfake("010", True),
        deepfake("011", False),
    ]


@pytest.mark.parametrize(
    ("video", "identity"),
    [
        ("000_003", "000"),
        ("28_14__kitchen_pan__ABCDEFGH", "28"),
        ("01__walking", "01"),
        ("00170", "00170"),
        ("aabbccdd", "aabbccdd"),
    ],
)
def test_identity_is_the_target(tmp_path: Path, video: str, identity: str) -> None:
    (tmp_path / "dataset_json").mkdir()
    listed = {"X": {"X_Real": {"test": {video: {"label": "X_Real", "frames": ["X/1.png"]}}}}}
    (tmp_path / "dataset_json" / "X.json").write_text(json.dumps(listed))
    assert [s.identity for s in deepfakebench.samples(tmp_path)] == [f"X/{identity}"]


@pytest.mark.parametrize("text", ["[]", "{", '{"X": {"a": {"test": {"v": 3}}}}'])
def test_a_broken_list_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset_json").mkdir()
    (tmp_path / "dataset_json" / "X.json").write_text(text)
    with pytest.raises(LabError, match=r"X\.json"):
        list(deepfakebench.samples(tmp_path))


def test_member_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ConfigError) as caught:
        deepfakebench.member(tmp_path / "X_lmdb" / "X" / "1.png")
    assert caught.value.code == "not_installed"


def test_member_reads_every_spelling_of_a_key(tmp_path: Path) -> None:
    lmdb = pytest.importorskip("lmdb")
    base = tmp_path / "X_lmdb"
    with lmdb.open(str(base), map_size=1 << 20) as env, env.begin(write=True) as view:
        for number, key in enumerate((r"X\f/v/0.png", r"X\f\v\1.png", "X/f/v/2.png")):
            view.put(key.encode(), b"%d" % number)
    for number in range(3):
        assert deepfakebench.member(base / f"X/f/v/{number}.png") == b"%d" % number
    with pytest.raises(LabError, match=r"X/f/v/3\.png"):
        deepfakebench.member(base / "X/f/v/3.png")
    with pytest.raises(LabError, match="lies in no LMDB"):
        deepfakebench.member(tmp_path / "X/f/v/3.png")
