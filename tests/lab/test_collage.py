"""Collages: labels follow the faces, covered ones do not count, the same number is the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from unmask.lab.data.collage import Collages, Look, Table, moved_box, placed
from unmask.lab.data.library import Photo
from unmask.lab.matching import BLIND, FACE

BOX = np.array([30.0, 20.0, 70.0, 80.0], np.float32)
POINTS = np.array([[40, 40], [60, 40], [50, 52], [43, 65], [57, 65]], np.float32)


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    pixels = np.full((100, 100, 3), 40, np.uint8)
    pixels[20:80, 30:70] = 220
    cv2.imwrite(str(tmp_path / "face.png"), pixels)
    return Photo(tmp_path / "face.png", BOX[None], POINTS[None], np.array([FACE]))


def shelf(photo: Photo) -> tuple[list[Photo], list[Path]]:
    scene = photo.path.with_name("scene.png")
    rng = np.random.default_rng(0)
    cv2.imwrite(str(scene), rng.integers(0, 256, (60, 80, 3)).astype(np.uint8))
    return [photo], [scene]


def test_a_label_moves_with_its_face(photo: Photo) -> None:
    table = Table(200)
    table.put(photo, photo.pixels(), np.array([[1.0, 0, 80], [0, 1.0, 60]]))
    boxes, points, kind = table.labels(8)
    assert kind.tolist() == [FACE]
    assert boxes[0] == pytest.approx([110, 80, 150, 140])
    assert points[0] == pytest.approx(np.add(POINTS, (80, 60)))
    x0, y0, x1, y1 = boxes[0].astype(int)
    assert (table.pixels[y0:y1, x0:x1] == 220).all()


def test_a_covered_face_is_neither_face_nor_background(photo: Photo) -> None:
    table = Table(100)
    table.put(photo, photo.pixels(), np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    none = Photo(Path(), np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0, np.int64))
    table.put(none, np.zeros((50, 100, 3), np.uint8), np.array([[1.0, 0, 0], [0, 1.0, 30]]))
    assert table.labels(8)[2].tolist() == [BLIND]


def test_a_hidden_face_leaves_no_label(photo: Photo) -> None:
    table = Table(100)
    for _ in range(2):
        table.put(photo, photo.pixels(), np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    assert table.labels(8)[2].tolist() == [FACE]


def test_small_faces_are_blind(photo: Photo) -> None:
    table = Table(100)
    table.put(photo, photo.pixels(), np.array([[0.2, 0, 10], [0, 0.2, 10]]))
    assert table.labels(20)[2].tolist() == [BLIND]
    assert table.labels(10)[2].tolist() == [FACE]


def test_placing_brings_a_box_to_its_size_and_place() -> None:
    matrix = placed(BOX, 90, 30.0, np.array([100.0, 120.0]))
    scale = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    assert scale == pytest.approx(1.5)
    middle = matrix[:, :2] @ ((BOX[:2] + BOX[2:]) / 2) + matrix[:, 2]
    assert middle == pytest.approx([100, 120])


def test_the_box_of_a_turned_oval_keeps_its_height_when_upright() -> None:
    upright = moved_box(BOX, np.array([[2.0, 0, 0], [0, 2.0, 0]]))
    assert upright == pytest.approx(BOX * 2)
    quarter = moved_box(BOX, np.array([[0.0, -1, 100], [1, 0, 0]]))
    assert quarter[2:] - quarter[:2] == pytest.approx([60, 40])


def test_items_repeat_have_room_for_all_and_change_with_the_epoch(photo: Photo) -> None:
    collages = Collages(shelf(photo), Look(side=64), 8, seed=5)
    for index in range(8):
        item, again = collages[index], collages[index]
        assert all(torch.equal(item[name], again[name]) for name in item)
        assert item["image"].shape == (3, 64, 64)
        assert item["boxes"].shape == (Collages.ROOM, 4)
        faces = item["kind"] == FACE
        assert (item["boxes"][faces][:, 2:] > item["boxes"][faces][:, :2]).all()
    before = [collages[index]["image"] for index in range(8)]
    collages.set_epoch(1)
    assert any(not torch.equal(b, collages[i]["image"]) for i, b in enumerate(before))
