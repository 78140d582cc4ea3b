"""The Xception network, its weights from a file, and the method around it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unmask.errors import LabError
from unmask.lab.method import Data, build
from unmask.lab.networks.xception import Block, Xception

NOTHING = Data(torch.utils.data.Dataset(), torch.utils.data.Dataset())


@pytest.fixture(scope="module")
def trunk() -> Xception:
    torch.manual_seed(0)
    return Xception().eval()


def count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_it_is_as_large_as_published(trunk: Xception) -> None:
    """22,855,952 with ImageNet's thousand classes."""
    assert count(trunk) == 22_855_952 - 2049 * 1000
    assert count(build("xception", {}).network()) == count(trunk) + 2049


@pytest.mark.parametrize(("side", "cells"), [(299, 10), (128, 4), (75, 3), (33, 1)])
def test_it_takes_any_size(trunk: Xception, side: int, cells: int) -> None:
    with torch.no_grad():
        assert trunk(torch.zeros(1, 3, side, side)).shape == (1, 2048, cells, cells)


def test_a_block_of_equal_widths_adds_to_its_input() -> None:
    block = Block(8, 8, 8).eval()
    torch.nn.init.zeros_(block.rep[-1].weight)
    x = torch.randn(1, 8, 5, 5)
    assert torch.equal(block(x), x)


def test_weights_come_from_a_file_with_or_without_its_classifier(
    trunk: Xception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNMASK_WEIGHTS", str(tmp_path))
    torch.manual_seed(1)
    wanted = Xception().state_dict()
    kept = {n: v.contiguous() for n, v in wanted.items() if "num_batches" not in n}
    save_file(kept | {"fc.weight": torch.zeros(1000, 2048)}, tmp_path / "whole.safetensors")
    method = build("xception", {"initial": "whole.safetensors"})
    network = method.network()
    method.initialise(network, NOTHING)
    found = network.trunk.state_dict()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    save_file({n: kept[n] for n in list(kept)[:-1]}, tmp_path / "part.safetensors")
    with pytest.raises(LabError, match="weights_missing"):
        trunk.load(tmp_path / "part.safetensors")
