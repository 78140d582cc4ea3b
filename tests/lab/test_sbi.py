"""The two heads, the masked losses and the pairs of the SBI method."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from unmask.faces.align import cut
from unmask.lab.data.dev import Sample
from unmask.lab.data.faces import Record, cut_region
from unmask.lab.methods import sbi
from unmask.lab.methods.sbi import IGNORE, Config, Held, Pairs, SelfBlended, View, either
from unmask.types import Face

FACE = Face(
    (60.0, 50.0, 140.0, 150.0),
    1.0,
    np.array([[82, 90], [118, 90], [100, 110], [86, 128], [114, 128]], np.float32),
    np.random.default_rng(0).uniform((66, 60), (134, 146), (68, 2)).astype(np.float32),
)


class Cache:
    """Noise pictures that stand for every set the method asks for."""

    def __init__(self, split: str) -> None:
        rng = np.random.default_rng(5)
        self.records = []
        for name, label in [
            ("lfw_deepfunneled", 0),
            ("utkface_crop", 0),
            (sbi.SWAPS, 0),
            (sbi.SWAPS, 1),
            (sbi.GENERATED, 0),
            (sbi.GENERATED, 1),
            (sbi.FOREIGN, 1),
        ]:
            pixels = rng.integers(0, 256, (200, 200, 3)).astype(np.uint8)
            sample = Sample(Path(f"{name}{label}"), label, "f", name, name, split, "CC0")
            self.records.append(Record(cv2.GaussianBlur(pixels, (0, 0), 2), FACE, sample))

    def __len__(self) -> int:
        return len(self.records)

    def sample(self, index: int) -> Sample:
        return self.records[index].sample

    def __getitem__(self, index: int) -> Record:
        return self.records[index]


@pytest.fixture
def pairs() -> Pairs:
    config = Config(pairs=64)
    return Pairs(Cache("train"), "train", config, SelfBlended(config).recipe(), 3)


def test_either_is_one_minus_both_wrong() -> None:
    a, b = torch.randn(200) * 3, torch.randn(200) * 3
    p, q = a.double().sigmoid(), b.double().sigmoid()
    expected = torch.logit(1 - (1 - p) * (1 - q))
    torch.testing.assert_close(either(a.double(), b.double()), expected)
    assert torch.isfinite(either(torch.tensor([80.0]), torch.tensor([-80.0]))).all()


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


def test_labels_fit_their_pair(pairs: Pairs) -> None:
    kinds = set()
    for index in range(40):
        item = pairs[index]
        assert item["image"].shape == (2, 3, 128, 128)
        assert item["heads"][0].tolist() == [0.0, 0.0]
        blend, generator = item["heads"][1].tolist()
        assert {blend, generator} == {1.0, IGNORE}
        known = bool((item["cells"][1] != IGNORE).all())
        kinds.add((blend, generator, known))
        assert (item["cells"][0] == 0).all()
    assert (1.0, IGNORE, True) in kinds
    assert (IGNORE, 1.0, False) in kinds
    assert (1.0, IGNORE, False) in kinds


def test_later_epochs_shift_shares_and_leave_tight_crops_alone(pairs: Pairs) -> None:
    assert pairs.faces.tight
    early = pairs.shares
    pairs.set_epoch(pairs.config.turn)
    assert not pairs.faces.tight
    assert pairs.shares[0] > early[0]
    rng = np.random.default_rng(0)
    blended = {pairs.faces.to_blend(rng).sample.set for _ in range(60)}
    assert not blended & sbi.TIGHT
    assert "lfw_deepfunneled" in blended


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
    held = Held(Cache("val"), SelfBlended(Config()).recipe(), 3)
    assert torch.equal(held[10]["image"], held[10]["image"])
    groups = {(int(item["label"]), item["group"]) for item in (held[i] for i in range(24))}
    assert all(group < 3 for label, group in groups if label)
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
