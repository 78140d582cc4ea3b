"""EfficientNet-B4: its size, its weights from a folder, and that it can learn from random ones."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import EfficientNetModel

from unmask.errors import LabError
from unmask.lab.method import Data, build
from unmask.lab.methods.efficientnet import Depthwise, Trunk

NOTHING = Data(torch.utils.data.Dataset(), torch.utils.data.Dataset())
TINY = {"width": 0.1, "depth": 0.1}


def test_the_defaults_are_b4() -> None:
    """17,548,616 trainable parameters without its classifier."""
    network = build("efficientnet", {}).network()
    assert sum(p.numel() for p in network.trunk.parameters()) == 17_548_616
    assert network.trunk.channels == 1792


@pytest.mark.parametrize(("side", "cells"), [(128, 4), (101, 3), (64, 2)])
def test_it_takes_any_size(side: int, cells: int) -> None:
    trunk = Trunk(0.1, 0.1).eval()
    with torch.no_grad():
        assert trunk(torch.zeros(2, 3, side, side)).shape == (2, trunk.channels, cells, cells)


def test_no_layer_is_silent_at_the_start() -> None:
    norms = [m for m in Trunk(0.1, 0.1).modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all((norm.weight == 1).all() for norm in norms)


def gradients(trunk: Trunk, image: torch.Tensor, autocast: bool) -> list[torch.Tensor]:
    trunk.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = trunk(image)
    out.float().square().mean().backward()
    return [p.grad.clone() for p in trunk.parameters() if p.grad is not None]


def test_convolutions_within_channels_have_the_library_s_gradients() -> None:
    torch.manual_seed(0)
    ours = Trunk(0.1, 0.1).train()
    for module in ours.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    plain = copy.deepcopy(ours)
    for module in plain.modules():
        if isinstance(module, Depthwise):
            module.__class__ = nn.Conv2d
    image = torch.randn(4, 3, 64, 64)
    wanted = gradients(plain, image, autocast=False)
    for mine, theirs in zip(gradients(ours, image, autocast=False), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-3)


def test_wide_kernels_are_computed_in_full_precision() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False).train()
    image = torch.randn(2, 8, 12, 12)
    wanted = layer(image)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = layer(image).float()
        layer.__class__ = Depthwise
        found = layer(image)
    assert torch.equal(found, wanted)
    assert not torch.equal(rounded, wanted)


def test_weights_come_from_a_folder(tmp_path: Path) -> None:
    torch.manual_seed(3)
    source = Trunk(0.1, 0.1)
    source.net.save_pretrained(tmp_path / "tiny")
    method = build("efficientnet", {**TINY, "initial": str(tmp_path / "tiny")})
    network = method.network()
    method.initialise(network, NOTHING)
    found = network.trunk.state_dict()
    assert all(torch.equal(found[name], value) for name, value in source.state_dict().items())
    other = build("efficientnet", {"width": 0.2, "depth": 0.1, "initial": str(tmp_path / "tiny")})
    with pytest.raises(LabError, match="weights_missing"):
        other.initialise(other.network(), NOTHING)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    model: EfficientNetModel = Trunk(0.1, 0.1).net
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    method = build("efficientnet", {**TINY, "initial": str(tmp_path)})
    with pytest.raises(LabError, match="weights_missing"):
        method.initialise(method.network(), NOTHING)
