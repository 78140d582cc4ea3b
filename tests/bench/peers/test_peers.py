"""Whatever lies in the folder of peers says who made it and reads its own weights only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from unmask.bench import peers
from unmask.errors import BundleError, ConfigError
from unmask.judge.card import CropRecipe

KEYS = {"title", "authors", "venue", "year", "arxiv", "licence", "trained_on", "seen", "notes"}


def test_the_folder_is_walked() -> None:
    assert {"classnseg", "mesonet"} <= set(peers.names())
    assert not any(name.startswith("_") for name in peers.names())


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        peers.get("_torch")
    assert caught.value.code == "unknown_detector"


@pytest.mark.parametrize("name", peers.names())
def test_each_states_its_facts(name: str) -> None:
    peer = peers.get(name)
    assert set(peer.card) == KEYS
    assert all(peer.card.values())
    assert peer.card["seen"].keys() == peer.card["trained_on"].keys()
    assert isinstance(peer.crop, CropRecipe)


@pytest.mark.parametrize("name", peers.names())
def test_missing_and_foreign_files_are_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    for code, content in (("bundle_missing", None), ("bundle_invalid", b"\x00" * 64)):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(BundleError, match=name) as caught:
            peers.get(name).load(path)
        assert caught.value.code == code
        assert str(path) in str(caught.value)


def test_crops_of_another_size_are_refused() -> None:
    from torch import nn

    from unmask.bench.peers._torch import logits

    score = logits(nn.Identity(), CropRecipe("box", (8, 8), 1.0, (0, 0, 0), (1, 1, 1)))
    for batch in (np.zeros((1, 8, 9, 3), np.uint8), np.zeros((1, 8, 8, 3), np.float32)):
        with pytest.raises(ConfigError) as caught:
            score(batch)  # type: ignore[arg-type]
        assert caught.value.code == "bad_option"


def test_pixels_are_normalised_and_channels_come_first() -> None:
    import torch
    from torch import Tensor, nn

    from unmask.bench.peers._torch import logits

    class Red(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image[:, 0].mean((1, 2))

    score = logits(Red(), CropRecipe("box", (4, 4), 1.0, (0.5, 0, 0), (0.25, 1, 1)))
    batch = np.zeros((70, 4, 4, 3), np.uint8)
    batch[:, :, :, 0] = np.arange(70)[:, None, None]
    assert score(batch) == pytest.approx((np.arange(70) / 255 - 0.5) / 0.25, abs=1e-5)
    assert score(batch[:0]).shape == (0,)
    assert torch.is_grad_enabled()


def test_a_file_says_which_sets_its_weights_know() -> None:
    mesonet = peers.get("mesonet")
    assert mesonet.seen(Path("MesoInception_DF.safetensors")) == ("swap_meso",)
    assert "swap_meso" not in mesonet.seen(Path("Meso4_F2F.safetensors"))
    unclear = mesonet.seen(Path("weights.safetensors"))
    assert set(unclear) == {one for sets in mesonet.card["seen"].values() for one in sets}
    assert len(unclear) == len(set(unclear))
