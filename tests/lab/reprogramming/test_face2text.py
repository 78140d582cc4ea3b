"""The words: what stands in them, how far they are computed and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.lab.backbones_tiny import tiny
from tests.lab.repdfd_tiny import WIDTH, Who, faces, made
from unmask.errors import LabError
from unmask.lab.methods.repdfd import Config, RepDFD, templates
from unmask.lab.prompts import encode_text, token_embeddings, tokenise


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny("clip", folder=tmp_path_factory.mktemp("clip"))


def test_templates_say_where_the_face_is_named() -> None:
    real, fake = "A real photo of a person", "A fake photo of a person"
    named = fake.replace("a person", "a FE person"), real.replace("a person", "a FE person")
    assert templates(Config()) == (real, fake)
    assert templates(Config(recogniser="x")) == (real, named[0])
    assert templates(Config(recogniser="x", face="real")) == (named[1], fake)
    assert templates(Config(recogniser="x", face="both")) == (named[1], named[0])
    assert templates(Config(recogniser="x", prompt="fixed")) == (real, fake)


@pytest.mark.parametrize("config", [{"prompt": "dynamic"}, {"prompt": "x"}, {"face": "x"}])
def test_prompts_that_cannot_be_are_refused(clip: Path, config: dict[str, Any]) -> None:
    with pytest.raises(LabError, match="bad_recipe"):
        RepDFD(Config(backbone=str(clip), **config)).network()


def test_the_projection_is_fixed_random_and_stored(clip: Path) -> None:
    method, network = made(clip, recogniser=Who())
    weight = network.words.projection.weight
    assert weight.shape == (32, WIDTH)
    assert abs(float(weight.std()) * 32 - 1) < 0.15
    assert not weight.requires_grad
    assert torch.equal(network.state_dict()["words.projection.weight"], weight)
    (group,) = method.groups(network, 1.0)
    assert [id(p) for p in group["params"]] == [id(network.border.delta)]


def test_nothing_but_border_projection_and_recogniser_is_stored(clip: Path) -> None:
    own = set(made(clip)[1].state_dict())
    assert own == {"border.delta", "backbone.mark"}
    assert set(made(clip, prompt="random")[1].state_dict()) == own | {"words.word"}


def asking(tower: Any) -> nn.Module:
    """What every token that asks in the first block goes through."""
    layer: nn.Module = tower.text.encoder.layers[0].self_attn.q_proj
    return layer


def test_a_prompt_up_to_its_end_equals_all_77_tokens(clip: Path) -> None:
    _, network = made(clip, recogniser=Who())
    tower, words = network.backbone, network.words
    ids = tokenise(tower, ["A fake photo of a FE person"]).expand(2, -1)
    assert ids.shape == (2, 77)
    word = torch.randn(2, 32)
    tokens = token_embeddings(tower, ids).clone()
    tokens[:, 6] = word
    lengths: list[int] = []
    hook = asking(tower).register_forward_hook(lambda _, x, y: lengths.append(y.shape[1]))
    found = words.fake(tower, word)
    assert torch.equal(words.fake(tower, word), found)
    hook.remove()
    assert lengths == [6, 3, 3]  # what stands before the face is read once
    hidden = tokens + tower.text.embeddings.position_embedding.weight
    later = torch.full((77, 77), -torch.inf).triu(1)
    whole = tower.text.encoder(inputs_embeds=hidden, attention_mask=later[None, None])[0]
    end = tower.text_projection(tower.text.final_layer_norm(whole)[:, 8])
    torch.testing.assert_close(found, nn.functional.normalize(end), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(encode_text(tower, ids, tokens), end, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("config", "once", "each"),
    [
        ({}, 2, 0),
        ({"prompt": "random"}, 3, 0),
        ({"recogniser": Who()}, 2, 1),
        ({"recogniser": Who(), "face": "both"}, 2, 2),
    ],
)
def test_what_never_changes_is_computed_once(clip: Path, config: Any, once: int, each: int) -> None:
    """A prompt without a face is encoded in the first of three passes only, as is the beginning
    of one with a face, or with a word in its place."""
    method, network = made(clip, **config)
    seen: list[Any] = []
    asking(network.backbone).register_forward_hook(lambda *_: seen.append(_))
    with torch.no_grad():
        answers = [network(faces(method)) for _ in range(3)]
    assert len(seen) == once + 3 * each
    assert torch.equal(answers[0], answers[2])
    network.load_state_dict(network.state_dict())
    network(faces(method))
    assert len(seen) == 2 * once + 4 * each  # new weights, new words


def test_a_random_word_is_kept_with_the_weights(clip: Path) -> None:
    method, network = made(clip, prompt="random")
    torch.manual_seed(77)
    other = method.network().eval()
    image = faces(method)
    before = other(image)
    other.load_state_dict(network.state_dict())
    assert not torch.equal(before, other(image))
    assert torch.equal(network(image), other(image))
