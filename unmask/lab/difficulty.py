"""Momentum difficulty boosting: what stays hard weighs more.

Bhattacharyya et al., "Diffusion Deepfake", arXiv 2404.01579, weigh samples by how hard they are to
learn, so that neither the many easy ones nor a few new ones rule a mixture of sources. What is
published in the open is that idea and its name; the arithmetic here is ours: a running mean of each
one's loss, relative to the mean of all, raised to a power and bounded.

Follow whatever comes back: photos, persons, sources or makers. A maker that draws a new picture for
every index of an epoch has no samples that could be followed, but its sources can.

A recipe switches it on with `difficulty = 1.0` in `[train]`: `Followed` says what every item comes
from, and `DifficultySampler` draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from unmask.errors import LabError


class Difficulty:
    """A running difficulty of each of `count` things, and their weights.

    Args:
        count: How many are followed; they are called 0 to `count` - 1.
        momentum: Share of the old difficulty that remains when a new loss arrives.
        strength: 0 weighs all alike, 1 in proportion to difficulty.
        bound: No weight is above it nor below its inverse before the mean is set to one.

    Example:
        >>> difficulty = Difficulty(2, momentum=0.5, strength=1.0)
        >>> difficulty.follow(torch.tensor([0, 1]), torch.tensor([0.5, 1.5]))
        >>> difficulty.weights().tolist()
        [0.5, 1.5]
    """

    def __init__(
        self, count: int, momentum: float = 0.9, strength: float = 1.0, bound: float = 4.0
    ) -> None:
        self.momentum, self.strength, self.bound = momentum, strength, bound
        self.running = torch.full((count,), torch.nan)

    def follow(self, index: Tensor, loss: Tensor) -> None:
        """Learn how hard some of them were just now.

        Args:
            index: Which, shape (n,); one that stands there twice brings the mean of its losses.
            loss: Their losses, shape (n,), none negative; those that are not finite are passed
                over.
        """
        index, loss = index.cpu(), loss.detach().float().cpu()
        index, loss = index[loss.isfinite()], loss[loss.isfinite()]
        total = torch.zeros_like(self.running).index_add_(0, index, loss)
        times = torch.bincount(index, minlength=len(self.running))
        here = times > 0
        now, before = total[here] / times[here], self.running[here]
        before = torch.where(before.isnan(), now, before)
        self.running[here] = torch.lerp(now, before, self.momentum)

    def weights(self, index: Tensor | None = None) -> Tensor:
        """Weights of all, shape (count,), whose mean is one; or those of `index`, of its shape.

        What was never seen is as hard as the mean.
        """
        seen = ~self.running.isnan()
        mean = self.running[seen].mean() if seen.any() else torch.ones(())
        relative = torch.where(seen, self.running, mean) / mean.clamp(min=1e-12)
        raised = relative.clamp(min=1e-12) ** self.strength
        bounded = raised.clamp(1 / self.bound, self.bound)
        weights = bounded / bounded.mean()
        return weights if index is None else weights[index.cpu()].to(index.device)

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed run needs."""
        return {"running": self.running.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` stood."""
        self.running.copy_(state["running"])


class Followed(Dataset[dict[str, Any]]):
    """A data set whose items say under "which" what they come from.

    Attributes:
        followed: How many different things that can be.
        which: Of every item of the current epoch.

    Raises:
        LabError: `bad_recipe` when items change with the epoch and nobody says what stays.

    Example:
        >>> Followed([{"image": 0.5}, {"image": 0.7}])[1]
        {'image': 0.7, 'which': 1}
    """

    def __init__(self, dataset: Any) -> None:
        changing, told = hasattr(dataset, "set_epoch"), hasattr(dataset, "which")
        if changing and not told:
            kind = type(dataset).__name__
            raise LabError("bad_recipe", f"difficulty: {kind} does not say which items come back")
        self.dataset = dataset
        self.followed: int = dataset.followed if told else len(dataset)
        self.which: Sequence[int] = range(len(dataset))
        self._look()

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on, and look again what its items come from."""
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)
            self._look()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self.dataset[index], "which": self.which[index]}

    def _look(self) -> None:
        if hasattr(self.dataset, "which"):
            self.which = [self.dataset.which(index) for index in range(len(self))]


class DifficultySampler(Sampler[int]):
    """Draws hard samples more often, with replacement; an epoch's weights are those at its start.

    The other way to use the weights is to multiply losses by them; doing both counts twice.

    Args:
        difficulty: Of what the samples come from.
        generator: Equal generators and weights give equal draws.
        samples: What is drawn from; by default each sample of a data set is followed by itself.

    Example:
        >>> sampler = DifficultySampler(Difficulty(5), torch.Generator().manual_seed(0))
        >>> len(list(sampler))
        5
    """

    def __init__(
        self, difficulty: Difficulty, generator: torch.Generator, samples: Followed | None = None
    ) -> None:
        self.difficulty, self.generator, self.samples = difficulty, generator, samples

    def __len__(self) -> int:
        return len(self.difficulty.running if self.samples is None else self.samples)

    def __iter__(self) -> Iterator[int]:
        weights = self.difficulty.weights()
        if self.samples is not None:
            weights = weights[torch.tensor(self.samples.which)]
        drawn = torch.multinomial(weights, len(self), replacement=True, generator=self.generator)
        return iter(drawn.tolist())
