from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from unmask.judge.bundle import CropRecipe
from unmask.lab.data import dev
from unmask.lab.data.held import CONDITIONS, TRACE, Held
from unmask.lab.data.native import Region, around_face
from unmask.lab.methods import npr
from unmask.types import Face

SETS = (("ffhq256_vs_stylegan_140k", 0), ("ffhq256_vs_stylegan_140k", 1), ("lfw", 0))
SMALL = npr.Config(initial="", stages=4, residual=8, pairs=64, windows=2)


def _region(number: int, source: str, label: int, side: int = 200) -> Region:
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:side, :side] / side
    smooth = 120 + 60 * np.sin(6 * x + number) * np.cos(5 * y)
    noisy = smooth[..., None] + rng.normal(0, 6, (side, side, 3))
    face = Face((40, 30, side - 40, side - 20), 1.0, np.zeros((5, 2), np.float32))
    family = "gan" if label else "real_" + source
    sample = dev.Sample(Path(f"{number}.png"), label, family, source, str(number), "val", "own")
    return Region(np.clip(noisy, 0, 255).astype(np.uint8), face, sample)


@pytest.fixture
def regions() -> list[Region]:
    return [_region(n, *SETS[n % 3]) for n in range(12)]


@pytest.fixture
def method() -> npr.NeighbouringPixels:
    torch.manual_seed(0)
    return npr.NeighbouringPixels(SMALL)


def test_pairs_repeat_and_change_with_the_epoch(regions: list[Region]) -> None:
    one, two = npr.Pairs(regions, SMALL, 1), npr.Pairs(regions, SMALL, 1)
    for index in range(8):
        assert torch.equal(one[index]["image"], two[index]["image"])
    two.set_epoch(1)
    assert any(not torch.equal(one[i]["image"], two[i]["image"]) for i in range(8))


def test_a_pair_is_a_genuine_and_a_manipulated_window(regions: list[Region]) -> None:
    pair = npr.Pairs(regions, SMALL, 1)[0]
    assert pair["label"].tolist() == [0, 1]
    assert pair["image"].shape == (2, 128, 128, 3)
    assert pair["image"].dtype == torch.uint8


def test_a_trace_and_its_photo_are_the_same_cut_and_wear(regions: list[Region]) -> None:
    config = npr.Config(initial="", gan=0, diffusion=0, sharpened=0, light=0, strength=0)
    pairs = npr.Pairs(regions, config, 1)
    assert pairs.shares.tolist() == [0, 1]
    for index in range(6):
        genuine, traced = pairs[index]["image"].float()
        assert not torch.equal(genuine, traced)
        blocks = [torch.nn.functional.avg_pool2d(w.permute(2, 0, 1), 16) for w in (genuine, traced)]
        assert (blocks[0] - blocks[1]).abs().mean() < 6


def test_the_photo_beside_a_trace_has_lost_its_blocks_too(regions: list[Region]) -> None:
    """Otherwise JPEG's grid, which the forging wipes out, would tell which half is genuine."""
    config = npr.Config(
        initial="", gan=0, diffusion=0, rescaled=0, sharpened=0, light=0, strength=0
    )
    photo = regions[0].pixels
    views = np.lib.stride_tricks.sliding_window_view(photo, (128, 128, 3))[:, :, 0]
    genuine = npr.Pairs(regions[:1], config, 1)[0]["image"][0].numpy()
    for window in (genuine, genuine[:, ::-1]):
        assert not (views == window).all((2, 3, 4)).any()


def test_sharper_raises_contrast_at_edges() -> None:
    step = np.repeat(np.array([80] * 16 + [160] * 16, np.uint8)[None, :, None], 32, 0)
    sharp = npr.sharper(np.repeat(step, 3, 2), np.random.default_rng(0))
    assert sharp.min() < 80
    assert sharp.max() > 160


def test_a_family_can_be_left_out(regions: list[Region]) -> None:
    config = npr.Config(initial="", without=("ffhq256_vs_stylegan_140k", "zeros"))
    pairs = npr.Pairs(regions, config, 1)
    assert pairs.kinds == [TRACE]
    assert "zeros" not in pairs.stages
    assert len(pairs.stages) >= 3


def test_every_cell_of_sixteen_pixels_is_judged_and_their_mean_leaves(
    method: npr.NeighbouringPixels,
) -> None:
    network = method.network().eval()
    image = torch.rand(2, 3, 128, 96) * 2 - 1
    with torch.no_grad():
        cells = network(image)
        (logit,) = method.graph(network)(image)
    assert cells.shape == (2, 8, 6)
    torch.testing.assert_close(logit, cells.mean((1, 2)))


def test_the_residual_branch_is_blind_to_flat_blocks() -> None:
    """A picture that is constant inside every 4x4 block has no relations to look at."""
    branch = npr.Residual(8).eval()
    coarse = torch.rand(2, 3, 16, 16)
    flat = torch.nn.functional.interpolate(coarse, scale_factor=4.0, mode="nearest")
    with torch.no_grad():
        nothing = branch(torch.zeros_like(flat))
        torch.testing.assert_close(branch(flat), nothing)
        assert not torch.allclose(branch(flat + 0.05 * torch.randn_like(flat)), nothing)


def test_held_faces_are_cut_like_the_runtime_cuts_them(regions: list[Region]) -> None:
    recipe = CropRecipe(**npr.NeighbouringPixels(SMALL).crop() | {"min_face": 0, "max_face": 0})
    held = Held(regions, recipe, 3)
    genuine = sum(region.sample.label == 0 for region in regions)
    assert len(held) == len(CONDITIONS) * (len(regions) + genuine)
    item = held[0]
    assert item["image"].shape == (2, 128, 128, 3)
    assert item["condition"] == "untouched"
    corner = item["image"][0].numpy()
    views = np.lib.stride_tricks.sliding_window_view(regions[0].pixels, (128, 128, 3))
    assert (views[:, :, 0] == corner).all((2, 3, 4)).any(), "an untouched window was resampled"
    assert torch.equal(item["image"], Held(regions, recipe, 3)[0]["image"])


def test_evaluate_and_calibrate_speak_of_every_family(
    regions: list[Region], method: npr.NeighbouringPixels
) -> None:
    recipe = CropRecipe(**method.crop() | {"min_face": 0, "max_face": 0})
    loader = torch.utils.data.DataLoader(Held(regions, recipe, 3), batch_size=8)
    network = method.network().eval()
    with torch.no_grad():
        measures = method.evaluate(network, loader)
        found = method.collect(network, loader)
    assert set(measures) == {f"{f}_{c}" for f in ("gan", TRACE) for c in CONDITIONS} | {"auc"}
    fakes, reals = found.rivals("gan", "posted")
    assert (len(fakes), len(reals)) == (4, 4), "a GAN is measured against its own source"
    assert len(found.rivals(TRACE, "worn")[1]) == 8


def test_a_region_is_whole_pixels_around_the_face() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (400, 500, 3), dtype=np.uint8)
    face = Face((300.4, 200.2, 400.4, 320.2), 1.0, np.zeros((5, 2), np.float32))
    region, box = around_face(photo, [face])
    assert min(region.shape[:2]) >= 176
    top, left = round(200.2 - box[1]), round(300.4 - box[0])
    expected = photo[top : top + region.shape[0], left : left + region.shape[1]]
    np.testing.assert_array_equal(region, expected)


def test_a_photo_without_a_face_is_a_region_as_a_whole() -> None:
    photo = np.zeros((150, 190, 3), np.uint8)
    region, box = around_face(photo, [])
    assert region.shape == photo.shape
    assert box == (0, 0, 190, 150)
