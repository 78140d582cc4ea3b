import numpy as np
import pytest

from unmask.judge.abstain import REASONS, Doubt, Level, of_crops, of_face, of_media, usable
from unmask.types import Crop, Face, Fact, Media, Quality

GOOD = dict.fromkeys(["size", "sharpness", "exposure", "pose", "visibility"], 1.0)


def face(**parts: float) -> Face:
    quality = Quality(0, 0, GOOD | parts)
    return Face((0, 0, 9, 9), 0.9, np.zeros((5, 2), np.float32), quality=quality)


def crop(outside: float) -> Crop:
    return Crop(np.zeros((8, 8, 3), np.uint8), np.eye(2, 3), outside)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("size", "face_too_small"),
        ("sharpness", "too_blurred"),
        ("exposure", "badly_exposed"),
        ("pose", "extreme_pose"),
        ("visibility", "occluded"),
    ],
)
def test_each_part_has_its_code_and_three_levels(part: str, code: str) -> None:
    assert code in REASONS
    assert of_face(face(**{part: 0.5})) == []
    assert of_face(face(**{part: 0.4})) == [Doubt(code, Level.MILD)]
    assert of_face(face(**{part: 0.2})) == [Doubt(code, Level.STRONG)]
    assert of_face(face(**{part: 0.0})) == [Doubt(code, Level.REFUSED)]
    assert usable(face(**{part: 0.01}))
    assert not usable(face(**{part: 0.0}))


def test_parts_of_other_names_are_left_alone() -> None:
    assert of_face(face(beauty=0.0)) == []


def test_what_a_detector_was_shown() -> None:
    assert of_crops([]) == [Doubt("outside_domain", Level.REFUSED)]
    assert of_crops([crop(0.1)]) == []
    assert of_crops([crop(0.0), crop(0.4)]) == [Doubt("outside_frame", Level.MILD)]
    assert of_crops([crop(0.5)]) == [Doubt("outside_frame", Level.REFUSED)]


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        ("jpeg.quality", 75, None),
        ("jpeg.quality", 30, Level.MILD),
        ("jpeg.quality", 10.0, Level.STRONG),
        ("jpeg.quality", "unknown", None),
        ("jpeg.subsampling", 10, None),
    ],
)
def test_compression_of_the_file(name: str, value: object, level: Level | None) -> None:
    media = Media("a", "image", "0", "JPEG", 1, 1, facts=(Fact(name, value),))
    assert [doubt.level for doubt in of_media(media)] == ([level] if level else [])
