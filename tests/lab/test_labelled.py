"""Pairs of every kind: what they hold, what is left out, and that plain classifiers learn them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.lab.backbones_tiny import tiny
from tests.lab.kept import Kept
from unmask.errors import LabError
from unmask.judge.bundle import CropRecipe
from unmask.lab.data.dev import Sample
from unmask.lab.data.faces import Record
from unmask.lab.data.held import TRACE
from unmask.lab.data.native import Region
from unmask.lab.method import Data, build
from unmask.lab.methods import _generated, _labelled, _plain
from unmask.lab.methods._labelled import BLEND, DIFFUSION, GAN, SWAP, Settings
from unmask.types import Face

SETS = ((GAN, 0), (GAN, 1), (DIFFUSION, 1), (SWAP, 0), (SWAP, 1), ("lfw_deepfunneled", 0))
FACE = Face(
    (40.0, 30.0, 120.0, 130.0),
    1.0,
    np.array([[62, 70], [98, 70], [80, 90], [66, 108], [94, 108]], np.float32),
    np.random.default_rng(0).uniform((46, 40), (114, 126), (68, 2)).astype(np.float32),
)
METHODS = {
    "xception": {"size": 64, "dropout": 0.0},
    "efficientnet": {"size": 64, "dropout": 0.0, "width": 0.1, "depth": 0.1},
    "npr_published": {"size": 64, "depths": (1,)},
}


class Cache(Kept):
    """A noise picture of every set and split; notes which ones were looked at."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.records, self.seen = [], set[str]()
        for name, label in SETS:
            for split in ("train", "val"):
                pixels = rng.integers(0, 256, (160, 160, 3)).astype(np.uint8)
                where = Path(f"{name}{label}")
                sample = Sample(where, label, "f", name, name, split, "CC0")  # type: ignore[arg-type]
                self.records.append(Record(cv2.GaussianBlur(pixels, (0, 0), 2), FACE, sample))

    def __getitem__(self, index: int) -> Record:
        self.seen.add(self.sample(index).set)
        return self.records[index]

    def regions(self, samples: list[Sample], folder: Path) -> list[Region]:
        chosen = [r for r in self.records if r.sample in samples]
        return [Region(r.pixels, r.face, r.sample) for r in chosen]


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Cache:
    """Stands for all that the lab keeps of a development set."""
    cache = Cache()
    samples = [record.sample for record in cache.records]
    monkeypatch.setattr(_labelled.dev, "samples", lambda root: samples)
    monkeypatch.setattr(_labelled, "FaceCache", lambda samples, folder: cache)
    monkeypatch.setattr(_labelled, "Unshrunk", lambda samples, folder, window: cache)
    monkeypatch.setattr(_generated, "Regions", cache.regions)
    monkeypatch.setattr(_labelled.Held, "EACH", 2)
    return cache


def data_of(name: str, **config: Any) -> Data:
    overrides = METHODS[name] | {"pairs": 24, **config}
    return build(name, overrides).data(Path("root"), Path("cache"), 3)


def batch_of(data: Any, count: int) -> dict[str, Any]:
    loader = torch.utils.data.DataLoader(torch.utils.data.Subset(data, range(count)), count)
    return dict(next(iter(loader)))


@pytest.mark.parametrize("name", METHODS)
def test_all_kinds_are_learnt_and_validated(name: str, cache: Cache) -> None:
    data = data_of(name)
    assert list(data.train.kinds) == list(data.val.kinds) == [BLEND, SWAP, GAN, DIFFUSION, TRACE]
    items = [*(data.train[i] for i in range(24)), *(data.val[i] for i in range(len(data.val)))]
    for item in items:
        assert item["image"].shape == (2, 3, 64, 64)
        assert -1 <= item["image"].min() < item["image"].max() <= 1
        assert item["label"].tolist() == [0, 1]
        assert not torch.equal(item["image"][0], item["image"][1])
    assert cache.seen >= {SWAP, "lfw_deepfunneled"}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("left_out", [GAN, SWAP, DIFFUSION])
