"""Sharpness-aware minimisation: learn what holds in a neighbourhood of the weights.

Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", ICLR 2021,
arXiv 2010.01412. Every step first climbs to the worst weights within a small radius and takes the
gradient there, so that narrow minima repel and wide ones remain. It costs a second forward and
backward pass. A recipe switches it on with `sharpness = 0.05` in `[train]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class SharpnessAware:
    """Any optimiser, its gradients taken uphill.

    Its state is the optimiser's: save and schedule that one. A trainer that needs its own order of
    things, such as clipping between backward and step, uses `uphill` itself.

    Args:
        network: Whose parameters `optimiser` moves.
        optimiser: Takes the step.
        radius: Of the neighbourhood, in the norm of all weights together.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> sharp = SharpnessAware(layer, torch.optim.SGD(layer.parameters(), lr=0.1))
        >>> loss = sharp.step(lambda: layer(torch.ones(1, 1)).square().sum())
    """

    def __init__(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, radius: float = 0.05
    ) -> None:
        self.network, self.optimiser, self.radius = network, optimiser, radius

    def step(self, closure: Callable[[], Tensor]) -> Tensor:
        """Take one step.

        Args:
            closure: The loss of one batch at the current weights; called twice.

        Returns:
            The loss before the step, detached.
        """
        self.optimiser.zero_grad(set_to_none=True)
        loss = closure()
        loss.backward()  # type: ignore[no-untyped-call]
        with uphill(self.network, self.radius):
            closure().backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()


@contextmanager
def uphill(network: nn.Module, radius: float) -> Iterator[None]:
    """Move the weights along their gradients by `radius`, and back at the end.

    The gradients are cleared on the way, and those made inside stay for the optimiser. Whatever a
    network keeps beside its weights, such as a batch norm's running values or a slow copy of an
    encoder, is as before at the end: it belongs to the weights outside.

    Example:
        >>> weight = nn.ParameterList([nn.Parameter(torch.tensor([1.0]))])
        >>> weight[0].grad = torch.tensor([8.0])
        >>> with uphill(weight, 0.25):
        ...     weight[0].item()
        1.25
        >>> weight[0].item()
        1.0
    """
    moved = [p for p in network.parameters() if p.grad is not None]
    kept = [p.detach().clone() for p in moved]
    with torch.no_grad():
        slopes = [p.grad for p in moved if p.grad is not None]
        norm = torch.stack([slope.norm() for slope in slopes]).norm() if slopes else torch.ones(())
        for parameter, slope in zip(moved, slopes, strict=True):
            parameter.add_(slope * (radius / (norm + 1e-12)).to(slope))
            parameter.grad = None
    try:
        with _forgetful(network):
            yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(moved, kept, strict=True):
                parameter.copy_(value)


@contextmanager
def _forgetful(network: nn.Module) -> Iterator[None]:
    """Buffers, and parameters that are not learnt, keep their values whatever passes through."""
    fixed = (p for p in network.parameters() if not p.requires_grad)
    kept = [(value, value.detach().clone()) for value in (*network.buffers(), *fixed)]
    try:
        yield
    finally:
        with torch.no_grad():
            for value, before in kept:
                value.copy_(before)
