"""The face-language model learns, is measured, and comes back as a backbone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.lab.pretraining.conftest import cache
from unmask.errors import LabError
from unmask.judge.bundle import load
from unmask.lab import backbones, prompts
from unmask.lab.export import export
from unmask.lab.language import told
from unmask.lab.language.contrast import spread
from unmask.lab.language.network import Network
from unmask.lab.language.vocabulary import own
from unmask.lab.method import Data, Recipe, Train, build
from unmask.lab.train import load_best, train

__all__ = ["cache"]

TINY = {"size": 32, "patch": 8, "width": 32, "depth": 2, "heads": 2, "joint": 16}
SMALL = TINY | {"text_width": 16, "text_depth": 1, "text_heads": 2, "views": 16, "again": 0.0}


def test_the_shipped_towers_keep_their_budget() -> None:
    network = build("face_language", {}).network()
    assert isinstance(network, Network)
    for tower, most in ((network.clip.vision_model, 12e6), (network.clip.text_model, 6e6)):
        assert 1e6 < sum(p.numel() for p in tower.parameters()) <= most


def test_every_true_caption_counts_and_the_undecided_do_not() -> None:
    logits = torch.tensor([[2.0, 1.0, 9.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    true = torch.tensor([[True, True, False], [False, True, False], [False, False, True]])
    false = torch.tensor([[False] * 3, [True, False, True], [True, True, False]])
    parts = [
        -logits[0, :2].log_softmax(0).mean(),
        -logits[1].log_softmax(0)[1],
        -logits[2].log_softmax(0)[2],
    ]
    torch.testing.assert_close(spread(logits, true, true | false), torch.stack(parts).mean())


def test_hidden_patches_are_hidden_in_training_only() -> None:
    network = build("face_language", SMALL).network().eval()
    assert isinstance(network, Network)
    image = torch.rand(2, 3, 32, 32)
    assert torch.equal(network.pooled(image), network.pooled(image))
    network.train()
    assert not torch.equal(network.pooled(image), network.pooled(image))
    assert network._some(torch.rand(2, 17, 4)).shape == (2, 9, 4)


def test_text_is_computed_up_to_its_end() -> None:
    network = build("face_language", SMALL).network().eval()
    assert isinstance(network, Network)
    ids = torch.tensor([own().encode("a real photo of a person")])
    whole = network.clip.text_model(input_ids=ids).pooler_output
    wanted = torch.nn.functional.normalize(network.clip.text_projection(whole), dim=1)
    torch.testing.assert_close(network.texts(ids), wanted)


def test_it_begins_from_a_face_backbone(tmp_path: Path, cache: Any) -> None:
    torch.manual_seed(0)
    sizes = {name: TINY[name] for name in ("size", "patch", "width", "depth", "heads")}
    faces = build("fsfm", sizes | {"painter": 32}).network()
    save_file(faces.state_dict(), tmp_path / "best.safetensors")
    note = {"method": "fsfm", "config": sizes | {"painter": 32}}
    (tmp_path / "recipe.json").write_text(json.dumps(note))
    method = build("face_language", SMALL | {"initial": str(tmp_path)})
    network = method.network().eval()
    assert isinstance(network, Network)
    tell = told.Tell(told.CropRecipe(**method.crop() | {"min_face": 0}), told.Making())
    views = told.Faces(cache, tell, 64, 0, ())
    image = torch.stack([views[i]["image"] for i in range(8)]).float() / 127.5 - 1
    wanted = faces.encoder(image)

    def alike() -> float:
        tokens = network.clip.vision_model(pixel_values=image).last_hidden_state[:, 1:]
        return torch.nn.functional.cosine_similarity(tokens, wanted, dim=2).mean().item()

    before = alike()
    method.initialise(network, Data(views, views))
    assert alike() > max(0.7, before + 0.4)
    other = build("face_language", SMALL | {"initial": str(tmp_path), "width": 64})
    wider = other.network()
    with pytest.raises(LabError, match="no fsfm run"):
        other.initialise(wider, Data(views, views))


def test_it_goes_from_photos_to_a_backbone(
    tmp_path: Path, cache: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told.dev, "samples", lambda root: [])
    monkeypatch.setattr(told, "FaceCache", lambda samples, folder: cache)
    settings = Train(steps=2, batch=8, warmup=1, validate_every=2, workers=0, threads=0)
    texts = {"name": "x", "version": "1", "title": "t", "description": "d", "licence": "CC0"}
    data = [{"name": "painted", "licence": "CC0", "use": "tests"}]
    recipe = Recipe("r.toml", "face_language", **texts, train=settings, config=SMALL)
    recipe = dataclasses.replace(recipe, training_data=data)
    measures = train(recipe, tmp_path, tmp_path / "run")
    assert {"auc", "unseen", "probe", "retrieval", "chance", "fact_verdict"} <= set(measures)
    assert 0 < measures["chance"] < 1
    folder = export(tmp_path / "run", tmp_path / "model", tmp_path)
    card = load(folder).card
    assert not card.detects
    assert "auc" in {row["metric"] for row in card.results}
    assert "| painted | CC0 | tests |" in (folder / "README.md").read_text()

    monkeypatch.setenv("UNMASK_FACE_LANGUAGE", str(folder))
    backbone = backbones.load("unmask/face-language")
    network = load_best(build("face_language", SMALL), tmp_path / "run")
    assert isinstance(network, Network)
    assert (backbone.size, backbone.width, backbone.joint) == (32, 32, 16)
    network.half().float()  # as it was written
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    words = ["a real photo of a person", "a fake photo of a face"]
    with torch.no_grad():
        torch.testing.assert_close(backbone(image), network.pooled(image))
        ids = prompts.tokenise(backbone, words)
        assert ids.tolist() == [own().encode(text) for text in words]
        found = torch.nn.functional.normalize(prompts.encode_text(backbone, ids), dim=1)
        torch.testing.assert_close(found, network.texts(ids))
