"""The loop learns, logs, stops and goes on; the export equals torch."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from unmask.errors import LabError
from unmask.judge.bundle import load
from unmask.lab import export as exporting
from unmask.lab import train as training
from unmask.lab.calibration import card_sections, operating_points
from unmask.lab.difficulty import Difficulty, DifficultySampler, Followed
from unmask.lab.method import Batch, Data, Method, Recipe, Train


class Spots(Dataset[dict[str, Any]]):
    """Pictures that are bright or dark on average; the bright ones are the fakes."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epochs = count, seed, []

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng((self.seed, index))
        label = float(index % 2)
        image = rng.normal(label - 0.5, 1.0, (3, 8, 8)).astype(np.float32)
        return {"image": torch.from_numpy(image), "label": label}


class Brightness(Method):
    """The smallest method there can be."""

    def network(self) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1))

    def initialise(self, network: nn.Module, data: Data) -> None:
        nn.init.zeros_(network[2].weight)

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        return Data(Spots(64, seed), Spots(32, seed + 1))

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        logit = network(batch["image"])[:, 0]
        return {
            "loss": nn.functional.binary_cross_entropy_with_logits(logit, batch["label"].float())
        }

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        logits, labels = self._collect(network, batches)
        return {"auc": float(((logits > 0) == (labels > 0.5)).mean())}

    def _collect(
        self, network: nn.Module, batches: Iterable[Batch]
    ) -> tuple[np.ndarray, np.ndarray]:
        pairs = [(network(b["image"])[:, 0].numpy(), b["label"].numpy()) for b in batches]
        return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])

    def graph(self, network: nn.Module) -> nn.Module:
        return _Graph(network)

    def outputs(self) -> dict[str, str]:
        return {"logit": "logit"}

    def crop(self) -> dict[str, Any]:
        return {
            "kind": "box",
            "size": [8, 8],
            "margin": 1.0,
            "colour": "RGB",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "windows": 1,
            "min_face": 8,
        }

    def calibrate(self, network: nn.Module, data: Data, batches: Iterable[Batch]) -> dict[str, Any]:
        logits, labels = self._collect(network, batches)
        return card_sections(logits, labels, np.zeros(len(labels)), "spots")


class _Graph(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network(image)[:, 0],)


RECIPE = Recipe(
    file="spots.toml",
    method="brightness",
    name="spots",
    version="1",
    title="Spots",
    description="Tells bright from dark.",
    licence="Apache-2.0",
    seed=3,
    train=Train(
        steps=24, batch=16, lr=0.1, warmup=2, ema=0.5, validate_every=4, workers=0, watch="auc"
    ),
    training_data=[{"name": "noise", "licence": "CC0-1.0", "use": "training", "n": 64}],
    limits=["Knows nothing of faces."],
)


@pytest.fixture(autouse=True)
def brightness(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (training, exporting):
        monkeypatch.setattr(module, "build", lambda name, overrides: Brightness(None))


def run(tmp_path: Path, **changes: Any) -> dict[str, float]:
    settings = dataclasses.replace(RECIPE.train, **changes)
    recipe = dataclasses.replace(RECIPE, train=settings)
    return training.train(recipe, tmp_path, tmp_path / "run")


def lines(tmp_path: Path, kind: str) -> list[dict[str, Any]]:
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, log) if entry["kind"] == kind]


def test_it_learns_and_logs(tmp_path: Path) -> None:
    assert run(tmp_path)["auc"] > 0.9
    assert [entry["step"] for entry in lines(tmp_path, "val")] == [4, 8, 12, 16, 20, 24]
    assert any((tmp_path / "run" / "board").iterdir())


