"""Views are repeatable, masks go with the picture, splits are kept apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from unmask.errors import LabError
from unmask.judge.bundle import CropRecipe
from unmask.lab.pretraining.regions import MOUTH, Cover, Map, crfr_p
from unmask.lab.pretraining.views import Faces, HeldFaces, Look, Rng

RECIPE = CropRecipe("eyes", (64, 64), 1.3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def mouth(regions: Map, rng: Rng) -> Cover:
    return Cover(regions == MOUTH, regions == MOUTH)


def half(regions: Map, rng: Rng) -> Cover:
    return crfr_p(regions, 0.5, rng)


def test_an_item_repeats_and_changes_with_the_epoch(cache: Any) -> None:
    faces = Faces(cache, Look(RECIPE, 8, half), 20, 3, ())
    assert len(faces) == 20
    first, again = faces[4], faces[4]
    assert first["image"].shape == (3, 64, 64)
    assert first["image"].abs().max() <= 1
    assert first["covered"].shape == first["region"].shape == (64,)
    assert all(torch.equal(first[name], again[name]) for name in first)
    faces.set_epoch(1)
    assert not torch.equal(first["image"], faces[4]["image"])


def test_the_mask_goes_with_the_picture(cache: Any) -> None:
    """The mouth alone is bright: however it is turned and mirrored, it is what is hidden."""
    faces = Faces(cache, Look(RECIPE, 8, mouth), 40, 3, ())
    for index in range(40):
        item = faces[index]
        bright = torch.nn.functional.avg_pool2d(item["image"].mean(0)[None, None], 8).flatten()
        hidden = item["covered"]
        assert 1 <= hidden.sum() <= 12
        assert bright[hidden].mean() > bright[~hidden].max() - 0.35
        assert bright.argmax() in np.flatnonzero(hidden.numpy())


def test_mirroring_happens_in_half_of_the_views(cache: Any) -> None:
    record = cache[0]
    plain = Look(RECIPE, 8, mouth).item(record, np.random.default_rng(0), 0.0)["image"]
    faces = Faces(cache, Look(RECIPE, 8, mouth), 60, 1, ())
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (200, 1, 3))
    assert plain.shape == (3, 64, 64)
    turned = 0
    for index in range(60):
        rng = np.random.default_rng(index)
        view = faces.look.item(type(record)(ramp, record.face, record.sample), rng, 1.0)["image"]
        turned += int(view[0, 32, 10] > view[0, 32, 50])
    assert 18 < turned < 42


def test_training_and_validation_have_their_own_faces(cache: Any) -> None:
    faces = Faces(cache, Look(RECIPE, 8, half), 10, 3, ("b",))
    assert {(cache.sample(i).split, cache.sample(i).set) for g in faces.groups for i in g} == {
        ("train", "a")
    }
    held = HeldFaces(cache, Look(RECIPE, 8, half), 3)
    assert len(held) == 24
    assert {held.cache.sample(row).split for row in held.rows} == {"val"}
    item = held[2]
    assert item["label"] == 1
    assert item["set"] == "a"
    assert item["unit"] == "a/26"
    assert torch.equal(item["covered"], held[2]["covered"])


def test_small_sets_are_heard(cache: Any) -> None:
    """21 faces against 1: drawn in proportion, the small set had 5 in 100; by roots it has 18."""
    keep = [i for i in range(24) if cache.sample(i).set == "a"]
    small = [i for i in range(24) if cache.sample(i).set == "b"][:1]

    class Part:
        def __len__(self) -> int:
            return 22

        def sample(self, index: int) -> Any:
            return cache.sample(keep[index % len(keep)] if index < 21 else small[0])

    faces = Faces(Part(), Look(RECIPE, 8, half), 10, 3, ())  # type: ignore[arg-type]
    assert sorted(faces.share.round(2).tolist()) == [0.18, 0.82]


def test_nothing_left_to_learn_from_is_said(cache: Any) -> None:
    with pytest.raises(LabError, match="data_missing"):
        Faces(cache, Look(RECIPE, 8, half), 10, 3, ("a", "b"))
