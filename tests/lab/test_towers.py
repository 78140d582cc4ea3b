"""Short cuts through CLIP's towers: equal to transformers run whole, layers replaced or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.lab.backbones_tiny import SIDE, tiny
from unmask.lab import backbones, prompts, towers

CLOSE: dict[str, Any] = {"atol": 2e-5, "rtol": 1e-4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("clip", folder=tmp_path_factory.mktemp("clip"))


@pytest.fixture
def clip(folder: Path) -> backbones.Backbone:
    return backbones.load(str(folder))


def pixels(count: int = 3) -> Tensor:
    return torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def whole(clip: backbones.Backbone, x: Tensor) -> Tensor:
    out: Tensor = clip.vision(pixel_values=x).pooler_output
    return out


class Wider(nn.Module):
    """A layer with something beside it."""

    def __init__(self, plain: nn.Module) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.plain(x) + x.mean(-1, keepdim=True)
        return out


@pytest.mark.parametrize("place", ["", "mlp", "mlp.fc1", "mlp.fc2", "self_attn.v_proj"])
def test_pictures_are_seen_as_the_library_sees_them(clip: backbones.Backbone, place: str) -> None:
    for layer in clip.vision.encoder.layers if place else ():
        layer.set_submodule(place, Wider(layer.get_submodule(place)))
    with torch.no_grad():
        found = towers.pooled(clip.vision, pixels())
        assert found is not None
        torch.testing.assert_close(found, whole(clip, pixels()), **CLOSE)


def test_gradients_are_the_library_s(clip: backbones.Backbone) -> None:
    clip.requires_grad_(True)
    learnt = [p for p in clip.vision.parameters() if p.requires_grad]
    found: list[tuple[Tensor, ...]] = []
    for see in (clip.encode, lambda x: whole(clip, x)):
        x = pixels().requires_grad_(True)
        found.append(torch.autograd.grad(see(x).square().sum(), [x, *learnt], allow_unused=True))
    for ours, wanted in zip(*found, strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-3)


def test_the_last_block_asks_for_one_token(clip: backbones.Backbone) -> None:
    asked: list[int] = []
    for layer in clip.vision.encoder.layers:
        layer.self_attn.q_proj.register_forward_hook(lambda _, x, y: asked.append(y.shape[1]))
    with torch.no_grad():
        clip.encode(pixels())
    assert asked == [1 + (SIDE // 8) ** 2, 1]


def test_towers_that_are_not_as_published_run_whole(clip: backbones.Backbone) -> None:
    first = clip.vision.encoder.layers[0]
    seen: list[int] = []
    handle = first.register_forward_hook(lambda *_: seen.append(1))
    assert towers.pooled(clip.vision, pixels()) is None
    with torch.no_grad():
        clip.encode(pixels())
    assert seen
    handle.remove()
    assert towers.fits(clip.vision.encoder)
    clip.vision.encoder.layers[1] = Wider(first)
    assert not towers.fits(clip.vision.encoder)
    assert not towers.fits(nn.Identity())


def test_dropout_of_attention_is_left_to_the_library(clip: backbones.Backbone) -> None:
    for layer in clip.vision.encoder.layers:
        layer.self_attn.dropout = 0.5
    assert towers.fits(clip.vision.encoder)
    assert not towers.fits(clip.vision.train().encoder)


def test_a_listener_hears_the_inner_layers(clip: backbones.Backbone) -> None:
    heard: list[Tensor] = []
    handle = clip.vision.encoder.layers[0].mlp.fc2.register_forward_hook(
        lambda _, x, y: heard.append(y)
    )
    with torch.no_grad():
        found = clip.encode(pixels())
        handle.remove()
        torch.testing.assert_close(found, clip.encode(pixels()), **CLOSE)
    assert heard


@pytest.mark.parametrize("first", [1, 4, 7])
def test_first_words_can_be_read_beforehand(clip: backbones.Backbone, first: int) -> None:
    texts = ["a fake photo of the fe person", "a fake photo of the fe face of a person"]
    ids = prompts.tokenise(clip, texts)
    words = prompts.token_embeddings(clip, ids)
    with torch.no_grad():
        past = prompts.begin(clip, words[:1, :first])
        assert past is not None
        assert past[0][0].shape == (1, 4, first, 8)
        found = prompts.encode_text(clip, ids, words[:, first:], past)
        torch.testing.assert_close(found, prompts.encode_text(clip, ids), **CLOSE)


def test_towers_that_see_both_ways_have_no_first_words(tmp_path: Path) -> None:
    siglip = backbones.load(str(tiny("siglip", folder=tmp_path)))
    assert prompts.begin(siglip, torch.zeros(1, 2, 32)) is None


def test_half_precision_needs_no_whole_tower(clip: backbones.Backbone) -> None:
    half = clip.to(torch.bfloat16)
    with torch.no_grad():
        found = towers.pooled(half.vision, pixels().bfloat16())
        assert found is not None
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found, whole(half, pixels().bfloat16()), atol=0.1, rtol=0.1)


def test_gradients_in_mixed_precision_are_the_library_s(clip: backbones.Backbone) -> None:
    def gradient(see: Callable[[Tensor], Tensor], kind: torch.dtype | None) -> Tensor:
        x = pixels().requires_grad_(True)
        with torch.autocast("cpu", kind, enabled=kind is not None):
            value = see(x).float().square().sum()
        return torch.autograd.grad(value, x)[0].flatten()

    wanted = gradient(lambda x: whole(clip, x), None)
    rounded = gradient(lambda x: whole(clip, x), torch.bfloat16)
    ours = gradient(clip.encode, torch.bfloat16)
    assert (ours - wanted).norm() < 1.5 * (rounded - wanted).norm()
