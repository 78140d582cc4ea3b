"""A detector's exported network made integer, and what that costs it, measured.

Calibration pictures are those that training shows the network: the card's own crops, worn as they
were at its end. The loss is measured on the method's validation data, the same pictures through
both networks.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from unmask.bench.metrics import auc, difference, interval
from unmask.errors import LabError
from unmask.lab.distil import overheard
from unmask.lab.method import Batch, Data, Method, Recipe
from unmask.lab.quantise import INPUT, Floats, logits, open_session, quantise

LIMIT = 0.005
"""Largest loss of AUC that is accepted."""
PICTURES = 256
"""Calibration pictures."""
_RUNS = 30


@dataclass(frozen=True)
class Compared:
    """Two networks on the same pictures.

    Attributes:
        label: 1 manipulated, 0 genuine, shape (n,).
        before: Logits of the float network, shape (n,).
        after: Logits of the integer one.
        cost: Milliseconds of processor time a crop, float and integer, one thread.
    """

    label: Floats
    before: Floats
    after: Floats
    cost: tuple[float, float]

    def loss(self) -> tuple[float, tuple[float, float]]:
        """AUC of the float network less that of the integer one, and its paired interval."""
        return difference(auc, self.label, self.before, self.after, range(len(self.label)))

    def rows(self, seed: int) -> list[dict[str, Any]]:
        """The card's `results`."""
        whole = range(len(self.label))
        rows: list[dict[str, Any]] = [
            {
                "metric": f"auc, {name}",
                "value": auc(self.label, values),
                "interval": list(interval(auc, self.label, values, whole)),
            }
            for name, values in (("float", self.before), ("int8", self.after))
        ]
        lost, bounds = self.loss()
        rows.append({"metric": "auc lost by int8", "value": lost, "interval": list(bounds)})
        gap = np.abs(self.after - self.before)
        likeness = float(np.corrcoef(self.before, self.after)[0, 1])
        rows.append({"metric": "correlation of logits, int8 with float", "value": likeness})
        rows.append({"metric": "largest difference of logits", "value": float(gap.max())})
        for name, value in zip(("float", "int8"), self.cost, strict=True):
            rows.append({"metric": f"ms a crop, {name}, one thread", "value": value})
        common = {"data": "the recipe's data", "split": "val", "n": len(self.label), "seed": seed}
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        return [common | row | {"machine": machine} for row in rows]


def shrink(
    method: Method,
    network: nn.Module,
    recipe: Recipe,
    data: Data,
    model: Path,
    limit: float = LIMIT,
) -> list[dict[str, Any]]:
    """Replace an exported float network by an integer one.

    Args:
        method: Of the run.
        network: The run's best, on the CPU and in evaluation mode.
        recipe: Of the run.
        data: The method's.
        model: The exported ONNX file; it is overwritten when the loss is small enough.
        limit: Largest loss of AUC that is accepted.

    Returns:
        Rows for the card's `results`.

    Raises:
        LabError: `int8_loss` when more is lost or nothing can be integer; `bad_recipe` when the
            method is no detector.
    """
    if "logit" not in method.outputs():
        raise LabError("bad_recipe", "int8: only a detector, which has a logit, can be measured")
    found = quantise(model, shown(method, network, recipe, data), method.outputs()["logit"])
    if len(found.floats) == found.convolutions:
        raise LabError("int8_loss", "int8: every convolution would have to stay in float")
    compared = compare(method, network, recipe, data, (model.read_bytes(), found.model))
    lost = compared.loss()[0]
    if not lost <= limit:
        raise LabError("int8_loss", f"int8: AUC falls by {lost:.4f}, more than {limit:g}")
    model.write_bytes(found.model)
    return compared.rows(recipe.seed)


@torch.no_grad()
def shown(
    method: Method, network: nn.Module, recipe: Recipe, data: Data, count: int = PICTURES
) -> Floats:
    """What the network sees at the end of training, shape (count, 3, h, w)."""
    dataset: Any = data.train
    if hasattr(dataset, "set_epoch"):
        dataset.set_epoch(recipe.train.steps * recipe.train.batch // max(1, len(dataset)))
    dice = torch.Generator().manual_seed(recipe.seed)
    images: list[Floats] = []
    for batch in DataLoader(dataset, recipe.train.batch, shuffle=True, generator=dice):
        with overheard(network) as calls:
            method.loss(network, batch)
        images += [image.float().contiguous().numpy() for image, _ in calls]
        if sum(map(len, images)) >= count:
            break
    return np.concatenate(images)[:count]


@torch.no_grad()
def compare(
    method: Method, network: nn.Module, recipe: Recipe, data: Data, models: tuple[bytes, bytes]
) -> Compared:
    """Both networks on what the method's evaluation shows; windows of a face are averaged."""
    name = method.outputs()["logit"]
    labels: list[Floats] = []
    found: tuple[list[Floats], list[Floats]] = ([], [])
    last = np.zeros((1, 3, *method.crop()["size"]), np.float32)

    def score() -> None:
        nonlocal last
        for image, _ in calls:
            last = image.float().contiguous().numpy()
            for scores, session in zip(found, sessions, strict=True):
                scores.append(logits(session, last, name))
        calls.clear()

    def watched() -> Iterator[Batch]:
        for batch in DataLoader(data.val, recipe.train.batch):
            labels.append(np.asarray(batch["label"], np.float32))
            yield batch
            score()  # batch by batch, so that the pictures need not all be kept

    sessions = [open_session(model) for model in models]
    with overheard(network) as calls:
        method.evaluate(network, watched())
        score()
    label = np.concatenate(labels)
    before, after = (np.concatenate(s).reshape(len(label), -1).mean(1) for s in found)
    cost = (_milliseconds(sessions[0], last[:1]), _milliseconds(sessions[1], last[:1]))
    return Compared(label, before, after, cost)


def _milliseconds(session: Any, image: Floats) -> float:
    """Processor time of one run; the time on the wall would tell who else is working."""
    spent = []
    for _ in range(_RUNS):
        started = time.thread_time()
        session.run(None, {INPUT: image})
        spent.append(time.thread_time() - started)
    return 1e3 * float(np.median(spent))
