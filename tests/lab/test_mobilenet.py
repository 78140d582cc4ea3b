"""Putting the normalisation back changes nothing that the network computes."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from unmask.lab.networks.mobilenet import (
    Convolution,
    MobileNetV2,
    Unit,
    load_quantised,
    restore_batch_norm,
)


def quantised(path: Path) -> dict[str, torch.Tensor]:
    """A file of random kernels in the published layout."""
    torch.manual_seed(2)
    tensors = {}
    units = [m for m in MobileNetV2().modules() if isinstance(m, Unit)]
    for number, unit in enumerate(units):
        shape = next(m for m in unit if isinstance(m, nn.Conv2d)).weight.shape
        fan = shape[1] * shape[2] * shape[3]
        name = f"conv{number:02d}"
        tensors[f"{name}.pw.weight_int8"] = torch.randint(-127, 128, shape, dtype=torch.int8)
        tensors[f"{name}.scale"] = torch.full((shape[0],), 1.5 / (73 * fan**0.5))
        tensors[f"{name}.bias"] = torch.randn(shape[0]) * 0.1
    save_file(tensors, path)
    return tensors


def folded(network: MobileNetV2, biases: dict[str, torch.Tensor]) -> MobileNetV2:
    """The same network with the bias in place of each normalisation, as it was published."""
    for name, unit in network.named_modules():
        if isinstance(unit, Unit):
            norm = next(m for m in unit if isinstance(m, nn.BatchNorm2d))
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
            norm.weight.data.fill_(1)
            norm.bias.data.copy_(biases[name])
    return network.eval()


def test_restored_normalisation_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    tensors = quantised(path)
    published, restored = MobileNetV2(), MobileNetV2()
    biases = load_quantised(published, path)
    load_quantised(restored, path)
    assert len(biases) == len(tensors) // 3
    restore_batch_norm(restored, biases, torch.rand(4, 3, 64, 64) * 2 - 1)
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        wanted = folded(published, biases)(image)
        found = restored.eval()(image)
    assert wanted.abs().max() > 0.01
    torch.testing.assert_close(found, wanted, atol=2e-4, rtol=1e-3)


def test_it_can_be_cut() -> None:
    network = MobileNetV2(stages=3, top=False)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, network.channels, 8, 8)
    assert network.channels == 32


def test_halving_has_the_gradients_of_the_plain_convolution() -> None:
    torch.manual_seed(4)
    plain = nn.Conv2d(6, 6, 3, 2, groups=6, bias=False).double()
    ours = Convolution(6, 6, 3, 2, groups=6, bias=False).double()
    ours.load_state_dict(plain.state_dict())
    x = torch.randn(2, 6, 17, 33, dtype=torch.double, requires_grad=True)
    gradient = torch.randn(2, 6, 8, 16, dtype=torch.double)
    found = torch.autograd.grad(ours.train()(x), [x, ours.weight], gradient)
    wanted = torch.autograd.grad(plain(x), [x, plain.weight], gradient)
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs)
