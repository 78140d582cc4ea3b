"""The encoder reads torch's own files, as tensors only, and calls the first half forged."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from unmask.bench import peers
from unmask.errors import BundleError

CROPS = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3)).astype(np.uint8)
WIDTHS = (3, 8, 8, 16, 16, 32, 32, 64, 64, 128)


def _state() -> dict[str, torch.Tensor]:
    """Random weights under the published names."""
    dice = torch.Generator().manual_seed(0)
    state = {}
    for number, (into, out) in enumerate(pairwise(WIDTHS)):
        first, norm = f"encoder.{3 * number}", f"encoder.{3 * number + 1}"
        state[f"{first}.weight"] = torch.randn(out, into, 3, 3, generator=dice) / (3 * into**0.5)
        for name in (f"{first}.bias", f"{norm}.bias", f"{norm}.running_mean"):
            state[name] = torch.randn(out, generator=dice) * 0.1
        for name in (f"{norm}.weight", f"{norm}.running_var"):
            state[name] = torch.rand(out, generator=dice) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    return state


@pytest.mark.parametrize("zipped", [True, False])
def test_both_of_torchs_file_formats_are_read(zipped: bool, tmp_path: Path) -> None:
    torch.save(_state(), tmp_path / "e.pt", _use_new_zipfile_serialization=zipped)
    found = peers.get("classnseg").load(tmp_path / "e.pt")(CROPS)
    assert found.shape == (3,)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(_by_hand(_state(), CROPS[0]), abs=1e-4)


def _by_hand(state: dict[str, torch.Tensor], crop: np.ndarray) -> float:
    x = torch.from_numpy(crop).permute(2, 0, 1)[None] / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    for number in range(9):
        weight, bias = (state[f"encoder.{3 * number}.{role}"] for role in ("weight", "bias"))
        x = torch.conv2d(x, weight, bias, stride=2 if number in (1, 3, 5, 7) else 1, padding=1)
        gamma, beta, mean, var = (
            state[f"encoder.{3 * number + 1}.{role}"].view(-1, 1, 1)
            for role in ("weight", "bias", "running_mean", "running_var")
        )
        x = ((x - mean) / (var + 1e-5).sqrt() * gamma + beta).clamp(min=0)
    assert x.shape == (1, 128, 16, 16)
    halves = x.reshape(2, -1).mean(1)
    return float(halves[0] - halves[1])


def test_the_first_half_means_forged(tmp_path: Path) -> None:
    state = _state()
    state["encoder.25.weight"].zero_()
    state["encoder.25.bias"][:64], state["encoder.25.bias"][64:] = 2.0, 0.5
    torch.save(state, tmp_path / "e.pt")
    found = peers.get("classnseg").load(tmp_path / "e.pt")(CROPS)
    assert found == pytest.approx([1.5] * 3, abs=1e-5)


class _Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    torch.save(_state() | {"x": _Hostile(trap)}, tmp_path / "e.pt")
    with pytest.raises(BundleError) as caught:
        peers.get("classnseg").load(tmp_path / "e.pt")
    assert caught.value.code == "bundle_invalid"
    assert not trap.exists()


def test_another_networks_tensors_are_refused(tmp_path: Path) -> None:
    state = _state()
    del state["encoder.24.bias"]
    torch.save(state, tmp_path / "e.pt")
    with pytest.raises(BundleError):
        peers.get("classnseg").load(tmp_path / "e.pt")
