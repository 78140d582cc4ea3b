"""Knowledge distillation: an ensemble of finished runs teaches what labels do not say.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. Several
large or differently seeded networks agree on how suspicious a picture is better than one of them,
and a small student can learn that agreement from the same pictures it is trained on. For two
classes the softened probabilities of the paper are sigmoids of logits divided by a temperature.

A recipe switches it on for any method:

    [distil]
    teachers = ["runs/one", "runs/two"]
    weight = 0.5
    temperature = 2.0

Nothing is asked of a method: what its network saw and answered is overheard while it computes its
own loss, and the graph that it exports turns answers into a logit and a heat map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.errors import LabError
from unmask.lab.method import Batch, Distil, Method, build, read_run

ROLES = ("logit", "heat")
_SEEN = ("kind", "size", "margin", "colour", "mean", "std")
_EDGE = 1e-4  # heat maps are probabilities; their logits end here


def taught(method: Method, settings: Distil) -> Method:
    """The method, its loss shared between its labels and the teachers; itself without teachers.

    Raises:
        LabError: `bad_recipe` when a teacher sees other crops or has no logit, or the settings are
            out of range; `weights_missing` for a folder that is no finished run.
    """
    if not settings.teachers:
        return method
    _refuse_nonsense(settings)
    return cast(Method, _Taught(method, Ensemble.of(method, settings), settings))


class Ensemble(nn.Module):
    """Deployed graphs of finished networks, and the mean of their opinions.

    Args:
        graphs: Each from an image (n, 3, h, w) to a tuple of outputs.
        roles: Roles of each graph's outputs, in order.
        shares: Weight of each; the same by default.
    """

    def __init__(
        self,
        graphs: Iterable[nn.Module],
        roles: Iterable[Iterable[str]],
        shares: Iterable[float] = (),
    ) -> None:
        super().__init__()
        self.graphs = nn.ModuleList(graphs).eval().requires_grad_(False)
        self.roles = [tuple(names) for names in roles]
        self.shares = tuple(shares) or (1.0,) * len(self.graphs)

    @classmethod
    def of(cls, student: Method, settings: Distil) -> Ensemble:
        """The teachers that a recipe names; see `taught` for the errors."""
        methods, graphs = [], []
        for run in settings.teachers:
            method, network = _load(Path(run))
            _refuse_stranger(student, method, run)
            methods.append(method)
            graphs.append(method.graph(network))
        return cls(graphs, [method.outputs() for method in methods], settings.shares)

    @torch.no_grad()
    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Image (n, 3, h, w) to the mean "logit" (n,) and, where some have one, "heat" in logits.

        Heat maps of other sizes are brought to the first one's.
        """
        told: dict[str, list[tuple[float, Tensor]]] = {role: [] for role in ROLES}
        for graph, roles, share in zip(self.graphs, self.roles, self.shares, strict=True):
            for role, value in opinions(graph(image), roles).items():
                told[role].append((share, value))
        return {role: _mean(values) for role, values in told.items() if values}


def opinions(outputs: Iterable[Tensor], roles: Iterable[str]) -> dict[str, Tensor]:
    """Outputs of a graph by role, all in logits.

    Example:
        >>> found = opinions((torch.zeros(2), torch.full((2, 1, 1), 0.5)), ("logit", "heat"))
        >>> found["heat"].flatten().tolist()
        [0.0, 0.0]
    """
    named = {role: value.float() for role, value in zip(roles, outputs, strict=True)}
    if "heat" in named:
        named["heat"] = torch.logit(named["heat"], eps=_EDGE)
    return {role: named[role] for role in ROLES if role in named}


