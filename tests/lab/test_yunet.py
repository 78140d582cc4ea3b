"""The face finder's method: which cells learn what, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmask.faces.find import decode
from unmask.lab.boxes import entropy, within
from unmask.lab.matching import BLIND, FACE, match, rate
from unmask.lab.methods import yunet


def picture() -> dict[str, torch.Tensor]:
    boxes, points = torch.zeros(1, 4, 4), torch.zeros(1, 4, 10)
    boxes[0, 0] = torch.tensor([20.0, 20.0, 60.0, 70.0])
    points[0, 0] = torch.tensor([30, 38, 50, 38, 40, 48, 32, 58, 48, 58])
    image = torch.zeros(1, 3, 96, 96, dtype=torch.uint8)
    image[0, :, 20:70, 20:60] = 200
    return {"image": image, "boxes": boxes, "points": points, "kind": torch.tensor([[1, 0, 0, 0]])}


@pytest.fixture
def method(monkeypatch: pytest.MonkeyPatch) -> yunet.Finder:
    torch.manual_seed(0)
    method = yunet.Finder(yunet.Config(start=False))
    monkeypatch.setattr(method, "_frozen", lambda: yunet.Network().requires_grad_(False))
    return method


def test_the_graph_speaks_of_every_cell(method: yunet.Finder) -> None:
    evidence, offsets = method.graph(method.network())(torch.zeros(2, 3, 64, 96))
    cells = 8 * 12 + 4 * 6 + 2 * 3
    assert evidence.shape == (2, cells)
    assert offsets.shape == (2, 14, cells)
    assert list(method.outputs()) == ["evidence", "offsets"]


def test_torch_and_numpy_decode_alike(method: yunet.Finder) -> None:
    torch.manual_seed(1)
    levels = [torch.randn(1, 16, 64 // s, 96 // s) for s in yunet.STRIDES]
    cells, grid = yunet.flat(levels), yunet.grid_of(levels)
    boxes, points = yunet.corners(cells, grid)[0].numpy(), yunet.spots(cells, grid)[0].numpy()
    evidence = np.linspace(0.5, 0.9, cells.shape[2], dtype=np.float32)
    found = decode(evidence, cells[0, 2:].numpy(), (64, 96), 0.1)
    assert np.allclose(found[0][::-1], boxes, atol=1e-3)
    assert np.allclose(found[2][::-1].reshape(-1, 10), points, atol=1e-3)


def test_a_face_takes_cells_near_its_centre() -> None:
    levels = [torch.zeros(1, 16, 96 // s, 96 // s) for s in yunet.STRIDES]
    cells, grid = yunet.flat(levels), yunet.grid_of(levels)
    face = torch.tensor([[20.0, 20.0, 60.0, 70.0]])
    chosen, owner = yunet.assign(yunet.corners(cells, grid)[0], cells[0, 0], face, grid)
    middle = grid[chosen, :2] + grid[chosen, 2:] / 2
    assert len(chosen) >= 1
    assert (owner == 0).all()
    assert ((middle - torch.tensor([40.0, 45.0])).abs() < 2.5 * grid[chosen, 2:]).all()


def test_cells_within_boxes() -> None:
    grid = torch.tensor([[0.0, 0.0, 8.0], [40.0, 40.0, 8.0]])
    boxes = torch.tensor([[30.0, 30.0, 60.0, 60.0]])
    assert within(boxes, grid).tolist() == [False, True]
    assert within(torch.zeros(0, 4), grid).tolist() == [False, False]


def scene(sure: list[float], shift: float = 1.0) -> tuple[yunet.Scene, torch.Tensor]:
    """One face with two cells in it, one blind cell and one cell of background."""
    middles = torch.tensor([[40.0, 40.0], [48.0, 48.0], [150.0, 150.0], [250.0, 250.0]])
    face = torch.tensor([20.0, 20.0, 70.0, 70.0])
    points = torch.tensor([30.0, 35, 60, 35, 45, 45, 32, 60, 58, 60])
    chance = torch.tensor(sure)
    made = yunet.Scene(
        faces=face[None],
        points=points[None],
        blind=torch.tensor([[140.0, 140.0, 170.0, 170.0]]),
        fit=chance,
        face=chance,
        boxes=(face + shift).repeat(4, 1),
        spots=(points + shift).repeat(4, 1),
    )
    return made, torch.cat([middles - 4, torch.full((4, 1), 8.0)], 1)


def test_the_teacher_decides_except_where_it_is_wrong() -> None:
    made, grid = scene([0.8, 0.1, 0.7, 0.6])
    wanted, heed = made.wanted(torch.tensor([0]), grid)
    assert wanted[:2].tolist() == pytest.approx([0.8, 0.1])
    assert wanted[3] == 0
    assert heed.tolist() == [True, True, False, True]


def test_a_face_that_the_teacher_misses_is_wanted() -> None:
    made, grid = scene([0.2, 0.1, 0.7, 0.05])
    wanted, _ = made.wanted(torch.tensor([0]), grid)
    assert wanted[[0, 1, 3]].tolist() == pytest.approx([1.0, 0.1, 0.05])


@pytest.mark.parametrize(
    ("sure", "shift", "teacher"), [(0.8, 1.0, True), (0.8, 30.0, False), (0.2, 1.0, False)]
)
def test_points_follow_the_teacher_only_where_it_is_sure_and_close(
    sure: float, shift: float, teacher: bool
) -> None:
    made, _ = scene([sure] * 4, shift)
    none = torch.zeros(1, dtype=torch.int64)
    box, points, fit = made.aims(none, none, made.faces)
    assert torch.equal(points[0], made.spots[0] if teacher else made.points[0])
    assert torch.equal(box[0], made.boxes[0] if teacher else made.faces[0])
    assert float(fit) == pytest.approx(sure if teacher else 1.0)


def test_agreeing_with_a_soft_target_costs_nothing() -> None:
    chance = torch.tensor([0.0, 0.3, 1.0])
    cost = torch.nn.functional.binary_cross_entropy(chance, chance, reduction="none")
    assert (cost - entropy(chance)).abs().max() < 1e-4


def test_a_few_steps_lower_the_loss(method: yunet.Finder) -> None:
    network, batch = method.network(), picture()
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        loss = method.loss(network, batch)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_a_picture_without_faces_has_a_finite_loss(method: yunet.Finder) -> None:
    batch = picture() | {"kind": torch.zeros(1, 4, dtype=torch.int64)}
    parts = method.loss(method.network(), batch)
    assert all(torch.isfinite(value) for value in parts.values())
    parts["loss"].backward()


def test_rating_counts_hits_misses_and_alarms_and_skips_the_blind() -> None:
    true = np.array([[0, 0, 10, 10], [50, 50, 70, 70], [100, 100, 120, 120]], float)
    points = np.tile([0.0, 0, 10, 0, 5, 5, 1, 8, 9, 8], (3, 1))
    kind = np.array([FACE, FACE, BLIND])
    boxes = np.array([[0, 0, 10, 10], [200, 200, 210, 210], [100, 100, 120, 120]], np.float32)
    found = (
        boxes,
        np.array([0.9, 0.8, 0.7], np.float32),
        np.tile(points[0], (3, 1)).reshape(3, 5, 2),
    )
    measures = rate([found], [(true, points, kind)], 0.6)
    assert measures == {"ap": 0.5, "recall": 0.5, "precision": 0.5, "points": 0.0}


def test_one_true_face_is_matched_once() -> None:
    square = np.array([[0.0, 0.0, 10.0, 10.0]])
    assert match(np.concatenate([square, square]), square).tolist() == [0, -1]
    assert match(square, np.zeros((0, 4))).tolist() == [-1]
