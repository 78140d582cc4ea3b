"""A linear reading of features that are already there (a linear probe)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def fit_linear(rows: Tensor, label: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Logistic regression with a ridge.

    Args:
        rows: Standardised features, shape (n, k).
        label: 1 or 0, shape (n,).
        penalty: Of the squared weights, a sample.

    Returns:
        Weight, shape (k,), and bias, shape (1,).

    Example:
        >>> weight, _ = fit_linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), 0.1)
        >>> bool(weight[0] > 0)
        True
    """
    head = torch.zeros(rows.shape[1] + 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([head], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        with torch.enable_grad():
            fit = F.binary_cross_entropy_with_logits(rows @ head[:-1] + head[-1], label.float())
            loss = fit + penalty * head[:-1].square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return head.detach()[:-1], head.detach()[-1:]