def lesson(
    student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], temperature: float
) -> Tensor:
    """Divergence of the student's softened opinions from the teacher's, 0 where they are equal.

    It is scaled by the square of the temperature, so that its gradient stays comparable with the
    labels' (paper, section 2).

    Args:
        student: Logits by role.
        teacher: Likewise; roles that only one of them has are passed over.
        temperature: Above 1 it softens both.

    Example:
        >>> sure = {"logit": torch.tensor([3.0])}
        >>> lesson(sure, sure, 2.0).item()
        0.0
    """
    total = torch.zeros(())
    for role in student.keys() & teacher.keys():
        here, there = student[role] / temperature, teacher[role] / temperature
        if there.shape != here.shape:
            there = F.interpolate(there[:, None], here.shape[1:], mode="bilinear")[:, 0]
        soft = there.sigmoid()
        least = F.binary_cross_entropy_with_logits(there, soft)
        cross = F.binary_cross_entropy_with_logits(here, soft)
        total = total.to(here.device) + temperature**2 * (cross - least)
    return total


class _Taught:
    """A method in everything but its loss."""

    def __init__(self, method: Method, ensemble: Ensemble, settings: Distil) -> None:
        self.method, self.ensemble, self.settings = method, ensemble, settings

    def __getattr__(self, name: str) -> Any:
        return getattr(self.method, name)

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The labels' loss and the lesson, in the shares of the recipe."""
        with overheard(network) as calls:
            parts = self.method.loss(network, batch)
        learnt = torch.stack([self._lesson(*call) for call in calls]).mean()
        share = self.settings.weight
        whole = (1 - share) * parts["loss"] + share * learnt
        return parts | {"loss": whole, "labels": parts["loss"], "lesson": learnt}

    def _lesson(self, image: Tensor, answer: Any) -> Tensor:
        graph = self.method.graph(_Echo(answer))
        own = opinions(graph(image), self.method.outputs())
        return lesson(own, self.ensemble.to(image.device)(image), self.settings.temperature)


class _Echo(nn.Module):
    """A network that has answered already."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, image: Tensor) -> Any:
        return self.answer


@contextmanager
def overheard(network: nn.Module) -> Iterator[list[tuple[Tensor, Any]]]:
    """What a network is shown and what it answers, as long as the context lasts.

    Example:
        >>> layer = nn.Identity()
        >>> with overheard(layer) as calls:
        ...     _ = layer(torch.ones(2))
        >>> [tuple(value.tolist()) for value in calls[0]]
        [(1.0, 1.0), (1.0, 1.0)]
    """
    calls: list[tuple[Tensor, Any]] = []
    hook = network.register_forward_hook(lambda _, shown, answer: calls.append((shown[0], answer)))
    try:
        yield calls
    finally:
        hook.remove()


def _load(run: Path) -> tuple[Method, nn.Module]:
    from unmask.lab.train import load_best  # it imports this module

    try:
        recipe = read_run(run)
        method = build(recipe.method, recipe.config)
        return method, load_best(method, run)
    except OSError as error:
        raise LabError("weights_missing", f"teacher {run}: no finished run: {error}") from error


def _refuse_nonsense(settings: Distil) -> None:
    shares = settings.shares
    if shares and (len(shares) != len(settings.teachers) or min(shares) <= 0):
        raise LabError("bad_recipe", "distil.shares: one above zero for each teacher")
    if not 0 <= settings.weight <= 1 or settings.temperature <= 0:
        raise LabError("bad_recipe", "distil: weight is in 0..1 and temperature above 0")


def _refuse_stranger(student: Method, teacher: Method, run: str) -> None:
    """A teacher that was trained on other crops would teach what it cannot see."""
    wanted, found = ({key: m.crop().get(key) for key in _SEEN} for m in (student, teacher))
    if wanted != found:
        raise LabError("bad_recipe", f"teacher {run} sees crops {found}, the student {wanted}")
    if "logit" not in teacher.outputs():
        raise LabError("bad_recipe", f"teacher {run} has no logit to teach")


def _mean(values: list[tuple[float, Tensor]]) -> Tensor:
    size = values[0][1].shape
    total = sum(share for share, _ in values)
    same = [
        value
        if value.shape == size
        else F.interpolate(value[:, None], size[1:], mode="bilinear")[:, 0]
        for _, value in values
    ]
    weights = [share / total for share, _ in values]
    return torch.stack([w * value for w, value in zip(weights, same, strict=True)]).sum(0)
