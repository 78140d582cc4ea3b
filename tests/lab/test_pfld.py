"""The landmark method: mirrors, turned faces, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.lab.data.points import MIRRORED, STOCK_SIDE, Faces, Stock, mirrored
from unmask.lab.methods import pfld
from unmask.lab.teachers import facemesh, pfld_ghost


@pytest.fixture
def method() -> pfld.Landmarks:
    torch.manual_seed(0)
    return pfld.Landmarks(pfld.Config(start=False))


def stock() -> Stock:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, STOCK_SIDE, STOCK_SIDE, 3)).astype(np.uint8)
    points = rng.uniform(60, 160, (2, 68, 2)).astype(np.float32)
    return Stock(pixels, points, np.array(["train", "val"]))


def test_mirroring_twice_changes_nothing() -> None:
    crop, points = stock().pixels[0], stock().points[0]
    again = mirrored(*mirrored(crop, points))
    assert np.array_equal(again[0], crop)
    assert np.allclose(again[1], points)


def test_the_mirror_swaps_left_and_right_and_keeps_the_middle() -> None:
    assert sorted(MIRRORED.tolist()) == list(range(68))
    assert MIRRORED[[0, 17, 36, 48, 60, 31]].tolist() == [16, 26, 45, 54, 64, 35]
    assert MIRRORED[[8, 27, 30, 33, 51, 57, 62, 66]].tolist() == [8, 27, 30, 33, 51, 57, 62, 66]


def test_both_teachers_name_68_different_points() -> None:
    for numbers, most in ((facemesh.SIXTY_EIGHT, 468), (pfld_ghost.SIXTY_EIGHT, 98)):
        assert len(numbers) == 68
        assert max(numbers) < most
    assert len(set(pfld_ghost.SIXTY_EIGHT)) == 68


def test_items_repeat_and_change_with_the_epoch() -> None:
    faces = Faces(stock(), "train", 1.4, 4, seed=3)
    first, again = faces[1], faces[1]
    assert torch.equal(first["image"], again["image"])
    assert first["image"].shape == (3, facemesh.SIDE, facemesh.SIDE)
    assert first["points"].shape == (68, 2)
    faces.set_epoch(1)
    assert not torch.equal(first["image"], faces[1]["image"])


def test_a_turned_face_counts_more(method: pfld.Landmarks) -> None:
    frontal, turned = torch.rand(2, 68, 2, generator=torch.Generator().manual_seed(0))
    for face, nose in ((frontal, 0.5), (turned, 0.95)):
        face[36], face[45], face[30] = torch.tensor([[0.0, 0.0], [1.0, 0.0], [nose, 0.5]])
    assert pfld.turn(torch.stack([frontal, turned])).tolist() == pytest.approx([0.0, 0.9], abs=1e-5)


def test_output_is_points_of_the_crop(method: pfld.Landmarks) -> None:
    (points,) = method.graph(method.network().eval())(
        torch.zeros(2, 3, facemesh.SIDE, facemesh.SIDE)
    )
    assert points.shape == (2, 68, 2)
    assert list(method.outputs()) == ["points"]


def test_a_few_steps_lower_the_loss(method: pfld.Landmarks) -> None:
    network = method.network()
    item = Faces(stock(), "train", 1.4, 1, seed=3)[0]
    batch = {name: value[None] for name, value in item.items()}
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(30):
        loss = method.loss(network, batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    with torch.no_grad():
        measures = method.evaluate(network.eval(), [batch])
    assert set(measures) == {"nme", "median", "p90"}
