"""The lists are as DeepfakeBench's loader wants them, under the names that it knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.lab.data import layout
from unmask.lab.data.cutting import Picture
from unmask.lab.data.layout import Sample, Split
from unmask.lab.data.units import units
from unmask.lab.data.writers.deepfakebench import Writer

PNG = b"\x89PNG"
ROOT = Path("root")


def clip(source: str, name: str, family: str, split: Split, level: str = "") -> Sample:
    path = ROOT / f"{family or 'real'}/{level or 'any'}/{split or 'all'}/{name}.mp4"
    video = f"{level}/{name}" if level else name
    return Sample(path, int(bool(family)), family, source, name, split, "clip", video, level)


def written(out: Path, samples: list[Sample], mask: bool = False) -> dict[str, Any]:
    """Each clip gives its frames 3 and 12; returns the lists."""
    found = units(samples, ROOT)
    writer = Writer(out, found, 32)
    points = np.zeros((68, 2), np.float32)
    lines = []
    for unit in found:
        pictures = [
            Picture(f"{unit.key}-{n:06d}", n, 0, PNG, PNG if mask else None, points, {})
            for n in (3, 12)
        ]
        lines.append(writer.put(unit, pictures))
    writer.finish(lines)
    lists = (out / "preprocessing" / "dataset_json").glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in lists}


def test_faceforensics(tmp_path: Path) -> None:
    samples = [
        clip("ffpp/youtube", "000", "", "train", "c23"),
        clip("ffpp/youtube", "000", "", "train", "c40"),
        clip("ffpp/Deepfakes", "000_003", "Deepfakes", "train", "c23"),
        clip("ffpp/FaceSwap", "000_003", "FaceSwap", "test", "c23"),
    ]
    lists = written(tmp_path, samples, mask=True)
    assert sorted(lists) == ["FF-DF", "FF-FS", "FaceForensics++"]
    every = lists["FaceForensics++"]["FaceForensics++"]
    assert list(every) == ["FF-real", "FF-DF", "FF-FS"]
    assert lists["FF-DF"] == {"FF-DF": {k: every[k] for k in ("FF-real", "FF-DF")}}
    for label, splits in every.items():
        assert list(splits) == ["train", "val", "test"]
        assert all("c23" in levels for levels in splits.values()), label
    place = "./datasets/rgb/FaceForensics++/FF-DF/c23"
    assert every["FF-DF"]["train"]["c23"] == {
        "000_003": {
            "label": "FF-DF",
            "frames": [f"{place}/frames/000_003/{n}.png" for n in ("003", "012")],
            "masks": [f"{place}/masks/000_003/{n}.png" for n in ("003", "012")],
        }
    }
    for path in every["FF-DF"]["train"]["c23"]["000_003"]["frames"]:
        assert (tmp_path / path).is_file()
        assert (tmp_path / path.replace("frames", "masks")).is_file()
        assert (tmp_path / path.replace("frames", "landmarks").replace(".png", ".npy")).is_file()


@pytest.mark.parametrize(
    ("source", "family", "listed", "label"),
    [
        ("dfd/actors", "", "DeepFakeDetection", "DFD_real"),
        ("dfd/DeepFakeDetection", "DeepFakeDetection", "DeepFakeDetection", "DFD_fake"),
        ("celeb_df_v2/YouTube-real", "", "Celeb-DF-v2", "CelebDFv2_real"),
        ("celeb_df_v1/Celeb-synthesis", "Celeb-synthesis", "Celeb-DF-v1", "CelebDFv1_fake"),
        ("deeperforensics/end_to_end", "end_to_end", "DeeperForensics-1.0", "DF_fake"),
        ("dfdc/dfdc_train_part_0", "FAKE", "DFDC", "DFDC_Fake"),
        ("dfdc_preview/method_B", "method_B", "DFDCP", "DFDCP_FakeB"),
        ("wild_deepfake/real_test", "", "wild_deepfake", "wild_deepfake_Real"),
        ("folders", "style gan", "folders", "folders_style gan"),
        ("deepfakebench/UADFV", "UADFV_Fake", "UADFV", "UADFV_Fake"),
    ],
)
def test_names(tmp_path: Path, source: str, family: str, listed: str, label: str) -> None:
    lists = written(tmp_path, [clip(source, "id0_0001", family, "test")])
    assert list(lists) == [listed]
    splits = lists[listed][listed][label]
    videos = splits["test"].get("", splits["test"])
    assert list(splits) == ["train", "val", "test"]
    assert list(videos) == ["id0_0001"]


def test_its_own_lists_are_written_alike(tmp_path: Path) -> None:
    samples = [
        clip("ffpp/youtube", "000", "", "train", "c23"),
        clip("ffpp/Deepfakes", "000_003", "Deepfakes", "train", "c23"),
    ]
    before = written(tmp_path / "first", samples)
    found = [s for s in layout.read(tmp_path / "first") if s.source.endswith("++")]
    assert [unit.weight(32) for unit in units(found, tmp_path)] == [2, 2]
    after = written(tmp_path / "second", found)
    assert after == before


def test_videos_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    samples = [clip("x", "a", "", split) for split in ("train", "test", "")]
    lists = written(tmp_path, [*samples, clip("x", "b", "", "test")])
    splits = lists["x"]["x"]["x_Real"]
    assert [len(videos) for videos in splits.values()] == [1, 0, 3]
    frames = [f for s in splits.values() for v in s.values() for f in v["frames"]]
    assert len(set(frames)) == 8
    assert "b" in splits["test"]
    assert not any("a" in videos for videos in splits.values())
    found = list(layout.read(tmp_path))
    assert {(s.split, s.label) for s in found} == {("train", 0), ("test", 0)}


def test_videos_without_a_face_are_not_listed(tmp_path: Path) -> None:
    found = units([clip("x", "a", "f", "val")], ROOT)
    writer = Writer(tmp_path, found, 32)
    writer.finish([writer.put(found[0], [])])
    listed = json.loads((tmp_path / "preprocessing/dataset_json/x.json").read_text())
    assert listed == {"x": {"x_f": {"train": {}, "val": {}, "test": {}}}}
