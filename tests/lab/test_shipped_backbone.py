"""The face-language model that comes with the package."""

from __future__ import annotations

import pytest
import torch

from unmask.lab import backbones, prompts
from unmask.lab.language.vocabulary import own
from unmask.lab.method import read_recipe


@pytest.fixture(scope="module")
def shipped() -> backbones.Backbone:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(backbones.VARIABLE, raising=False)
        return backbones.load(str(backbones.SHIPPED))


def weights(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_it_is_small_and_finite(shipped: backbones.Backbone) -> None:
    assert weights(shipped.vision) <= 12e6
    assert weights(shipped.text) <= 6e6
    assert all(torch.isfinite(p).all() and p.dtype == torch.float32 for p in shipped.parameters())


def test_it_reads_the_words_of_today_s_captions(shipped: backbones.Backbone) -> None:
    words = ["a real photo of a person", "a fake photo of a man with an open mouth"]
    assert prompts.tokenise(shipped, words).tolist() == [own().encode(text) for text in words]
    features = prompts.encode_text(shipped, prompts.tokenise(shipped, words))
    assert not torch.allclose(features[0], features[1], atol=0.1)


def test_it_says_what_it_learnt_from() -> None:
    told = (backbones.SHIPPED / "README.md").read_text("utf-8")
    for data in read_recipe("face-language").training_data:
        assert data["name"] in told
        assert data["licence"] in told
    assert "kept back | auc |" in told
