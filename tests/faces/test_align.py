import math
from typing import Any

import numpy as np
import pytest

from unmask.faces import align
from unmask.faces.align import TEMPLATE, cut, inverse, move, shrunk, side, similarity, warp, whole
from unmask.judge.card import CropRecipe
from unmask.types import Box, Face


def recipe(kind: str, size: int = 32, margin: float = 1.0, **more) -> CropRecipe:
    return CropRecipe(kind, (size, size), margin, (0, 0, 0), (1, 1, 1), **more)


def face(box: Box, points=None) -> Face:
    points = np.zeros((5, 2)) if points is None else np.asarray(points)
    return Face(box, 1.0, points.astype(np.float32))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def spots(where, height: int = 200, width: int = 240, radius: float = 3.0) -> np.ndarray:
    """White discs at continuous coordinates."""
    y, x = np.mgrid[:height, :width] + 0.5
    out = np.zeros((height, width))
    for px, py in where:
        out = np.maximum(out, np.clip(radius + 0.5 - np.hypot(x - px, y - py), 0, 1))
    return np.repeat((out * 255).astype(np.uint8)[..., None], 3, 2)


def centre_of(pixels: np.ndarray) -> np.ndarray:
    weight = pixels[..., 0].astype(float)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def test_a_box_of_the_crops_size_is_copied_exactly() -> None:
    frame = noise(100, 120)
    (crop,) = cut(frame, face((40, 30, 72, 62)), recipe("box"))
    assert np.array_equal(crop.pixels, frame[30:62, 40:72])
    assert crop.outside == 0
    assert crop.pixels.dtype == np.uint8


def test_box_is_square_around_the_longer_side() -> None:
    (crop,) = cut(noise(100, 100), face((40, 30, 50, 70)), recipe("box", 64, margin=1.5))
    corners = move([[0, 0], [64, 64]], inverse(crop.matrix))
    assert np.allclose(corners, [[15, 20], [75, 80]], atol=1e-4)


def test_twice_as_large_halves_exactly() -> None:
    frame = noise(64, 64)
    (crop,) = cut(frame, face((0, 0, 64, 64)), recipe("box", 32))
    expected = frame.reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(crop.pixels - expected).max() <= 1


def test_eyes_lie_level_after_the_turn() -> None:
    eyes = np.array([[100.0, 80.0], [130.0, 110.0]])
    points = np.vstack([eyes, [[110, 110], [95, 120], [110, 135]]])
    who = face((80, 70, 140, 140), points)
    (crop,) = cut(spots(eyes), who, recipe("eyes", 96, margin=1.4))
    left, right = move(eyes, crop.matrix)
    assert abs(left[1] - right[1]) < 1e-3
    assert right[0] > left[0]
    assert np.allclose(move([[110, 105]], crop.matrix), 48, atol=1e-3)
    found = centre_of(crop.pixels)
    assert np.abs(found - (left + right) / 2).max() < 0.2


def test_an_upside_down_face_is_set_upright() -> None:
    points = 200 - TEMPLATE
    (crop,) = cut(noise(200, 200), face((90, 90, 190, 190), points), recipe("eyes", 64))
    moved = move(points, crop.matrix)
    assert moved[0][1] < moved[2][1] < moved[3][1]
    assert moved[0][0] < moved[1][0]


@pytest.mark.parametrize("margin", [1.0, 1.6])
def test_points_land_on_the_template(margin: float) -> None:
    angle, scale = 0.4, 1.7
    turn = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    points = (TEMPLATE - 56) @ turn.T + [120, 100]
    (crop,) = cut(spots(points), face((50, 30, 180, 170), points), recipe("points", 112, margin))
    expected = (TEMPLATE - 56) / margin + 56
    assert np.abs(move(points, crop.matrix) - expected).max() < 1e-3
    assert np.abs(centre_of(crop.pixels) - expected.mean(0)).max() < 0.3