def test_same_seed_same_weights(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run(tmp_path / "a")
    run(tmp_path / "b")
    first, second = (tmp_path / x / "run" / "best.safetensors" for x in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_one_process_trains_in_one_precision_after_another(tmp_path: Path) -> None:
    for precision in ("bf16", "fp32", "bf16"):
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        assert run(place, precision=precision, steps=4)["auc"] > 0


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(Exception):
        pass

    def die(self: Any, *_: Any) -> None:
        if self.step >= 10:
            raise Killed

    with monkeypatch.context() as patch:
        learn = training._Run._learn

        def learn_then_die(self: Any, batch: Batch) -> None:
            die(self)
            learn(self, batch)

        patch.setattr(training._Run, "_learn", learn_then_die)
        with pytest.raises(Killed):
            run(tmp_path)
    assert run(tmp_path)["auc"] > 0.9
    assert [entry["step"] for entry in lines(tmp_path, "val")] == [4, 8, 12, 16, 20, 24]


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    run(tmp_path, steps=400, patience=2)
    assert lines(tmp_path, "val")[-1]["step"] < 400


def test_a_folder_belongs_to_one_recipe(tmp_path: Path) -> None:
    run(tmp_path, steps=4)
    with pytest.raises(LabError, match="bad_recipe"):
        run(tmp_path, steps=8)


def test_the_bundle_loads_and_scores_as_torch_does(tmp_path: Path) -> None:
    run(tmp_path)
    bundle = load(exporting.export(tmp_path / "run", tmp_path / "spots", tmp_path))
    assert bundle.card.name == "spots"
    assert bundle.card.calibration is not None
    assert [point.fpr for point in bundle.card.operating_points] == sorted(
        point.fpr for point in bundle.card.operating_points
    )


def test_a_wrong_graph_is_not_exported(tmp_path: Path) -> None:
    class Moody(_Graph):
        calls = 0

        def forward(self, image: Tensor) -> tuple[Tensor]:
            Moody.calls += 1
            return (super().forward(image)[0] + Moody.calls,)

    graph = Moody(Brightness(None).network()).eval()
    exporting.write_onnx(graph, tmp_path / "m.onnx", (8, 8), ["logit"])
    with pytest.raises(LabError, match="export_mismatch"):
        exporting.compare(graph, tmp_path / "m.onnx", (8, 8))


def test_the_rate_rises_falls_and_rises_again() -> None:
    settings = Train(steps=100, warmup=10, restarts=(60,))
    rates = [training.rate(settings, step) for step in range(101)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[9] == rates[10] == 1.0
    assert rates[10:60] == sorted(rates[10:60], reverse=True)
    assert rates[59] < 0.01
    assert rates[60] == 0.6
    assert rates[100] == pytest.approx(0.0)


class Steady(Dataset[dict[str, Any]]):
    """The same pictures in every epoch; the first eighth bears the wrong label."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = Spots(64, 3)[index]
        return item | {"label": 1 - item["label"]} if index < 8 else item


class Steadily(Brightness):
    """The smallest method whose samples come back."""

    def data(self, root: Path, cache: Path, seed: int) -> Data:
        return Data(Steady(), Spots(32, seed + 1))


class Drawn(Spots):
    """Pictures of two sources that lie elsewhere in every epoch: which ones, only it can say."""

    followed = 2

    def which(self, index: int) -> int:
        return (index + self.epochs[-1]) % 2 if self.epochs else 0


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "build", lambda name, overrides: Steadily(None))


def checkpoint(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    return found


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


@pytest.mark.parametrize("switch", [{"sharpness": 0.05}, {"difficulty": 1.0}])
@pytest.mark.usefixtures("steady")
def test_each_switch_learns_something_else_and_off_is_the_default(
    tmp_path: Path, switch: dict[str, float]
) -> None:
    for name, changes in {"plain": {}, "off": dict.fromkeys(switch, 0.0), "on": switch}.items():
        (tmp_path / name).mkdir()
        assert run(tmp_path / name, **changes)["auc"] > 0.9
    plain, off, on = (checkpoint(tmp_path / name) for name in ("plain", "off", "on"))
    assert same(plain["network"], off["network"])
    assert "difficulty" not in off
    assert not same(plain["network"], on["network"])


@pytest.mark.parametrize("switch", [{"sharpness": 0.05}, {"difficulty": 1.0}])
@pytest.mark.usefixtures("steady")
def test_with_either_switch_an_interrupted_run_ends_where_a_whole_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: dict[str, float]
) -> None:
    """It is killed after the checkpoint at step 12, at the end of the third epoch."""
    for name in ("whole", "halves"):
        (tmp_path / name).mkdir()
    run(tmp_path / "whole", **switch)

    class Killed(Exception):
        pass

    slope = training._Run._slope

    def die(self: Any, batch: Batch) -> dict[str, Tensor]:
        if self.step >= 12:
            raise Killed
        return slope(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(training._Run, "_slope", die)
        with pytest.raises(Killed):
            run(tmp_path / "halves", **switch)
    stopped = checkpoint(tmp_path / "halves")
    run(tmp_path / "halves", **switch)
    whole, halves = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "halves")
    assert stopped["progress"][0] == 12
    assert not same(stopped["network"], whole["network"])
    assert same(halves["network"], whole["network"])
    assert same(halves["average"], whole["average"])
    if "difficulty" in switch:
        assert not stopped["difficulty"]["running"].isnan().all()
        assert same(halves["difficulty"], whole["difficulty"])


@pytest.mark.usefixtures("steady")
def test_hard_items_are_drawn_more_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = {}
    slope = training._Run._slope
    for strength in (0.0, 1.0):
        seen: list[int] = []

        def watched(self: Any, batch: Batch, seen: list[int] = seen) -> dict[str, Tensor]:
            dark = batch["image"].mean((1, 2, 3)) < 0
            seen += (dark == (batch["label"] > 0.5)).int().tolist()
            return slope(self, batch)

        folder = tmp_path / str(strength)
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(training._Run, "_slope", watched)
            run(folder, steps=60, validate_every=60, difficulty=strength)
        shares[strength] = np.mean(seen[len(seen) // 2 :])
    assert shares[0.0] == pytest.approx(8 / 64, abs=0.02)
    assert shares[1.0] > 1.8 * shares[0.0]
    running = checkpoint(tmp_path / "1.0")["difficulty"]["running"]
    assert running[:8].mean() > 2 * running[8:].nanmean()


def test_what_changes_with_the_epoch_has_to_say_what_comes_back(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not say which items come back"):
        run(tmp_path, difficulty=1.0)
    samples = Followed(Drawn(600, 0))
    assert samples.followed == 2
    for epoch in (0, 1):
        samples.set_epoch(epoch)
        assert samples.which == [(index + epoch) % 2 for index in range(600)]
        assert samples[3]["which"] == samples.which[3]
    difficulty = Difficulty(2)
    difficulty.follow(torch.tensor([0, 1]), torch.tensor([0.5, 1.5]))
    drawn = list(DifficultySampler(difficulty, torch.Generator().manual_seed(0), samples))
    assert len(drawn) == 600
    assert np.mean([samples.which[index] for index in drawn]) == pytest.approx(0.75, abs=0.05)


def test_the_loss_of_each_item_is_that_of_a_batch_of_one() -> None:
    method = Brightness(None)
    network = method.network()
    items = [Spots(5, 0)[index] for index in range(5)]
    batch = torch.utils.data.default_collate(items)
    each = method.each(network, batch).detach()
    assert each.shape == (5,)
    assert each.mean() == pytest.approx(method.loss(network, batch)["loss"].item(), rel=1e-5)
    assert len(set(each.tolist())) == 5


def test_operating_points_hold_in_every_source() -> None:
    rng = np.random.default_rng(3)
    source = np.repeat(["web", "studio", "film"], [2000, 300, 100])
    genuine = rng.beta(1, 9, 2400) + 0.2 * (source == "studio")
    for point in operating_points(genuine, source):
        alarms = genuine > point["threshold"]
        assert all(alarms[source == name].mean() <= point["fpr"] for name in np.unique(source))
        assert alarms[source == "studio"].mean() > 0.6 * point["fpr"] - 0.003


def test_operating_points_may_leave_some_of_the_rate() -> None:
    genuine, source = np.random.default_rng(3).beta(1, 9, 2000), np.repeat(["web", "film"], 1000)
    usual, spared = operating_points(genuine, source), operating_points(genuine, source, 2)
    at = {point["fpr"]: point["threshold"] for point in usual}
    for point in spared:
        if point["fpr"] / 2 in at:
            assert point["threshold"] == at[point["fpr"] / 2] > at[point["fpr"]]
    assert sum(point["fpr"] / 2 in at for point in spared) >= 3


def test_the_card_names_no_source_that_was_kept_from_training() -> None:
    told = {"name": "d", "licence": "MIT"}
    data = [
        told | {"sources": ["one", "two"]},
        told | {"sources": ["two"]},
        told | {"sources": []},
        told,
    ]
    recipe = dataclasses.replace(RECIPE, training_data=data, config={"without": ["two"]})
    assert exporting.learnt(recipe) == [told | {"sources": ["one"]}, told | {"sources": []}, told]
    assert exporting.learnt(dataclasses.replace(recipe, config={})) == data
