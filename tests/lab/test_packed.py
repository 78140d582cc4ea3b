"""Packed weights: near the floats, half as large as halves, read like any other backbone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.lab.backbones_tiny import tiny
from unmask.lab import backbones, packed


def test_a_row_s_numbers_are_off_by_half_a_step_at_most() -> None:
    weight = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    weight[0] *= 1000
    weight[1] = 0
    found = packed.unpack(packed.pack({"w": weight}))["w"]
    steps = weight.flatten(1).abs().amax(1) / 127
    assert ((found - weight).abs().flatten(1) <= steps[:, None] * 0.5001).all()


def test_vectors_stay_as_they_are() -> None:
    bias = torch.randn(5).half()
    found = packed.pack({"b": bias})
    assert list(found) == ["b"]
    assert torch.equal(packed.unpack(found)["b"], bias)


def test_a_packed_folder_is_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, out = tiny("clip", folder=tmp_path / "clip"), tmp_path / "packed"
    (folder / "card.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["packed", str(folder), str(out)])
    packed.main()
    assert not (out / "card.json").exists()
    stored = load_file(out / packed.WEIGHTS)
    assert {v.dtype for v in stored.values() if v.ndim > 1} == {torch.int8}
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2)) * 2 - 1
    wanted, found = (backbones.load(str(place))(image) for place in (folder, out))
    assert 0 < (found - wanted).norm() < 0.2 * wanted.norm()


def test_a_plain_folder_is_read_in_its_place(tmp_path: Path) -> None:
    folder = tiny("clip", folder=tmp_path / "clip")
    with packed.plain(folder) as place:
        assert place == folder
