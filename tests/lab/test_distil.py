"""The student hears the ensemble: through any method's loss, in logits and heat, softened."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.errors import LabError
from unmask.lab import distil, train
from unmask.lab.method import Batch, Data, Distil, Method, Recipe, Train, read_recipe

TRUTH = torch.tensor([2.0, -1.0, 0.5])


class Clouds(Dataset[dict[str, Any]]):
    """Pictures of one pixel, most of whose labels are wrong by chance."""

    def __init__(self, count: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.image = torch.from_numpy(rng.normal(size=(count, 3, 1, 1)).astype(np.float32))
        sure = (self.image.flatten(1) @ TRUTH).sigmoid().numpy()
        right = rng.random(count) < sure
        self.label = np.where(rng.random(count) < 0.8, rng.random(count) < 0.5, right)

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": self.image[index], "label": float(self.label[index])}


class Weather(Method):
    """One linear layer; its heat map is the picture's first colour."""

    size = 1

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3, 1))

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        return Data(Clouds(96, seed), Clouds(32, seed + 1))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logit = network(batch["image"])[:, 0]
        label = batch["label"].float()
        return {"loss": nn.functional.binary_cross_entropy_with_logits(logit, label)}

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        return {"auc": -float(np.mean([self.loss(network, b)["loss"].item() for b in batches]))}

    def graph(self, network: nn.Module) -> nn.Module:
        return _Graph(network)

    def outputs(self) -> dict[str, str]:
        return {"logit": "logit", "heat": "heat"}

    def crop(self) -> dict[str, Any]:
        return {"kind": "box", "size": [self.size] * 2, "margin": 1.0, "min_face": self.size}


class _Graph(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logit = self.network(image)[:, 0]
        return logit, logit.sigmoid()[:, None, None].expand(-1, 2, 2)


RECIPE = Recipe(
    file="weather.toml",
    method="weather",
    name="weather",
    version="1",
    title="Weather",
    description="",
    licence="Apache-2.0",
    seed=5,
    train=Train(steps=120, batch=32, lr=0.1, warmup=2, ema=0.5, validate_every=60, workers=0),
)


@pytest.fixture(autouse=True)
def weather(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (train, distil):
        monkeypatch.setattr(module, "build", lambda name, overrides: Weather(None))


@pytest.fixture
def teachers(tmp_path: Path) -> tuple[str, ...]:
    """Two runs that are wrong in opposite ways: together they are right."""
    names = []
    for number, error in enumerate((1.0, -1.0)):
        folder = tmp_path / f"teacher{number}"
        folder.mkdir()
        (folder / "recipe.json").write_text(json.dumps(dataclasses.asdict(RECIPE)))
        weights = {"1.weight": (TRUTH + error)[None], "1.bias": torch.tensor([error])}
        save_file({k: v.contiguous() for k, v in weights.items()}, folder / "best.safetensors")
        names.append(str(folder))
    return tuple(names)


def learnt(folder: Path, settings: Distil) -> Tensor:
    train.train(dataclasses.replace(RECIPE, distil=settings), folder, folder / "run")
    return train.load_best(Weather(None), folder / "run")[1].weight.detach()[0]


def test_the_student_comes_nearer_to_the_truth_than_its_labels_let_it(
    tmp_path: Path, teachers: tuple[str, ...]
) -> None:
    for name in ("alone", "with"):
        (tmp_path / name).mkdir()
    alone = learnt(tmp_path / "alone", Distil())
    helped = learnt(tmp_path / "with", Distil(teachers, weight=0.9))
    assert (helped - TRUTH).norm() < 0.35 * (alone - TRUTH).norm()
    log = (tmp_path / "with" / "run" / "log.jsonl").read_text().splitlines()
    parts = [entry for entry in map(json.loads, log) if entry["kind"] == "train"]
    assert parts[-1]["lesson"] < 0.2 * parts[0]["lesson"]
    whole = 0.1 * parts[-1]["labels"] + 0.9 * parts[-1]["lesson"]
    assert parts[-1]["loss"] == pytest.approx(whole, abs=1e-5)


def test_shares_turn_the_mean(teachers: tuple[str, ...]) -> None:
    image = torch.tensor([1.0, 1.0, 1.0])[None, :, None, None]
    both = distil.Ensemble.of(Weather(None), Distil(teachers))
    first = distil.Ensemble.of(Weather(None), Distil(teachers, shares=(3.0, 1.0)))
    assert both(image)["logit"].item() == pytest.approx(1.5)
    assert first(image)["logit"].item() == pytest.approx(1.5 + 0.5 * 4)


def test_the_teachers_learn_nothing(teachers: tuple[str, ...]) -> None:
    method = distil.taught(Weather(None), Distil(teachers))
    network = method.network()
    batch = {"image": torch.randn(4, 3, 1, 1), "label": torch.tensor([0.0, 1, 0, 1])}
    parts = method.loss(network, batch)
    parts["loss"].backward()
    assert network[1].weight.grad is not None
    assert not network._forward_hooks


def test_without_teachers_the_method_is_itself() -> None:
    method = Weather(None)
    assert distil.taught(method, Distil()) is method


def test_heat_is_taught_too_and_of_any_size() -> None:
    logit = torch.zeros(1)
    student = {"logit": logit, "heat": torch.zeros(1, 4, 4, requires_grad=True)}
    teacher = {"logit": logit, "heat": torch.full((1, 2, 2), 3.0)}
    distil.lesson(student, teacher, 2.0).backward()
    assert (student["heat"].grad < 0).all()
    assert distil.lesson(student, {"logit": logit}, 2.0).item() == 0


def test_the_gradient_does_not_depend_much_on_the_temperature() -> None:
    slopes = []
    for temperature in (1.0, 8.0):
        own = torch.zeros(1, requires_grad=True)
        distil.lesson({"logit": own}, {"logit": torch.ones(1)}, temperature).backward()
        slopes.append(own.grad.item())
    assert slopes[0] == pytest.approx(slopes[1], rel=0.1)


def test_strange_teachers_are_refused(
    tmp_path: Path, teachers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LabError, match="weights_missing"):
        distil.taught(Weather(None), Distil((str(tmp_path / "nowhere"),)))
    for wrong in (
        Distil(teachers, shares=(1.0,)),
        Distil(teachers, weight=1.5),
        Distil(teachers, temperature=0.0),
    ):
        with pytest.raises(LabError, match="bad_recipe"):
            distil.taught(Weather(None), wrong)
    large = Weather(None)
    large.size = 2
    with pytest.raises(LabError, match="sees crops"):
        distil.taught(large, Distil(teachers))


def test_a_recipe_names_them(tmp_path: Path) -> None:
    text = 'method = "sbi"\nname = "x"\nversion = "1"\ntitle = "x"\ndescription = ""\n'
    text += 'licence = "x"\n[distil]\nteachers = ["a", "b"]\n'
    path = tmp_path / "x.toml"
    path.write_text(text + "temperature = 3.0\n")
    assert read_recipe(path).distil == Distil(("a", "b"), temperature=3.0)
    path.write_text(text + "warmth = 3.0\n")
    with pytest.raises(LabError, match="bad_recipe"):
        read_recipe(path)
