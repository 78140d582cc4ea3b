from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.lab.data.layout import Kind, Sample
from unmask.lab.data.units import Unit, units, views


def photo(path: Path, grey: int, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey,) * 3).save(path)
    return path


def sample(path: Path, kind: Kind = "photo", video: str = "", mask: Path | None = None) -> Sample:
    return Sample(path, 0, "", "set", "someone", kind=kind, video=video, mask=mask)


def greys(unit: Unit, frames: int, failed: dict[Path, str]) -> list[int]:
    return [int(view.frame.pixels[0, 0, 0]) for view in views(unit, frames, failed)]


def test_frames_of_a_video_are_one_unit(tmp_path: Path) -> None:
    one, two = (sample(tmp_path / f"v/{n}.png", "frame", "v") for n in range(2))
    other, alone = sample(tmp_path / "w/0.png", "frame", "w"), sample(tmp_path / "a.png")
    found = units([one, other, two, alone, alone], tmp_path)
    assert [unit.samples for unit in found] == [(one, two), (other,), (alone,)]
    assert [unit.name() for unit in found] == ["v/0.png", "w/0.png", "a.png"]
    assert [unit.weight(32) for unit in found] == [2, 1, 1]
    assert found[0].weight(1) == 1


def test_keys_stay_when_the_data_set_moves(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    keys = [units([sample(r / "a.png"), sample(r / "b.mp4", "clip")], r) for r in (one, two)]
    assert [u.key for u in keys[0]] == [u.key for u in keys[1]]
    assert len({u.key for u in keys[0]}) == 2
    assert keys[0][0].key == "88c01a607913c34d"


def test_frames_are_spread_evenly(tmp_path: Path) -> None:
    frames = [photo(tmp_path / f"{n}.png", n) for n in range(10)]
    (unit,) = units([sample(path, "frame", "v") for path in frames], tmp_path)
    failed: dict[Path, str] = {}
    assert greys(unit, 2, failed) == [2, 7]
    assert greys(unit, 32, failed) == list(range(10))
    assert [view.frame.index for view in views(unit, 3, failed)] == [1, 5, 8]
    assert failed == {}


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    good, short = photo(tmp_path / "0.png", 5), photo(tmp_path / "1.png", 6)
    short.write_bytes(short.read_bytes()[:-30])
    empty = tmp_path / "2.png"
    empty.touch()
    masked = photo(tmp_path / "3.png", 7)
    samples = [sample(path, "frame", "v") for path in (good, short, empty, tmp_path / "none.png")]
    samples.append(sample(masked, "frame", "v", tmp_path / "nomask.png"))
    (unit,) = units(samples, tmp_path)
    failed: dict[Path, str] = {}
    assert greys(unit, 32, failed) == [5]
    assert {path.name: code for path, code in failed.items()} == {
        "1.png": "truncated",
        "2.png": "empty",
        "none.png": "not_found",
        "nomask.png": "not_found",
    }


def test_a_broken_clip_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no clip")
    (unit,) = units([sample(tmp_path / "a.mp4", "clip")], tmp_path)
    failed: dict[Path, str] = {}
    assert greys(unit, 32, failed) == []
    assert list(failed.values()) == ["unsupported_format"]


def test_masks_are_as_large_as_their_pictures(tmp_path: Path) -> None:
    picture = photo(tmp_path / "a.png", 9)
    mask = photo(tmp_path / "mask.png", 255, (5, 5))
    (unit,) = units([sample(picture, mask=mask)], tmp_path)
    (view,) = views(unit, 1, {})
    assert view.mask is not None
    assert (view.mask.shape, view.mask.min()) == ((10, 20), 255)


def test_clips_have_masks_that_are_clips() -> None:
    clip = Path(__file__).parents[3] / "unmask" / "samples" / "video.mp4"
    (unit,) = units([sample(clip, "clip", mask=clip)], clip.parent)
    seen = list(views(unit, 2, {}))
    assert [round(view.frame.time or 0) for view in seen] == [2, 7]
    for view in seen:
        assert np.array_equal(view.mask, view.frame.pixels.max(axis=2))


def test_members_of_an_archive_are_read(tmp_path: Path) -> None:
    archive, failed = tmp_path / "1.tar.gz", dict[Path, str]()
    with tarfile.open(archive, "w:gz") as stream:
        for number in range(2):
            data = io.BytesIO()
            Image.new("RGB", (4, 4), (number + 3,) * 3).save(data, "PNG")
            member = tarfile.TarInfo(f"./1/fake/{number}.png")
            member.size = len(data.getvalue())
            stream.addfile(member, io.BytesIO(data.getvalue()))
    paths = [archive / f"1/fake/{number}.png" for number in range(3)]
    (unit,) = units([sample(path, "frame", "1") for path in paths], tmp_path)
    assert greys(unit, 32, failed) == [3, 4]
    assert failed == {paths[2]: "not_found"}


def test_members_of_a_data_base_are_read(tmp_path: Path) -> None:
    lmdb = pytest.importorskip("lmdb")
    data = io.BytesIO()
    Image.new("RGB", (4, 4), (8, 8, 8)).save(data, "PNG")
    base = tmp_path / "Set_lmdb"
    with lmdb.open(str(base)) as stream, stream.begin(write=True) as writing:
        writing.put(b"Set\\frames/v/0.png", data.getvalue())
    paths = [base / f"Set/frames/v/{number}.png" for number in range(2)]
    (unit,) = units([sample(path, "frame", "v") for path in paths], tmp_path)
    failed: dict[Path, str] = {}
    assert greys(unit, 32, failed) == [8]
    assert failed == {paths[1]: "not_found"}
