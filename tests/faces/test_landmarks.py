"""The landmark model on the sample portrait."""

from __future__ import annotations

from importlib.resources import files

import cv2
import numpy as np
import pytest

from unmask.faces.find import Finder
from unmask.faces.landmarks import Landmarker, five
from unmask.judge.bundle import resolve
from unmask.types import Face


@pytest.fixture(scope="module")
def landmarker() -> Landmarker:
    return Landmarker(resolve("face-landmarks"))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    data = np.frombuffer((files("unmask") / "samples" / "portrait.jpg").read_bytes(), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> Face:
    return Finder(resolve("face-finder")).find(portrait)[0]


def test_no_faces_no_points(landmarker: Landmarker, portrait: np.ndarray) -> None:
    assert landmarker.locate(portrait, []) == []


def test_parts_of_the_face_lie_where_they_belong(
    landmarker: Landmarker, portrait: np.ndarray, face: Face
) -> None:
    (points,) = landmarker.locate(portrait, [face])
    assert points is not None
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    jaw, brows, nose, eyes, mouth = (
        points[part]
        for part in (slice(17), slice(17, 27), slice(27, 36), slice(36, 48), slice(48, 68))
    )
    assert brows[:, 1].mean() < eyes[:, 1].mean() < nose[:, 1].mean() < mouth[:, 1].mean()
    assert jaw[8, 1] > mouth[:, 1].max()
    assert jaw[0, 0] < eyes[:, 0].min()
    assert jaw[16, 0] > eyes[:, 0].max()


def test_five_of_the_68_agree_with_the_finder(
    landmarker: Landmarker, portrait: np.ndarray, face: Face
) -> None:
    (points,) = landmarker.locate(portrait, [face])
    assert points is not None
    eyes = float(np.linalg.norm(face.points[0] - face.points[1]))
    assert float(np.linalg.norm(five(points) - face.points, axis=1).mean()) < 0.2 * eyes


def test_a_batch_equals_its_singles_and_a_tiny_face_gets_none(
    landmarker: Landmarker, portrait: np.ndarray, face: Face
) -> None:
    tiny = Face((5.0, 5.0, 6.0, 6.0), 0.9, np.full((5, 2), 5.5, np.float32))
    first, none, second = landmarker.locate(portrait, [face, tiny, face])
    (alone,) = landmarker.locate(portrait, [face])
    assert none is None
    assert alone is not None
    assert first is not None
    assert second is not None
    assert float(np.abs(first - alone).max()) < 0.01
    assert np.array_equal(first, second)


def test_points_move_with_the_face(
    landmarker: Landmarker, portrait: np.ndarray, face: Face
) -> None:
    shifted = np.roll(portrait, 16, axis=1)
    x0, y0, x1, y1 = face.box
    moved = Face((x0 + 16, y0, x1 + 16, y1), 0.9, face.points + np.float32([16, 0]))
    (before,), (after,) = landmarker.locate(portrait, [face]), landmarker.locate(shifted, [moved])
    assert before is not None
    assert after is not None
    eyes = float(np.linalg.norm(face.points[0] - face.points[1]))
    assert float(np.abs(after - before - (16, 0)).max()) < 0.05 * eyes
