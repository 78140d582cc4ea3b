"""The gradient is taken uphill, nothing else moves, and wide minima are found."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from unmask.lab.sharpness import SharpnessAware, uphill


class Valley(nn.Module):
    """Two weights whose product shall be one: as many minima as there are ratios.

    The curvature across the valley is the sum of the weights' squares: 16 where it is entered
    below, 2 where both are one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([4.0, 0.0]))

    def forward(self) -> Tensor:
        return _valley(self.at)


def _valley(at: Tensor) -> Tensor:
    return (at[0] * at[1] - 1).square() / 2


def _sharpness(at: Tensor) -> float:
    return float(torch.linalg.eigvalsh(torch.autograd.functional.hessian(_valley, at)).max())


def test_a_flatter_minimum_is_found_than_without() -> None:
    plain, sharp = Valley(), Valley()
    for network in (plain, sharp):
        optimiser = torch.optim.SGD(network.parameters(), lr=0.02)
        aware = SharpnessAware(network, optimiser, radius=0.2)
        for _ in range(1500):
            if network is sharp:
                aware.step(network)
            else:
                optimiser.zero_grad()
                network().backward()
                optimiser.step()
    for network in (plain, sharp):
        assert network().item() < 1e-4
    assert _sharpness(plain.at.detach()) > 15
    assert _sharpness(sharp.at.detach()) < 4


def test_uphill_is_a_step_of_the_radius_along_the_gradient_and_back() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1))
    network[2].bias.requires_grad_(False)
    before = [p.detach().clone() for p in network.parameters()]
    loss = network(torch.randn(8, 5)).square().mean()
    loss.backward()
    slopes = [None if p.grad is None else p.grad.clone() for p in network.parameters()]
    length = sum(float(s.square().sum()) for s in slopes if s is not None) ** 0.5
    with uphill(network, 0.3):
        for parameter, value, slope in zip(network.parameters(), before, slopes, strict=True):
            assert parameter.grad is None
            wanted = value if slope is None else value + 0.3 * slope / length
            assert torch.allclose(parameter, wanted, atol=1e-6)
    assert all(torch.equal(p, v) for p, v in zip(network.parameters(), before, strict=True))


def test_weights_return_after_an_error() -> None:
    network = Valley()
    network().backward()
    with pytest.raises(RuntimeError, match="stop"), uphill(network, 1.0):
        raise RuntimeError("stop")
    assert network.at.tolist() == [4.0, 0.0]


def test_without_gradients_nothing_moves() -> None:
    network = Valley()
    with uphill(network, 1.0):
        assert network.at.tolist() == [4.0, 0.0]


def test_the_step_uses_the_gradient_from_above() -> None:
    """f = w^4: from 1, uphill by 0.5, the slope is 4 * 1.5^3 = 13.5."""
    weight = nn.ParameterList([nn.Parameter(torch.tensor([1.0]))])
    optimiser = torch.optim.SGD(weight.parameters(), lr=0.01)
    loss = SharpnessAware(weight, optimiser, radius=0.5).step(lambda: weight[0].pow(4).sum())
    assert loss.item() == 1.0
    assert not loss.requires_grad
    assert weight[0].item() == pytest.approx(1 - 0.135)


def test_batch_norms_remember_the_first_pass_only() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    twin = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    twin.load_state_dict(network.state_dict())
    batch = torch.randn(16, 3)
    twin(batch)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    SharpnessAware(network, optimiser, 0.5).step(lambda: network(batch).square().mean())
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, twin.get_buffer(name)), name
    assert network[1].num_batches_tracked == 1


def test_a_slow_copy_follows_the_weights_outside_only() -> None:
    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quick = nn.Parameter(torch.tensor(1.0))
            self.slow = nn.Parameter(torch.tensor(0.0), requires_grad=False)

        def forward(self) -> Tensor:
            with torch.no_grad():
                self.slow.lerp_(self.quick, 0.5)
            return self.quick.square()

    network = Slow()
    optimiser = torch.optim.SGD([network.quick], lr=0.1)
    SharpnessAware(network, optimiser, 1.0).step(network)
    assert network.slow.item() == 0.5
    assert network.quick.item() == pytest.approx(1 - 0.1 * 4)
