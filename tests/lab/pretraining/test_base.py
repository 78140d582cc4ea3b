"""A run's encoder comes back as it was trained, and goes into another network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from unmask.errors import LabError
from unmask.judge.bundle import load
from unmask.lab.export import export
from unmask.lab.method import Recipe, Train, build
from unmask.lab.networks.mobilenet import MobileNetV2
from unmask.lab.pretraining import views
from unmask.lab.pretraining.base import Pretrained, load_encoder
from unmask.lab.train import train

FSFM = {"size": 32, "patch": 8, "width": 32, "depth": 1, "heads": 2, "painter": 32}
SELFIE = {"size": 32, "patch": 16, "width": 16, "depth": 1, "heads": 2}


def finished(folder: Path, method: str, config: dict[str, int]) -> Pretrained:
    """A run folder as the trainer leaves it."""
    torch.manual_seed(5)
    network = build(method, config).network().eval()
    assert isinstance(network, Pretrained)
    save_file(network.state_dict(), folder / "best.safetensors")
    (folder / "recipe.json").write_text(json.dumps({"method": method, "config": config}))
    return network


@pytest.mark.parametrize(("method", "config"), [("fsfm", FSFM), ("selfie", SELFIE)])
@torch.no_grad()
def test_the_encoder_comes_back(tmp_path: Path, method: str, config: dict[str, int]) -> None:
    trained = finished(tmp_path, method, config)
    torch.manual_seed(6)
    encoder = load_encoder(tmp_path)
    assert not encoder.training
    picture = torch.rand(1, 3, 32, 32)
    assert torch.equal(encoder(picture), trained.encoder(picture))


def test_selfies_convolutions_fit_a_detectors_trunk(tmp_path: Path) -> None:
    trained = finished(tmp_path, "selfie", SELFIE)
    trunk = MobileNetV2()
    missing, unexpected = trunk.load_state_dict(load_encoder(tmp_path).state_dict(), strict=False)
    assert not unexpected
    assert {name.split(".")[0] for name in missing} == {"stages", "top"}
    assert {name.split(".")[1] for name in missing if name.startswith("stages")} == {"5", "6"}
    wanted = trained.encoder.get_parameter("stages.0.0.body.0.0.weight")
    assert torch.equal(trunk.get_parameter("stages.0.0.body.0.0.weight"), wanted)


def test_an_unfinished_run_and_one_without_encoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="weights_missing"):
        load_encoder(tmp_path)
    network = build("pfld", {}).network()
    save_file(
        {k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "best.safetensors"
    )
    (tmp_path / "recipe.json").write_text(json.dumps({"method": "pfld", "config": {}}))
    with pytest.raises(LabError, match="no encoder"):
        load_encoder(tmp_path)


@pytest.mark.parametrize(("method", "config"), [("fsfm", FSFM), ("selfie", SELFIE)])
def test_it_goes_from_photos_to_a_bundle(
    tmp_path: Path,
    cache: Any,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    config: dict[str, int],
) -> None:
    monkeypatch.setattr(views.dev, "samples", lambda root: [])
    monkeypatch.setattr(views, "FaceCache", lambda samples, folder: cache)
    settings = Train(steps=2, batch=8, warmup=1, validate_every=2, workers=0, threads=0)
    texts = {"name": "x", "version": "1", "title": "t", "description": "d", "licence": "CC0"}
    recipe = Recipe("r.toml", method, **texts, train=settings, config=config | {"views": 8})
    measures = train(recipe, tmp_path, tmp_path / "run")
    assert {"loss", "auc"} <= set(measures)
    bundle = load(export(tmp_path / "run", tmp_path / "bundle"))
    assert bundle.card.task == "face-features"
    assert not bundle.card.detects
    assert load_encoder(tmp_path / "run").state_dict()
