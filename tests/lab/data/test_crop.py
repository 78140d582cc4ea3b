"""A data set is cut the same way whoever cuts it and however often they are interrupted."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unmask.errors import ConfigError, LabError
from unmask.lab.data import layout
from unmask.lab.data.crop import Outcome, Settings, crop
from unmask.lab.data.cutting import Cut, Cutter
from unmask.lab.data.layout import Sample
from unmask.lab.data.units import Unit
from unmask.lab.data.writers import tar, writers

SAMPLES = Path(__file__).parents[3] / "unmask" / "samples"
SMALL = replace(Settings().recipe, size=(64, 64))
COLUMNS = ("path", "label", "family", "identity", "split", "video", "mask")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, one with a mask, a clip, a video as five frames, a landscape, a broken file."""
    folder = tmp_path_factory.mktemp("set")
    portrait = Image.open(SAMPLES / "portrait.jpg").resize((256, 256))
    portrait.save(folder / "real.png")
    for name in ("portrait_forged.jpg", "portrait_forged.mask.png"):
        Image.open(SAMPLES / name).resize((256, 256)).save(folder / Path(name).with_suffix(".png"))
    shutil.copy(SAMPLES / "video.mp4", folder / "clip.mp4")
    for number in range(5):
        moved = Image.new("RGB", (300, 260), "grey")
        moved.paste(portrait, (8 * number, 2))
        moved.save(folder / f"v{number}.png")
    Image.open(SAMPLES / "landscape.jpg").save(folder / "landscape.png")
    (folder / "broken.png").write_bytes(b"<html>")
    rows = [
        ("real.png", 0, "", "eileen", "train", "", ""),
        ("portrait_forged.png", 1, "blend", "eileen", "train", "", "portrait_forged.mask.png"),
        ("clip.mp4", 1, "blend/two", "anna", "test", "", ""),
        *((f"v{n}.png", 0, "", "berta", "val", "v", "") for n in range(5)),
        ("landscape.png", 0, "", "nobody", "", "", ""),
        ("broken.png", 1, "blend", "nobody", "", "", ""),
    ]
    with (folder / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    return folder


def settings(name: str) -> Settings:
    return Settings(SMALL, frames=3, format=name)


def contents(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def done(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Outcome]]:
    """The result in each format, made at one go by one worker, several shards for tar."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tar, "FULL", 4)
        for name in writers():
            folder = tmp_path_factory.mktemp(name) / "out"
            made[name] = (folder, crop(root, folder, settings(name)))
    return made


FORMATS = ("deepfakebench", "folders", "tar")


def test_the_formats() -> None:
    assert tuple(writers()) == FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_everything_is_counted(name: str, done: dict[str, tuple[Path, Outcome]]) -> None:
    folder, outcome = done[name]
    assert outcome == Outcome(
        layout="manifest",
        units=6,
        crops=8,
        looked=9,
        labels={
            "all/0/real": 0,
            "all/1/blend": 0,
            "test/1/blend/two": 3,
            "train/0/real": 1,
            "train/1/blend": 1,
            "val/0/real": 3,
        },
        faceless={"landscape.png": "no_face"},
        failed={"broken.png": "unsupported_format"},
    )
    told = json.loads((folder / "summary.json").read_text())
    assert told["faceless"] == {"landscape.png": "no_face"}
    assert told["failed"] == {"broken.png": "unsupported_format"}
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("name", FORMATS)
def test_same_bytes_with_more_workers(
    name: str,
    root: Path,
    done: dict[str, tuple[Path, Outcome]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tar, "FULL", 4)
    outcome = crop(root, tmp_path / "out", settings(name), workers=3)
    assert outcome == done[name][1]
    assert contents(tmp_path / "out") == contents(done[name][0])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_same_bytes_after_an_interruption(
    name: str,
    after: int,
    root: Path,
    done: dict[str, tuple[Path, Outcome]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tar, "FULL", 4)
    out, worked = tmp_path / "out", []

    def stop(work: Iterator[Any], total: int) -> Iterator[Any]:
        for number, item in enumerate(work):
            if number == after:
                raise KeyboardInterrupt
            yield item

    def count(work: Iterator[Any], total: int) -> Iterable[Any]:
        worked.append(total)
        return work

    with pytest.raises(KeyboardInterrupt):
        crop(root, out, settings(name), follow=stop)
    for path in (out / "crop.jsonl", *out.glob("*.tar.part")):
        with path.open("ab") as stream:
            stream.write(b'{"key": "half a li')
    assert crop(root, out, settings(name), follow=count) == done[name][1]
    assert worked == [6 - after]
    assert contents(out) == contents(done[name][0])


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from unmask.lab.data.crop import Settings, crop
from unmask.lab.data.writers import tar

def die(work, total):
    for number, item in enumerate(work):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item

tar.FULL = 4
recipe = replace(Settings().recipe, size=(64, 64))
crop(Path(sys.argv[1]), Path(sys.argv[2]), Settings(recipe, frames=3), workers=2, follow=die)
"""


def test_same_bytes_after_a_kill(
    root: Path,
    done: dict[str, tuple[Path, Outcome]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(root), str(out)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(out.glob("*.tar.part"))
    monkeypatch.setattr(tar, "FULL", 4)
    assert crop(root, out, settings("tar")) == done["tar"][1]
    assert contents(out) == contents(done["tar"][0])


def test_a_finished_run_changes_nothing(
    root: Path, done: dict[str, tuple[Path, Outcome]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar, "FULL", 4)
    for name, (folder, outcome) in done.items():
        before = contents(folder)
        assert crop(root, folder, settings(name)) == outcome
        assert contents(folder) == before


def members(folder: Path) -> dict[str, bytes]:
    found = {}
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                assert (member.mtime, member.uid, member.gid) == (0, 0, 0)
                assert (member.uname, member.gname, member.mode) == ("", "", 0o644)
                content = archive.extractfile(member)
                assert content
                found[member.name] = content.read()
    return found


def test_shards(done: dict[str, tuple[Path, Outcome]]) -> None:
    folder, _ = done["tar"]
    shards = sorted(path.name for path in folder.glob("*.tar"))
    assert shards == [f"shard-{number:06d}.tar" for number in range(4)]
    found = members(folder)
    keys = [name.partition(".")[0] for name in found]
    assert len(set(keys)) == 8
    for key in set(keys):
        assert Image.open(io.BytesIO(found[f"{key}.png"])).size == (64, 64)
    assert [name.partition(".")[2] for name in found][:5] == [
        *("png", "json"),
        *("png", "mask.png", "json"),
    ]


def test_what_is_told_of_a_crop(done: dict[str, tuple[Path, Outcome]]) -> None:
    told = [json.loads(d) for n, d in members(done["tar"][0]).items() if n.endswith("json")]
    clip = [one for one in told if one["path"] == "clip.mp4"]
    assert [round(one["time"], 1) for one in clip] == [1.6, 5.0, 8.3]
    assert len({one["unit"] for one in clip}) == 1
    wanted = {"label": 1, "family": "blend/two", "identity": "anna", "split": "test"}
    for one in clip:
        assert wanted.items() <= one.items()
        assert np.shape(one["points"]) == (5, 2)
        assert np.shape(one["landmarks"]) == (68, 2)
        assert 0 < np.min(one["landmarks"]) < np.max(one["landmarks"]) < 64
    frames = [one for one in told if one["video"] == "v"]
    assert [(one["path"], one["frame"]) for one in frames] == [
        *(("v0.png", 0), ("v2.png", 2), ("v4.png", 4)),
    ]
    lefts = [one["box"][0] for one in frames]
    assert np.diff(lefts).round(-1).tolist() == [20, 20]


def test_the_mask_is_cut_with_the_face(done: dict[str, tuple[Path, Outcome]]) -> None:
    found = members(done["tar"][0])
    (name,) = (name for name in found if name.endswith("mask.png"))
    mask = np.asarray(Image.open(io.BytesIO(found[name])))
    assert mask.shape == (64, 64)
    assert mask[24:40, 24:40].mean() > 200
    assert mask[0].mean() < 50


def test_folders_are_read_again(done: dict[str, tuple[Path, Outcome]]) -> None:
    folder, _ = done["folders"]
    found = list(layout.read(folder))
    assert layout.recognise(folder) == "manifest"
    assert [sample.path.is_file() for sample in found] == [True] * 8
    about = [(s.label, s.family, s.identity, s.split, s.kind) for s in found]
    assert about == [
        (0, "", "eileen", "train", "photo"),
        (1, "blend", "eileen", "train", "photo"),
        *[(1, "blend/two", "anna", "test", "frame")] * 3,
        *[(0, "", "berta", "val", "frame")] * 3,
    ]
    assert found[1].mask
    assert found[1].mask.is_file()
    assert len({sample.video for sample in found[2:5]}) == 1
    assert {path.parent.name for path in folder.rglob("*.png")} == {"real", "blend", "blend_two"}


def test_deepfakebench_is_read_again(done: dict[str, tuple[Path, Outcome]]) -> None:
    folder, _ = done["deepfakebench"]
    assert layout.recognise(folder) == "deepfakebench"
    found = list(layout.read(folder))
    assert all(sample.path.is_file() for sample in found)
    about = {(s.label, s.split, s.video.rpartition("/")[2], s.path.name) for s in found}
    assert {one[:2] for one in about} == {(0, "train"), (1, "train"), (1, "test"), (0, "val")}
    assert sum(s.mask is not None and s.mask.is_file() for s in found) == 1
    for sample in found:
        points = str(sample.path).replace("frames", "landmarks").replace(".png", ".npy")
        loaded = np.load(points)
        assert (loaded.shape, loaded.dtype) == ((68, 2), np.float32)


def test_other_settings_are_refused(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def never(work: Iterator[Any], total: int) -> Iterator[Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crop(root, out, settings("tar"), follow=never)
    with pytest.raises(ConfigError, match=r"other values of: format, frames\. \[bad_option\]"):
        crop(root, out, Settings(SMALL, frames=4, format="folders"))


def test_unsuitable_folders_are_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        crop(root, tmp_path, settings("tar"))
    with pytest.raises(ConfigError, match="lies in the data set"):
        crop(root, root / "crops", settings("tar"))
    assert not (root / "crops").exists()


@pytest.mark.parametrize("number", [1, 3])
def test_a_lost_shard_is_told(
    number: int,
    root: Path,
    done: dict[str, tuple[Path, Outcome]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tar, "FULL", 4)
    shutil.copytree(done["tar"][0], tmp_path / "out")
    (tmp_path / "out" / f"shard-{number:06d}.tar").unlink()
    with pytest.raises(LabError, match=f"shard-{number:06d}.tar was written and is gone"):
        crop(root, tmp_path / "out", settings("tar"))


@pytest.mark.parametrize("wrong", [{"format": "zip"}, {"frames": 0}, {"encoding": "webp"}], ids=str)
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Settings(**wrong)


def test_jpeg_and_windows(root: Path, tmp_path: Path) -> None:
    recipe = replace(SMALL, kind="native", size=(32, 32), windows=4)
    only = Sample(root / "real.png", 0, "", "x", "x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "read", lambda *_: iter([only, only]))
        for name in FORMATS:
            crop(root, tmp_path / name, Settings(recipe, 3, name, "jpg"), name="folders")
    found = members(tmp_path / "tar")
    assert len(found) == 8
    assert {Image.open(io.BytesIO(d)).format for n, d in found.items() if "jpg" in n} == {"JPEG"}
    frames = sorted(p.name for p in (tmp_path / "deepfakebench").rglob("*.jpg"))
    assert frames == ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg"]


def test_workers_do_not_run_far_ahead(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [Sample(root / f"{number}.png", 0, "", "x", "x") for number in range(40)]
    begun, ahead = [], []

    def cut(self: Cutter, unit: Unit) -> Cut:
        begun.append(unit.key)
        return Cut((), 0, {})

    def watch(work: Iterator[Any], total: int) -> Iterator[Any]:
        for number, item in enumerate(work):
            ahead.append(len(begun) - number)
            yield item

    monkeypatch.setattr(layout, "read", lambda *_: iter(many))
    monkeypatch.setattr(Cutter, "cut", cut)
    crop(root, tmp_path / "out", settings("tar"), name="folders", workers=3, follow=watch)
    assert len(begun) == 40
    assert max(ahead) <= 2 * 3
