"""The masked loss, the pairs and the views of the SBI method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from tests.lab.kept import Kept
from unmask.errors import LabError
from unmask.faces.align import cut
from unmask.lab import quantise
from unmask.lab.data.dev import Sample
from unmask.lab.data.faces import Record, cut_region
from unmask.lab.data.view import View
from unmask.lab.difficulty import Difficulty, DifficultySampler, Followed
from unmask.lab.export import write_onnx
from unmask.lab.methods import sbi
from unmask.lab.methods.sbi import IGNORE, Config, Held, Pairs, SelfBlended
from unmask.lab.networks.mobilenet import restore_batch_norm
from unmask.types import Face

FACE = Face(
    (60.0, 50.0, 140.0, 150.0),
    1.0,
    np.array([[82, 90], [118, 90], [100, 110], [86, 128], [114, 128]], np.float32),
    np.random.default_rng(0).uniform((66, 60), (134, 146), (68, 2)).astype(np.float32),
)


class Cache(Kept):
    """Noise pictures that stand for every set the method asks for."""

    def __init__(self, split: str) -> None:
        rng = np.random.default_rng(5)
        self.records = []
        for name, label in [
            ("lfw_deepfunneled", 0),
            ("utkface_crop", 0),
            *((name, label) for name in sbi.FORGED.values() for label in (0, 1)),
        ]:
            pixels = rng.integers(0, 256, (200, 200, 3)).astype(np.uint8)
            sample = Sample(Path(f"{name}{label}"), label, "f", name, name, split, "CC0")
            self.records.append(Record(cv2.GaussianBlur(pixels, (0, 0), 2), FACE, sample))


@pytest.fixture
def pairs() -> Pairs:
    config = Config(pairs=64, generated=0.2)
    return Pairs(Cache("train"), "train", config, SelfBlended(config).recipe(), 3)


def test_a_pair_says_which_source_it_comes_from(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    sets = [*pairs.faces.roomy, *sbi.FORGED.values()]
    for name in ("blend_pair", "forged_pair"):
        plain = getattr(sbi, name)

        def maker(*args: Any, plain: Any = plain, blend: bool = name == "blend_pair") -> sbi.Pair:
            pair = plain(*args)
            made.append((sets if blend else sets[::-1]).index(pair.source))
            made[-1] = made[-1] if blend else len(sets) - 1 - made[-1]
            return pair

        monkeypatch.setattr(sbi, name, maker)
    told = []
    for epoch in range(2):
        pairs.set_epoch(epoch)
        told += [pairs.which(index) for index in range(30)]
        for index in range(30):
            pairs[index]
    assert told == made
    assert set(told) == set(range(pairs.followed)) == set(range(len(sets)))
    assert told[:30] != told[30:]


def test_sources_that_stay_hard_are_drawn_more_often(pairs: Pairs) -> None:
    samples = Followed(pairs)
    difficulty = Difficulty(samples.followed)
    difficulty.follow(torch.arange(5), torch.tensor([0.1, 0.1, 0.8, 0.1, 0.1]))
    sampler = DifficultySampler(difficulty, torch.Generator().manual_seed(0), samples)
    drawn = [samples.which[index] for _ in range(20) for index in sampler]
    assert drawn.count(2) / len(drawn) > 2 * samples.which.count(2) / len(samples)
    assert samples[3]["which"] == pairs.which(3)


def test_unknown_labels_carry_no_gradient() -> None:
    logits = torch.randn(4, 2, requires_grad=True)
    labels = torch.tensor([[1.0, IGNORE], [IGNORE, 0.0], [IGNORE, IGNORE], [0.0, 1.0]])
    sbi.masked_loss(logits, labels).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, labels != IGNORE)
    assert sbi.masked_loss(logits, torch.full((4, 2), IGNORE)) == 0


def test_pairs_are_repeatable_and_change_with_the_epoch(pairs: Pairs) -> None:
    first, again = pairs[7], pairs[7]
    assert all(torch.equal(first[key], again[key]) for key in first)
    pairs.set_epoch(1)
    assert not torch.equal(first["image"], pairs[7]["image"])


def test_only_of_a_blend_it_is_known_what_was_replaced(pairs: Pairs) -> None:
    kinds = set()
    for index in range(40):
        item = pairs[index]
        assert item["image"].shape == (2, 3, 128, 128)
        assert item["label"].tolist() == [0, 1]
        assert (item["cells"][0] == 0).all()
        known = item["cells"][1] != IGNORE
        assert known.all() or not known.any()
        kinds.add(bool(known.all()))
    assert kinds == {True, False}


def test_without_the_forgeries_all_pairs_are_blends() -> None:
    config = Config(swap=0.5, generated=0.5, without=tuple(sbi.FORGED.values()))
    blends = Pairs(Cache("train"), "train", config, SelfBlended(config).recipe(), 3)
    for index in range(4):
        assert blends.which(index) == 0
        assert blends[index]["cells"][1].max() > 0.5


@pytest.mark.parametrize("forging", ["blend", "self_blend", "xray", "morph"])
def test_the_recipe_chooses_how_blends_are_forged(forging: str) -> None:
    cache = Cache("train")
    cache.records *= 2
    for number, record in enumerate(cache.records):  # no two faces of one shape
        points = record.face.landmarks * np.float32([1, 1 + number / 50])
        cache.records[number] = replace(record, face=replace(record.face, landmarks=points))
    config = Config(swap=0, forging=forging)
    recipe = SelfBlended(config).recipe()
    chosen = Pairs(cache, "train", config, recipe, 3)
    usual = Pairs(cache, "train", Config(swap=0), recipe, 3)
    for index in range(4):
        item, other = chosen[index], usual[index]
        assert item["cells"][1].max() > 0.5
        assert not torch.equal(item["image"][0], item["image"][1])
        assert torch.equal(item["image"], other["image"]) == (forging == "blend")
    assert Held(cache, recipe, 3, config).faces.forge is sbi.named("blend")


def test_shares_of_the_forgeries_are_of_other_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def forging(name: str) -> Any:
        def forge(pixels: Any, landmarks: Any, rng: Any, donor: Any) -> Any:
            made.append(name)
            return pixels, np.ones(pixels.shape[:2], np.float32)

        return forge

    monkeypatch.setattr(sbi, "named", forging)
    config = Config(swap=0, crossed=0.4, morphs=0.5)
    some = Pairs(Cache("train"), "train", config, SelfBlended(config).recipe(), 3)
    for index in range(100):
        some[index]
    assert len(made) == 100
    assert 25 < made.count("xray") < 55
    assert 15 < made.count("morph") < 45
    assert 15 < made.count("blend") < 45


def test_another_face_comes_from_the_same_set(pairs: Pairs) -> None:
    drawn: list[bool] = []

    def forge(pixels: Any, landmarks: Any, rng: Any, donor: Any) -> Any:
        drawn.append(np.array_equal(donor(rng)[0], pixels))  # a set has but one genuine face here
        return pixels, np.ones(pixels.shape[:2], np.float32)

    pairs.faces.forge = forge
    sources = {sbi.blend_pair(pairs.faces, np.random.default_rng(n)).source for n in range(20)}
    assert len(sources) == 3
    assert all(drawn)
    assert len(drawn) == 20


def test_training_goes_on_from_an_exported_network(tmp_path: Path) -> None:
    config = Config(initial="", start="some bundle")
    method = SelfBlended(config)
    torch.manual_seed(3)
    before, after = method.network(), method.network()
    image = torch.rand(8, 3, 64, 64) * 2 - 1
    for _ in range(40):  # until its statistics are its own
        before.train()(image)
    path = tmp_path / "model.onnx"
    write_onnx(method.graph(before).eval(), path, (64, 64), ["logit", "heat"])
    stretched = quantise.stretched(onnx.load(path), "logit", 1.25, -0.5)
    onnx.save(stretched, path)
    restore_batch_norm(after.trunk, sbi._go_on(after, path), image)
    with torch.no_grad():
        found, wanted = after.eval()(image), before.eval()(image)
    assert wanted["logit"].std() > 0.01
    torch.testing.assert_close(found["logit"], 1.25 * wanted["logit"] - 0.5, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found["cells"], wanted["cells"], atol=1e-3, rtol=1e-3)


def test_another_kind_of_network_is_no_start(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 1)), path, (8, 8), ["logit"])
    with pytest.raises(LabError, match="bad_recipe"):
        sbi._go_on(SelfBlended(Config()).network(), path)


def test_an_unknown_forging_is_refused() -> None:
    for name in ("nothing", "degrade"):
        config = Config(forging=name)
        with pytest.raises(LabError, match="bad_recipe"):
            Pairs(Cache("train"), "train", config, SelfBlended(config).recipe(), 3)


def test_the_wear_grows_to_what_the_settings_say(pairs: Pairs) -> None:
    config = pairs.config
    assert pairs.wear == config.light
    pairs.set_epoch(config.ramp // 2)
    assert config.light < pairs.wear < config.wear
    pairs.set_epoch(10 * config.ramp)
    assert pairs.wear == config.wear


def test_tight_crops_are_never_blended(pairs: Pairs) -> None:
    rng = np.random.default_rng(0)
    blended = {pairs.faces.to_blend(rng).sample.set for _ in range(60)}
    assert blended == {"lfw_deepfunneled", *sbi.FORGED.values()}


def test_a_mirrored_view_mirrors_crop_and_mask() -> None:
    recipe = SelfBlended(Config()).recipe()
    pixels = Cache("train")[0].pixels
    mask = np.zeros((200, 200), np.float32)
    mask[60:140, 60:95] = 1
    view = View(FACE, np.random.default_rng(2))
    view.mirror = False
    plain, cells = view.cut(pixels, recipe), view.cells(mask, recipe)
    view.mirror = True
    assert np.array_equal(view.cut(pixels, recipe), plain[:, ::-1])
    torch.testing.assert_close(view.cells(mask, recipe), cells.flip(1), atol=0.02, rtol=0)
    assert cells[:, :8].sum() > cells[:, 8:].sum()


def test_validation_pairs_stay_the_same_and_name_their_group() -> None:
    config = Config(generated=0.2)
    held = Held(Cache("val"), SelfBlended(config).recipe(), 3, config)
    assert torch.equal(held[10]["image"], held[10]["image"])
    groups = {(int(item["label"]), item["group"]) for item in (held[i] for i in range(24))}
    assert {group for label, group in groups if label} == {0, 1, 2}
    assert all(group >= 3 for label, group in groups if not label)


def test_a_kept_region_holds_the_face_at_its_new_place() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (900, 1200, 3)).astype(np.uint8)
    big = Face((300, 200, 700, 640), 1.0, FACE.points * 4, FACE.landmarks * 4)
    kept, face = cut_region(pixels, big)
    assert max(kept.shape[:2]) <= 448
    recipe = SelfBlended(Config()).recipe()
    (before,), (after,) = cut(pixels, big, recipe), cut(kept, face, recipe)
    middle = np.s_[32:96, 32:96]
    difference = before.pixels[middle].astype(float) - after.pixels[middle]
    assert np.abs(difference).mean() < 12
