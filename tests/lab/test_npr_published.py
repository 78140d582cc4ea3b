"""NPR's own residual and network."""

from __future__ import annotations

import torch

from unmask.lab.method import build
from unmask.lab.methods.npr_published import Trunk, residual


def test_the_residual_is_what_the_first_pixel_of_a_block_does_not_say() -> None:
    image = torch.randn(2, 3, 8, 12)
    found = residual(image)
    assert (found[:, :, ::2, ::2] == 0).all()
    torch.testing.assert_close(
        found[:, :, 1::2, 1::2], image[:, :, 1::2, 1::2] - image[:, :, ::2, ::2]
    )


def test_an_enlarged_picture_has_no_residual() -> None:
    small = torch.randn(1, 3, 16, 16)
    large = torch.nn.functional.interpolate(small, scale_factor=2.0, mode="nearest")
    assert not residual(large).any()


def test_it_is_a_resnet_50_cut_after_its_second_stage() -> None:
    """Torchvision's counts: stem 9,408 (here 1,728), norm 128, stages 215,808 and 1,219,584."""
    network = build("npr_published", {}).network()
    counted = sum(p.numel() for p in network.parameters())
    assert counted == 1_728 + 128 + 215_808 + 1_219_584 + 513
    with torch.no_grad():
        cells = Trunk((3, 4)).eval()(torch.zeros(1, 3, 128, 96))
    assert cells.shape == (1, 512, 16, 12)


def test_the_first_normalisation_takes_the_scale_of_the_colours_out() -> None:
    """So that -1..1 serves as well as ImageNet's units, which are 2.2 times as large."""
    torch.manual_seed(0)
    trunk = Trunk((1,)).train()
    image = torch.rand(4, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(trunk(image), trunk(2.2 * image), atol=1e-3, rtol=1e-3)


def test_it_looks_at_native_pixels() -> None:
    method = build("npr_published", {"windows": 4})
    assert method.crop()["kind"] == "native"
    assert method.crop()["windows"] == 4
