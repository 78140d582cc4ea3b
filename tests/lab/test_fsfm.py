"""FSFM: what is counted, that nothing hidden leaks, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unmask.lab.export import compare, write_onnx
from unmask.lab.method import build
from unmask.lab.methods.fsfm import Config, FaceSecurity, mean_where, normalised

TINY = Config(size=32, patch=8, width=32, depth=2, heads=2, painter=32)


def faces(count: int = 16, seed: int = 0) -> Tensor:
    """Smooth pictures that a few numbers describe: their hidden parts follow from the others."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, 32),) * 2, indexing="ij")
    a, b, c = torch.rand(3, count, 1, 1, 1, generator=generator)
    colour = torch.tensor([1.0, 0.5, -0.5]).view(1, 3, 1, 1)
    return torch.sin(4 * a * x + 4 * b * y + 6 * c) * colour * 0.9


def batch(seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(16, 16, generator=generator).argsort(1)
    covered = order < 12
    return {"image": faces(), "covered": covered, "region": order < 3}


def held(seed: int = 0) -> dict[str, Any]:
    names = {"set": ["a"] * 16, "unit": [str(n) for n in range(16)]}
    return batch(seed) | names | {"label": torch.arange(16) % 2}


@pytest.fixture
def method() -> FaceSecurity:
    torch.manual_seed(0)
    return FaceSecurity(TINY)


def test_the_mask_is_the_papers(method: FaceSecurity) -> None:
    regions = np.arange(64).reshape(8, 8).astype(np.uint8) // 8
    cover = method.hide(regions, np.random.default_rng(0))
    assert cover.covered.sum() == 48
    assert cover.region.sum() == 8
    assert cover.covered[cover.region].all()


def test_the_loss_is_the_sum_of_its_weighted_parts(method: FaceSecurity) -> None:
    network = method.network().eval()
    with torch.no_grad():
        parts = method.loss(network, batch())
        wrong = network(batch()["image"], batch()["covered"])["wrong"]
    wanted = parts["painted"] + 0.007 * parts["region"] + 0.1 * parts["apart"]
    torch.testing.assert_close(parts["loss"], wanted)
    torch.testing.assert_close(parts["region"], wrong[batch()["region"]].mean())
    torch.testing.assert_close(parts["painted"], wrong[batch()["covered"]].mean())


def test_a_batch_without_a_whole_region_counts_none(method: FaceSecurity) -> None:
    none = batch() | {"region": torch.zeros(16, 16, dtype=torch.bool)}
    assert method.loss(method.network(), none)["region"] == 0
    assert mean_where(torch.tensor([2.0, 4.0]), torch.tensor([True, True])) == 3


def test_patches_are_compared_by_their_own_scale() -> None:
    flat = normalised(faces(), 8)
    assert flat.shape == (16, 16, 192)
    assert flat.mean(2).abs().max() < 1e-4
    dark = normalised(faces() * 0.5 - 0.3, 8)
    torch.testing.assert_close(flat, dark, atol=0.05, rtol=0.05)
    assert (normalised(torch.ones(1, 3, 32, 32), 8) == 0).all()


def test_it_learns_in_a_few_steps(method: FaceSecurity) -> None:
    network = method.network().train()
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], 3e-3)
    history = []
    for step in range(40):
        parts = method.loss(network, batch(step))
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        history.append({name: float(value.detach()) for name, value in parts.items()})
    for name in ("loss", "painted", "region", "apart"):
        first, last = (sum(h[name] for h in part) for part in (history[:5], history[-5:]))
        assert last < 0.8 * first, name
    assert history[-1]["spread"] > 0.3


def test_evaluation_names_the_parts_and_the_probe(method: FaceSecurity) -> None:
    network = method.network().eval()
    with torch.no_grad():
        found = method.evaluate(network, [held(0), held(1)])
        alone = [method.loss(network, held(seed))["painted"] for seed in (0, 1)]
    assert set(found) >= {"loss", "painted", "region", "apart", "spread", "auc"}
    assert found["painted"] == pytest.approx(float(sum(alone)) / 2, rel=1e-5)
    assert 0 <= found["auc"] <= 1


def test_the_exported_features_are_the_mean_over_patches(
    method: FaceSecurity, tmp_path: Path
) -> None:
    network = method.network().eval()
    graph = method.graph(network).eval()
    with torch.no_grad():
        (features,) = graph(faces())
        torch.testing.assert_close(features, network.encoder(faces()).mean(1))
    write_onnx(graph, tmp_path / "m.onnx", (32, 32), list(method.outputs().values()))
    assert compare(graph, tmp_path / "m.onnx", (32, 32)) < 1e-4


def test_settings_come_by_name() -> None:
    assert build("fsfm", {"width": 64}).config.width == 64
