"""The face finder's arithmetic, and the embedded bundle on drawn pictures."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest

from unmask.faces import find
from unmask.judge.bundle import resolve


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    data = np.frombuffer((files("unmask") / "samples" / "portrait.jpg").read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))


@pytest.fixture(scope="module")
def finder() -> find.Finder:
    return find.Finder(resolve("face-finder"))


def cells(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    count = sum((size[0] // s) * (size[1] // s) for s in find.STRIDES)
    return np.zeros(count, np.float32), np.zeros((14, count), np.float32)


def test_decode_places_a_cell_of_every_level() -> None:
    evidence, offsets = cells((64, 96))
    numbers = [12 + 3, 96 + 6 + 2, 96 + 24 + 5]  # row 1 column 3, row 1 column 2, row 1 column 2
    evidence[numbers] = [0.81, 0.64, 0.49]
    offsets[4:, numbers[0]] = 0.5
    boxes, scores, points = find.decode(evidence, offsets, (64, 96), 0.6)
    assert scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert boxes[0].tolist() == [20, 4, 28, 12]
    assert boxes[1].tolist() == [24, 8, 40, 24]
    assert boxes[2].tolist() == [48, 16, 80, 48]
    assert points[0].tolist() == [[28, 12]] * 5


def test_decode_leaves_out_what_is_under_the_threshold() -> None:
    evidence, offsets = cells((32, 32))
    evidence[0] = 0.59**2
    assert [len(part) for part in find.decode(evidence, offsets, (32, 32), 0.6)] == [0, 0, 0]


def test_suppress_keeps_the_surest_of_one_face_and_both_of_two() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]], np.float32)
    scores = np.array([0.7, 0.9, 0.8], np.float32)
    kept = find.suppress((boxes, scores, np.zeros((3, 5, 2), np.float32)))
    assert kept[0].tolist() == [[1, 0, 11, 10], [30, 0, 40, 10]]
    assert kept[1].tolist() == pytest.approx([0.9, 0.8])


def test_overlaps_of_halves() -> None:
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]], np.float32)
    assert find.overlaps(box, others).tolist() == pytest.approx([1 / 3, 0, 1])


def test_padding_is_black_and_reaches_multiples_of_32() -> None:
    out = find.padded(np.full((33, 64, 3), 9, np.uint8))
    assert out.shape == (64, 64, 3)
    assert out[:33].min() == 9
    assert out[33:].max() == 0


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(100, 100, 1.0), (640, 480, 1.0), (1080, 1920, 0.3), (400, 6000, 0.3), (64, 12288, 1 / 6)],
)
def test_working_scale(height: int, width: int, scale: float) -> None:
    assert find.working_scale(np.empty((height, width, 3), np.uint8)) == pytest.approx(scale)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (700, 2), (31, 33), (200, 2500)])
def test_any_size_is_looked_at_and_an_empty_picture_holds_no_face(
    finder: find.Finder, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    assert finder.find(np.zeros((*shape, 3), np.uint8)) == []
    assert finder.find(rng.integers(0, 256, (*shape, 3)).astype(np.uint8)) == []


def test_the_same_picture_gives_the_same_faces(finder: find.Finder, portrait: np.ndarray) -> None:
    first, second = finder.find(portrait), finder.find(portrait)
    assert len(first) == 1
    assert first[0].box == second[0].box
    assert np.array_equal(first[0].points, second[0].points)


def test_points_lie_in_the_box_in_their_order(finder: find.Finder, portrait: np.ndarray) -> None:
    (face,) = finder.find(portrait)
    x0, y0, x1, y1 = face.box
    assert (face.points > (x0, y0)).all()
    assert (face.points < (x1, y1)).all()
    left_eye, right_eye, nose, left_mouth, right_mouth = face.points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_portrait_is_found_where_it_is(
    finder: find.Finder, portrait: np.ndarray, quarters: int
) -> None:
    (upright,) = finder.find(portrait)
    (turned,) = finder.find(np.ascontiguousarray(np.rot90(portrait, quarters)))
    height, width = portrait.shape[:2]
    back = find.turned_back(
        (np.array([turned.box], np.float32), np.ones(1, np.float32), turned.points[None]),
        4 - quarters,
        (width, height) if quarters % 2 else (height, width),
    )
    known = np.array(upright.box, np.float32)
    assert float(find.overlaps(known, back[0])[0]) > 0.7
    eyes = float(np.linalg.norm(upright.points[0] - upright.points[1]))
    assert float(np.abs(back[2][0] - upright.points).max()) < 0.3 * eyes


def test_large_and_small_faces_of_a_wall(finder: find.Finder, portrait: np.ndarray) -> None:
    height, width = portrait.shape[:2]
    small = cv2.resize(portrait, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    wall = np.zeros((height, width + width // 4, 3), np.uint8)
    wall[:, :width] = portrait
    wall[: height // 4, width:] = small
    faces = finder.find(wall)
    assert [face.track for face in faces] == [0, 1]
    assert faces[0].box[2] - faces[0].box[0] > 3 * (faces[1].box[2] - faces[1].box[0])