def test_a_set_left_out_is_seen_by_nobody(name: str, left_out: str, cache: Cache) -> None:
    data = data_of(name, without=(left_out,))
    for part in (data.train, data.val):
        assert left_out not in part.kinds
        for pairs in part.kinds.values():
            for index in range(6):
                assert pairs[index]["image"].isfinite().all()
            groups = getattr(pairs, "groups", {})
            assert all(source != left_out for source, _ in groups)
    assert cache.seen.isdisjoint({left_out})


def test_a_kind_can_be_left_out_and_not_all(cache: Cache) -> None:
    assert list(data_of("xception", without=(BLEND, TRACE)).train.kinds) == [SWAP, GAN, DIFFUSION]
    with pytest.raises(LabError, match="data_missing"):
        data_of("xception", without=(BLEND, SWAP, GAN, DIFFUSION, TRACE))


def test_kinds_without_pictures_are_not_offered(cache: Cache) -> None:
    samples = [s for s in (r.sample for r in cache.records) if s.set != GAN or s.split == "val"]
    assert _labelled.kinds(samples, "train", ()) == [BLEND, SWAP, DIFFUSION, TRACE]
    assert GAN in _labelled.kinds(samples, "val", ())


def test_pairs_repeat_and_change_with_the_epoch(cache: Cache) -> None:
    one, two = data_of("xception").train, data_of("xception").train
    assert all(torch.equal(one[i]["image"], two[i]["image"]) for i in range(6))
    two.set_epoch(1)
    assert all(not torch.equal(one[i]["image"], two[i]["image"]) for i in range(6))


def test_kinds_come_by_their_shares(cache: Cache) -> None:
    mixture = _labelled.Mixture({BLEND: _Constant(0), GAN: _Constant(1)}, 800, 1)
    share = np.mean([float(mixture[i]["image"]) for i in range(800)])
    assert share == pytest.approx(0.3 / 0.725, abs=0.06)


class _Constant:
    def __init__(self, value: int) -> None:
        self.item = {"image": torch.tensor(value), "label": torch.tensor([0.0, 1.0])}

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.item

    def set_epoch(self, epoch: int) -> None:
        raise AssertionError(epoch)


def generated(cache: Cache, kind: str, **settings: Any) -> _labelled.Generated:
    recipe = CropRecipe("box", (64, 64), 1.3, (0.5,) * 3, (0.5,) * 3)
    return _labelled.Generated(cache, kind, "train", recipe, Settings(**settings), 1)  # type: ignore[arg-type]


def test_a_generated_face_stands_beside_one_of_its_own_source(cache: Cache) -> None:
    pairs = generated(cache, GAN)
    for index in range(8):
        assert pairs[index]["image"].shape == (2, 3, 64, 64)
    assert cache.seen == {GAN}


def test_a_trace_and_its_photo_are_the_same_view(cache: Cache) -> None:
    pairs = generated(cache, TRACE, light=0.0, wear=0.0)
    for index in range(4):
        genuine, traced = pairs[index]["image"]
        coarse = [torch.nn.functional.avg_pool2d(i, 16) for i in (genuine, traced)]
        assert not torch.equal(genuine, traced)
        assert (coarse[0] - coarse[1]).abs().mean() < 0.1


def test_the_wear_grows_to_what_the_settings_say(cache: Cache) -> None:
    pairs = generated(cache, GAN, light=0.2, wear=0.8, ramp=4)
    strengths = []
    for epoch in (0, 2, 4, 9):
        pairs.set_epoch(epoch)
        strengths.append(pairs.wear)
    assert strengths == pytest.approx([0.2, 0.5, 0.8, 0.8])


