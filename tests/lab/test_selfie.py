"""Selfie: the right patch is asked for, its place is no secret it tells, and it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from unmask.lab.export import compare, write_onnx
from unmask.lab.methods.selfie import Config, Selfie

TINY = Config(size=64, patch=16, stages=2, width=32, depth=1, heads=2)


def faces(count: int = 8, seed: int = 0) -> Tensor:
    """Patches whose colour tells their place, a little changed from picture to picture."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, 64),) * 2, indexing="ij")
    plane = torch.stack([x, y, x * y]).expand(count, 3, 64, 64)
    return (plane + 0.1 * torch.randn(count, 3, 1, 1, generator=generator)).clamp(-1, 1)


def batch(seed: int = 0) -> dict[str, Any]:
    order = torch.rand(8, 16, generator=torch.Generator().manual_seed(seed)).argsort(1)
    return {"image": faces(seed=seed), "covered": order < 4, "region": order < 0}


@pytest.fixture
def method() -> Selfie:
    torch.manual_seed(0)
    return Selfie(TINY)


@torch.no_grad()
def test_every_hole_is_offered_every_hidden_patch(method: Selfie) -> None:
    network = method.network().eval()
    assert network(faces(), batch()["covered"]).shape == (8, 4, 4)


@torch.no_grad()
def test_swapped_patches_swap_their_answers_and_nothing_else(method: Selfie) -> None:
    """Hidden patches are offered without their place, and never seen by the attention."""
    network = method.network().eval()
    covered = torch.zeros(1, 16, dtype=torch.bool)
    covered[0, [0, 5, 9, 14]] = True
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    swapped = picture.clone()
    swapped[..., 0:16, 0:16] = picture[..., 16:32, 16:32]  # patches 0 and 5
    swapped[..., 16:32, 16:32] = picture[..., 0:16, 0:16]
    before, after = network(picture, covered), network(swapped, covered)
    torch.testing.assert_close(after, before[:, :, [1, 0, 2, 3]], atol=1e-5, rtol=1e-4)
    assert (before - after).abs().max() > 1e-4


@torch.no_grad()
def test_the_right_patch_stands_on_the_diagonal(method: Selfie) -> None:
    class Sure(torch.nn.Module):
        def forward(self, image: Tensor, covered: Tensor) -> Tensor:
            return 20 * torch.eye(4).expand(len(image), 4, 4)

    parts = method.loss(Sure(), batch())
    assert parts["chosen"] == 1
    assert parts["loss"] < 1e-3


def test_it_learns_in_a_few_steps(method: Selfie) -> None:
    network = method.network().train()
    optimiser = torch.optim.AdamW(network.parameters(), 5e-3)
    history = []
    for step in range(30):
        parts = method.loss(network, batch(step))
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        history.append({name: float(value.detach()) for name, value in parts.items()})
    first, last = (sum(h["loss"] for h in part) / 5 for part in (history[:5], history[-5:]))
    assert last < 0.7 * first
    assert sum(h["chosen"] for h in history[-5:]) / 5 > 0.5  # one in four by chance


def test_evaluation_names_its_parts(method: Selfie) -> None:
    names = {"label": torch.arange(8) % 2, "set": ["a"] * 8, "unit": list("abcdefgh")}
    with torch.no_grad():
        found = method.evaluate(method.network().eval(), [batch() | names])
    assert set(found) == {"loss", "chosen", "auc"}
    assert 0 <= found["chosen"] <= 1


def test_the_exported_features_equal_torch(method: Selfie, tmp_path: Path) -> None:
    network = method.network().eval()
    graph = method.graph(network).eval()
    with torch.no_grad():
        (features,) = graph(faces(2))
    assert features.shape == (2, network.encoder.channels)
    write_onnx(graph, tmp_path / "m.onnx", (64, 64), list(method.outputs().values()))
    assert compare(graph, tmp_path / "m.onnx", (64, 64)) < 1e-4