def test_least_squares_beats_any_neighbour() -> None:
    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    best = similarity(source, target)

    def error(matrix: np.ndarray) -> float:
        return float(((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum())

    for _ in range(50):
        a, b, x, y = 0.05 * rng.normal(size=4)
        assert error(best) <= error(best + np.array([[a, -b, x], [b, a, y]]))
    assert np.linalg.det(best[:, :2]) > 0


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_points_without_a_shape_give_no_crop(points: np.ndarray) -> None:
    assert cut(noise(80, 80), face((10, 10, 60, 60), points), recipe("points")) == ()


def test_points_that_collapse_to_one_give_no_similarity() -> None:
    assert similarity([[0, 0], [1, 0]], [[3, 3], [3, 3]]) is None


@pytest.mark.parametrize("period", [3, 5, 7])
def test_shrinking_does_not_alias(period: int) -> None:
    """Fine stripes must turn grey, not into broad ones."""
    stripes = np.where(np.arange(800) % period < period / 2, 255, 0).astype(np.uint8)
    frame = np.repeat(np.tile(stripes, (800, 1))[..., None], 3, 2)
    points = np.array([[300, 300], [500, 310], [400, 400], [310, 500], [500, 500]])
    for kind in ("box", "eyes", "points"):
        (crop,) = cut(frame, face((20, 20, 780, 780), points), recipe(kind, 48))
        inner = crop.pixels[4:-4, 4:-4, 0]
        assert inner.std() < 0.2 * stripes.std()
        assert abs(inner.mean() - stripes.mean()) < 4


def test_shrinking_keeps_places_exact() -> None:
    where = [[301.0, 223.0]]
    frame = spots(where, 700, 900, radius=30)
    for box in [(100, 50, 603, 553), (101, 51, 604, 554), (103, 50.5, 641.7, 588)]:
        (crop,) = cut(frame, face(box), recipe("box", 64))
        assert np.abs(centre_of(crop.pixels) - move(where, crop.matrix)[0]).max() < 0.05


def test_beyond_the_frame_lies_black_and_is_told() -> None:
    frame = np.full((100, 100, 3), 200, np.uint8)
    (crop,) = cut(frame, face((-50, 0, 50, 100)), recipe("box", 40))
    assert crop.outside == pytest.approx(0.5, abs=1e-6)
    assert (crop.pixels[:, :19] == 0).all()
    assert (crop.pixels[:, 21:] == 200).all()


def test_outside_of_a_turned_crop() -> None:
    points = [[40, 40], [60, 60], [45, 60], [30, 55], [45, 70]]  # turned by 45 degrees
    frame = np.full((100, 100, 3), 255, np.uint8)
    (crop,) = cut(frame, face((0, 0, 100, 100), points), recipe("eyes", 100))
    # A square turned by 45 degrees over its twin: the shared octagon is 2 * (sqrt(2) - 1).
    assert crop.outside == pytest.approx(1 - 2 * (math.sqrt(2) - 1), abs=1e-4)
    assert (crop.pixels[..., 0] < 128).mean() == pytest.approx(crop.outside, abs=0.01)


def test_a_crop_wholly_outside_is_black() -> None:
    for size in (8, 64):
        (crop,) = cut(noise(50, 50), face((200, 200, 264, 264)), recipe("box", size))
        assert crop.outside == 1
        assert not crop.pixels.any()


def test_the_whole_frame_is_letterboxed() -> None:
    frame = np.full((100, 200, 3), 255, np.uint8)
    crop = whole(frame, CropRecipe("frame", (60, 80), 1.0, (0, 0, 0), (1, 1, 1)))
    assert crop.pixels.shape == (60, 80, 3)
    assert move([[0, 0], [200, 100]], crop.matrix).tolist() == [[0, 10], [80, 50]]
    assert crop.outside == pytest.approx(1 / 3)
    assert (crop.pixels[10:50] == 255).all()
    (same,) = cut(frame, face((0, 0, 1, 1)), CropRecipe("frame", (60, 80), 1, (0,) * 3, (1,) * 3))
    assert np.array_equal(same.pixels, crop.pixels)


@pytest.mark.parametrize(
    "box",
    [(10, 10, 10, 10), (20, 20, 10, 10), (0, 0, float("nan"), 10), (0, 0, float("inf"), 10)],
)
def test_boxes_that_hold_nothing_give_no_crop(box: Box) -> None:
    for kind in ("box", "eyes", "native"):
        assert cut(noise(64, 64), face(box), recipe(kind)) == ()


def test_faces_under_the_least_size_give_no_crop() -> None:
    frame = noise(100, 100)
    assert cut(frame, face((10, 10, 49, 40)), recipe("box", min_face=40)) == ()
    assert len(cut(frame, face((10, 10, 50, 40)), recipe("box", min_face=40))) == 1


def test_faces_over_the_largest_size_give_no_crop() -> None:
    frame = noise(100, 100)
    assert cut(frame, face((10, 10, 51, 40)), recipe("box", max_face=40)) == ()
    assert len(cut(frame, face((10, 10, 50, 40)), recipe("box", max_face=40))) == 1


def test_native_windows_are_pieces_of_the_frame() -> None:
    frame = noise(300, 300)
    crops = cut(frame, face((60.3, 50.8, 200.2, 220.1)), recipe("native", 64, windows=4))
    assert len(crops) == 4
    corners = set()
    for crop in crops:
        x, y = -int(crop.matrix[0, 2]), -int(crop.matrix[1, 2])
        assert np.array_equal(crop.pixels, frame[y : y + 64, x : x + 64])
        assert np.array_equal(crop.matrix[:, :2], np.eye(2))
        assert crop.outside == 0
        corners.add((x, y))
    assert corners == {(60, 51), (136, 51), (60, 156), (136, 156)}


def test_one_native_window_sits_in_the_middle() -> None:
    (crop,) = cut(noise(300, 300), face((100, 100, 200, 180)), recipe("native", 64))
    assert (-crop.matrix[:, 2]).tolist() == [118, 108]


def test_a_small_face_gets_one_window_and_an_edge_face_stays_inside() -> None:
    frame = noise(100, 100)
    (crop,) = cut(frame, face((90, 90, 110, 110)), recipe("native", 64, windows=9))
    assert (-crop.matrix[:, 2]).tolist() == [36, 36]


def test_no_room_for_a_native_window() -> None:
    assert cut(noise(63, 200), face((10, 10, 60, 60)), recipe("native", 64)) == ()


def test_a_wide_region_prefers_columns() -> None:
    crops = cut(noise(200, 600), face((0, 50, 600, 150)), recipe("native", 100, windows=4))
    assert sorted(-c.matrix[0, 2] for c in crops) == [0, 167, 333, 500]


def test_move_and_inverse_undo_each_other() -> None:
    matrix = np.array([[0.5, -0.2, 3.0], [0.2, 0.5, -7.0]])
    points = np.array([[1.0, 2.0], [30.0, -4.0]])
    assert np.allclose(move(move(points, matrix), inverse(matrix)), points, atol=1e-5)
    assert side((0, 0, 3, 5)) == 5


def test_enlarging_shows_the_same_place() -> None:
    frame = noise(40, 40)
    crop = warp(frame, np.array([[3.0, 0, -30], [0, 3.0, -30]]), (30, 30))
    assert np.array_equal(crop.pixels[1::3, 1::3], frame[10:20, 10:20])


def test_shrinking_keeps_the_far_edge_of_an_odd_frame() -> None:
    frame = np.full((301, 303, 3), 200, np.uint8)
    crop = whole(frame, CropRecipe("frame", (40, 40), 1.0, (0, 0, 0), (1, 1, 1)))
    assert (crop.pixels[2:38, 2:38] == 200).all()
    assert crop.pixels[20, 39, 0] > 120


@pytest.mark.parametrize("height", [400, 401, 402, 403])
def test_a_shared_picture_is_halved_once_and_looks_the_same(
    height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (height, 603, 3)).astype(np.uint8)
    sizes = [(250, 170), (130, 90), (150, 100), (60, 40), (603, height), (300, 200)]
    alone = [shrunk(frame, size) for size in sizes]
    halved = []

    def counted(pixels: Any, block: int, plain: Any = align._halved) -> Any:
        halved.append(block)
        return plain(pixels, block)

    monkeypatch.setattr(align, "_halved", counted)
    with align.shared(frame):
        together = [shrunk(frame, size) for size in sizes]
        shrunk(frame.copy(), sizes[0])
    assert halved == [2, 2, 2, 2]  # once to a half, a quarter and an eighth; the copy by itself
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))
    shrunk(frame, sizes[0])
    assert halved[4:] == [2]  # nothing is kept afterwards