def test_faces_that_were_shrunk_or_are_too_small_show_no_native_window(tmp_path: Path) -> None:
    samples = [r.sample for r in Cache().records][:3]
    key = hashlib.sha256(json.dumps([str(s.path) for s in samples]).encode()).hexdigest()
    folder = tmp_path / f"faces-{key[:16]}"
    folder.mkdir()
    rows, offset = [], 0
    for number, (height, width) in enumerate([(448, 300), (200, 160), (100, 160)]):
        rows.append([number, offset, height, width])
        offset += height * width * 3
    np.zeros(offset, np.uint8).tofile(folder / "pixels.bin")
    np.save(folder / "geometry.npy", np.arange(3 * 150, dtype=np.float32).reshape(3, 150))
    (folder / "index.json").write_text(json.dumps({"rows": rows, "missed": []}))
    faces = _labelled.Unshrunk(samples, tmp_path, 128)
    assert len(faces) == 1
    assert faces[0].pixels.shape == (200, 160, 3)
    assert faces[0].face.box[0] == 150
    assert faces.sample(0) is samples[1]


@pytest.mark.parametrize("name", METHODS)
def test_a_step_lowers_the_loss(name: str, cache: Cache) -> None:
    torch.manual_seed(0)
    method = build(name, METHODS[name])
    network, batch = method.network().train(), batch_of(data_of(name).train, 3)

    def loss() -> torch.Tensor:
        torch.manual_seed(1)
        return method.loss(network, batch)["loss"]

    before = loss()
    before.backward()
    torch.optim.SGD(network.parameters(), 0.02).step()
    assert loss() < before - 1e-3


class Mean(torch.nn.Module):
    """Brighter is more manipulated."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean((1, 2, 3))


def made(kinds: list[str], brighter: list[float]) -> dict[str, Any]:
    """A flat pair of every kind, whose forgery is brighter by so much."""
    level = torch.tensor([[0.0, more] for more in brighter])
    image = level[:, :, None, None, None].expand(-1, -1, 3, 4, 4)
    return {"image": image, "label": torch.tensor([[0.0, 1.0]] * len(kinds)), "kind": kinds}


def test_scores_belong_to_their_pictures() -> None:
    logit, label, kind = _plain.collect(Mean(), [made(["a", "b"], [1, 3]), made(["c"], [5])])
    assert logit.tolist() == [0, 1, 0, 3, 0, 5]
    assert label.tolist() == [0, 1] * 3
    assert kind.tolist() == ["a", "a", "b", "b", "c", "c"]


def test_every_kind_is_measured_and_weighs_the_same() -> None:
    method = build("xception", {})
    batches = [made(["a", "a", "a", "b"], [1, 2, 3, -1])]
    assert method.evaluate(Mean(), batches) == {"a": 1.0, "b": 0.0, "auc": 0.5}


def test_the_card_is_told_where_its_numbers_come_from() -> None:
    batches = [made(["a", "b"], [more, 1.5]) for more in (1, 2, -0.5, 3)]
    sections = build("xception", {}).calibrate(Mean(), Data(None, None), batches)  # type: ignore[arg-type]
    assert sections["calibration"]["n"] == 16
    assert sections["calibration"]["fitted_on"].endswith("a, b")
    assert sections["operating_points"]


def test_kept_pairs_are_the_same_for_all_methods_of_one_crop(cache: Cache, tmp_path: Path) -> None:
    settings = {"backbone": str(tiny(folder=tmp_path / "clip")), "kept": True, "pairs": 6}
    first = build("linear_probe", settings).data(Path("root"), tmp_path / "cache", 3)
    looked = len(cache.seen)
    assert looked
    cache.seen.clear()
    second = build("gend", settings).data(Path("root"), tmp_path / "cache", 3)
    build("anchor_tuning", settings | {"retrieved": 0.0}).data(Path(), tmp_path / "cache", 3)
    assert not cache.seen
    assert len(second.train) == 6  # type: ignore[arg-type]
    assert torch.equal(first.train[5]["image"], second.train[5]["image"])
    assert second.val[0]["kind"] == BLEND
    build("gend", settings | {"without": (GAN,)}).data(Path("root"), tmp_path / "cache", 3)
    assert cache.seen
    assert GAN not in cache.seen
