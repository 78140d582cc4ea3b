from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.errors import InputError
from unmask.faces.find import Finder
from unmask.faces.landmarks import Landmarker
from unmask.judge.bundle import resolve
from unmask.lab.data import cutting
from unmask.lab.data.crop import PLAIN
from unmask.lab.data.cutting import Cut, Cutter, Seen, main_faces
from unmask.lab.data.layout import Sample
from unmask.lab.data.units import units
from unmask.types import Box, Face

SAMPLES = Path(__file__).parents[3] / "unmask" / "samples"
SMALL = replace(PLAIN, size=(64, 64))


@pytest.fixture(scope="module")
def cutter() -> Cutter:
    finder, landmarker = Finder(resolve("face-finder")), Landmarker(resolve("face-landmarks"))
    return Cutter(SMALL, 4, "png", finder, landmarker)


def face(track: int, side: float) -> Face:
    return Face((0, 0, side, side), 0.9, np.zeros((5, 2), np.float32), track=track)


def seen(*faces: tuple[int, float, float], marked: bool = False) -> Seen:
    return Seen(tuple((face(track, side), part) for track, side, part in faces), marked)


def tracks(pictures: list[Seen]) -> list[int | None]:
    return [found and found.track for found in main_faces(pictures)]


def test_the_main_face_is_seen_longest_and_largest() -> None:
    long = [seen((1, 60, 0)), seen((1, 60, 0), (2, 90, 0)), seen((1, 60, 0))]
    assert tracks(long) == [1, 1, 1]
    assert tracks([*long, seen((2, 95, 0))]) == [2 if n in (1, 3) else None for n in range(4)]
    assert tracks([]) == []
    assert tracks([Seen((), False)]) == [None]


def test_the_masked_face_comes_before_a_larger_one() -> None:
    assert tracks([seen((1, 90, 0.0), (2, 20, 0.7), marked=True)]) == [2]
    assert tracks([seen((1, 90, 0.1), (2, 20, 0.7), marked=True), seen((1, 99, 0))]) == [2, None]
    assert tracks([seen((1, 90, 0.0), marked=True)]) == [None]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Box, Box]:
    """A picture of a large face at the left and a small one at the right, and where they are."""
    portrait = Image.open(SAMPLES / "portrait.jpg")
    both = Image.new("RGB", (420, 256), "grey")
    both.paste(portrait.resize((256, 256)), (0, 0))
    both.paste(portrait.resize((150, 150)), (265, 50))
    both.save(tmp_path / "both.png")
    return tmp_path / "both.png", (0, 0, 256, 256), (265, 50, 415, 200)


def left(cut: Cut) -> list[float]:
    return [picture.facts["box"][0] for picture in cut.pictures]


def test_masks_choose_the_face(cutter: Cutter, pair: tuple[Path, Box, Box]) -> None:
    path, large, small = pair
    cuts = []
    for marked in (None, large, small, (0, 240, 20, 256)):
        mask = None
        if marked:
            drawn = Image.new("L", (420, 256))
            drawn.paste(255, tuple(int(edge) for edge in marked))
            mask = path.with_name("mask.png")
            drawn.save(mask)
        (unit,) = units([Sample(path, 1, "f", "s", "i", mask=mask)], path.parent)
        cuts.append(cutter.cut(unit))
    plain, first, second, nowhere = map(left, cuts)
    assert [cut.lack for cut in cuts] == ["", "", "", "outside_mask"]
    assert plain == first
    assert 0 < first[0] < 256
    assert second[0] > 265
    assert nowhere == []


def test_outlined_faces_choose_by_label(cutter: Cutter, pair: tuple[Path, Box, Box]) -> None:
    path, _, _ = pair
    told = json.dumps([[0, 0, 256, 256, 0], [265, 50, 150, 150, 1]])
    for label, right in ((0, False), (1, True)):
        one = Sample(path, label, "", "s", "i", labels={"faces": told})
        ((x, *_),) = [p.facts["box"] for p in cutter.cut(units([one], path.parent)[0]).pictures]
        assert (x > 265) == right


def test_a_clip_is_followed(cutter: Cutter) -> None:
    clip = Sample(SAMPLES / "video.mp4", 1, "f", "s", "i", kind="clip")
    cut = cutter.cut(units([clip], SAMPLES)[0])
    assert (cut.looked, len(cut.pictures), cut.failed) == (4, 4, {})
    assert len({picture.key for picture in cut.pictures}) == 4
    assert [p.number for p in cut.pictures] == sorted(p.number for p in cut.pictures)


def test_points_lie_on_the_crop(cutter: Cutter) -> None:
    one = Sample(SAMPLES / "portrait.jpg", 0, "", "s", "i")
    (picture,) = cutter.cut(units([one], SAMPLES)[0]).pictures
    points = np.array(picture.facts["points"])
    assert points[0, 0] < points[2, 0] < points[1, 0]
    assert abs(points[0, 1] - points[1, 1]) < 3
    assert picture.landmarks is not None
    assert np.abs(picture.landmarks[36:42].mean(axis=0) - points[0]).max() < 3


def test_small_faces_are_left_to_the_recipe(cutter: Cutter) -> None:
    strict = Cutter(
        replace(SMALL, min_face=5000.0),
        4,
        "png",
        Finder(resolve("face-finder")),
        Landmarker(resolve("face-landmarks")),
    )
    one = Sample(SAMPLES / "portrait.jpg", 0, "", "s", "i")
    assert strict.cut(units([one], SAMPLES)[0]) == Cut((), 1, {}, "unfit")


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("timeout", "late"), "timeout"), (ValueError("defect"), "internal")],
)
def test_one_bad_file_stops_nothing(
    error: Exception, code: str, cutter: Cutter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> object:
        raise error

    monkeypatch.setattr(cutting, "views", fails)
    path = SAMPLES / "video.mp4"
    unit = units([Sample(path, 1, "f", "s", "i", kind="clip")], SAMPLES)[0]
    assert cutter.cut(unit) == Cut((), 0, {path: code})
