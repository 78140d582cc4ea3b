"""Manipulated faces of many kinds at once, by experts for each kind beside what CLIP knows of all.

Yingxin Lai, Zitong Yu, Jing Yang, Bin Li, Xiangui Kang and Linlin Shen, "GM-DF: Generalized
Multi-Scenario Deepfake Detection", 2024, arXiv 2406.20078. Detectors that are
trained on several data sets pooled together do worse than they should, since each set has its own
scenes and its own forgeries. Four parts answer that: experts for each domain beside a frozen CLIP,
whose features are common to all; classes told by texts; masked pictures to be restored, which takes
fine detail; and a meta-learning that trains on some domains such that a step made for them also
helps the others, while a domain alignment loss draws the two groups' features together.

What was at hand of the paper is its abstract, so everything within these four parts is chosen here
and not tuned:

* A domain is a kind of pair: self-blends, swaps, two kinds of generated faces, traces.
* Beside each of the last `layers` fully connected parts lie narrow ones, one for every domain and a
  common one. A router that sees the layer's mean token weighs them and is taught the domain, which
  nobody tells it in use.
* In each batch one domain, drawn at random, is the meta-test. A plain gradient step on the others,
  of the size `inner`, gives the weights that are tested on it; the step itself is taken as given
  (first order), since its own derivative doubles the cost.
* Alignment is the kernel distance between unit features (maximum mean discrepancy) of meta-train
  and meta-test, genuine and manipulated ones apart.
* A linear layer restores hidden patches, normalised one by one, from the tower's tokens.

Fails where a forgery is like none of the domains: its experts are then a guess of the router.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from unmask.lab import backbones
from unmask.lab.backbones import Backbone
from unmask.lab.distil import overheard
from unmask.lab.method import Batch
from unmask.lab.methods import _labelled, _vision
from unmask.lab.prompts import embed

CARD = {
    "title": "GM-DF: domain experts and meta-learning on CLIP",
    "authors": "Yingxin Lai, Zitong Yu, Jing Yang, Bin Li, Xiangui Kang, Linlin Shen",
    "venue": "arXiv",
    "year": 2024,
    "arxiv": "2406.20078",
    "task": "face-forgery",
}
WORDS = ("a photo of a real face", "a photo of a fake face")
DOMAINS = len(_labelled.SHARES)
FULLY_CONNECTED = re.compile(r"(.*layers\.\d+)\.mlp")
"""A layer's part for every token by itself, by the names that `transformers` gives it."""


@dataclass(frozen=True)
class Config(_vision.Config):
    """Settings, all of them ours.

    Attributes:
        layers: Of the tower, the last ones, that get experts.
        rank: Width inside an expert.
        inner: Size of the step that meta-learning tests.
        meta: Weight of the loss on the meta-test domain.
        alignment: Of the distance between meta-train and meta-test features. Where it and `meta`
            are 0, no domain is held out of a step.
        restoring: Of the restored pixels' squared error.
        routing: Of the routers' cross-entropy.
        hidden: Share of the patches that are hidden, 0 to below 1.
    """

    layers: int = 4
    rank: int = 8
    inner: float = 0.01
    meta: float = 1.0
    alignment: float = 0.1
    restoring: float = 0.1
    routing: float = 0.1
    hidden: float = 0.5


class Experts(nn.Module):
    """A layer's fully connected part, beside narrow ones for every domain and for all of them.

    Args:
        plain: The part itself, frozen.
        width: Of a token.
        rank: Of an expert.
    """

    def __init__(self, plain: nn.Module, width: int, rank: int) -> None:
        super().__init__()
        self.plain, self.router = plain, nn.Linear(width, DOMAINS)
        inside = (DOMAINS + 1) * rank
        self.down, self.up = nn.Linear(width, inside), nn.Linear(inside, width)
        nn.init.zeros_(self.up.weight)  # at first nothing but the tower speaks
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Shape (n, tokens, width), kept."""
        share = self.router(tokens.mean(1)).softmax(1)
        share = torch.cat([share, torch.ones_like(share[:, :1])], 1)
        share = share.repeat(1, self.up.in_features // (DOMAINS + 1))[:, None]  # in turns
        out: Tensor = self.plain(tokens) + self.up(F.gelu(self.down(tokens)) * share)
        return out


class Compared(nn.Module):
    """Unit features beside two texts."""

    words: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        with torch.no_grad():
            self.register_buffer("words", embed(backbone, WORDS), persistent=False)
        assert backbone.scale is not None  # who knows texts has one
        self.scale = float(backbone.scale.exp())

    def forward(self, feature: Tensor) -> Tensor:
        """Shape (n, joint) to logits of genuine and manipulated, (n, 2)."""
        return self.scale * feature @ self.words.T


class Network(nn.Module):
    """A frozen image tower with experts, two texts, and a layer that restores what was hidden.

    Attributes:
        backbone: With `Experts` in its last layers, which alone learn.
        head: Takes unit features.
        restorer: From a token to the colours of its patch; training only.
    """

    def __init__(self, backbone: Backbone, config: Config) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(False)
        self.head = Compared(backbone)
        self.patch = int(backbone.vision.config.patch_size)
        equip(backbone, config)
        self.restorer = nn.Sequential(
            nn.LayerNorm(backbone.width), nn.Linear(backbone.width, 3 * self.patch**2)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to logits of genuine and manipulated, (n, 2)."""
        feature = self.backbone.project(self.backbone(image)).float()
        out: Tensor = self.head(F.normalize(feature, dim=1))
        return out

    def restored(self, image: Tensor, hidden: Tensor) -> Tensor:
        """Mean squared error of hidden patches, each of mean 0 and deviation 1.

        Args:
            image: Shape (n, 3, h, w), colours -1..1.
            hidden: True where a patch is hidden, shape (n, patches).
        """
        pixels = self.backbone.normalise(image)
        patches = F.unfold(pixels, self.patch, stride=self.patch).transpose(1, 2)
        side = int(pixels.shape[-1])
        shown = (patches * ~hidden[..., None]).transpose(1, 2)
        shown = F.fold(shown, side, self.patch, stride=self.patch)
        tokens = self.backbone.vision(pixel_values=shown).last_hidden_state
        guess = self.restorer(tokens[:, -hidden.shape[1] :].float())
        wanted = F.layer_norm(patches, patches.shape[-1:])
        return F.mse_loss(guess[hidden], wanted[hidden])


class GMDF(_vision.Vision):
    """Trains the experts on pairs whose domains are known."""

    config: Config

    def network(self) -> Network:
        return Network(backbones.load(self.config.backbone), self.config)

    def loss(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        assert isinstance(network, Network)
        image, label = _vision.flat(batch)
        domain = batch["domain"].repeat_interleave(2)
        held_out = bool(self.config.meta or self.config.alignment)
        tested = drawn(domain) if held_out else torch.zeros_like(domain, dtype=torch.bool)
        told, own, routing = self._seen(network, image[~tested], label[~tested], domain[~tested])
        parts = {"labels": told, "routing": routing, "restoring": self._restored(network, image)}
        whole = told + self.config.routing * routing + self.config.restoring * parts["restoring"]
        if tested.any():
            meta, other = self._tested(network, told, image[tested], label[tested])
            near = apart(own, label[~tested], other, label[tested])
            whole = whole + self.config.meta * meta + self.config.alignment * near
            parts |= {"meta": meta, "alignment": near}
        return {"loss": whole} | parts

    def _seen(
        self, network: Network, image: Tensor, label: Tensor, domain: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Cross-entropy, unit features, and the routers' cross-entropy."""
        with ExitStack() as stack:
            routed = [stack.enter_context(overheard(e.router)) for e in experts(network)]
            shown = stack.enter_context(overheard(network.head))
            told = F.cross_entropy(network(image).float(), label)
        routing = [F.cross_entropy(calls[0][1].float(), domain) for calls in routed]
        return told, shown[0][0], torch.stack(routing).mean()

    def _tested(
        self, network: Network, told: Tensor, image: Tensor, label: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy and unit features of another domain, after a step on `told`."""
        learns = {n: p for n, p in network.named_parameters() if p.requires_grad}
        slopes = torch.autograd.grad(
            told, list(learns.values()), retain_graph=True, allow_unused=True
        )
        moved = {
            name: value - self.config.inner * slope
            for (name, value), slope in zip(learns.items(), slopes, strict=True)
            if slope is not None
        }
        with overheard(network.head) as shown:
            logits: Tensor = functional_call(network, moved, (image,))
        return F.cross_entropy(logits.float(), label), shown[0][0]

    def _restored(self, network: Network, image: Tensor) -> Tensor:
        count = (network.backbone.size // network.patch) ** 2
        order = torch.rand(len(image), count, device=image.device).argsort(1)
        return network.restored(image, order < max(1, round(self.config.hidden * count)))


def equip(backbone: Backbone, config: Config) -> None:
    """Put experts beside the fully connected parts of the last layers."""
    found = [m for n, _ in backbone.vision.named_modules() if (m := FULLY_CONNECTED.fullmatch(n))]
    for match in found[-config.layers :]:
        layer: Any = backbone.vision.get_submodule(match[1])
        layer.mlp = Experts(layer.mlp, backbone.width, config.rank)


def experts(network: nn.Module) -> Iterator[Experts]:
    """Those of all layers, the first layer first."""
    return (module for module in network.modules() if isinstance(module, Experts))


def drawn(domain: Tensor) -> Tensor:
    """Which pictures are the meta-test: all of one domain, none where there is but one.

    Args:
        domain: Numbers, shape (n,).

    Example:
        >>> drawn(torch.tensor([2, 2])).tolist()
        [False, False]
    """
    there: Tensor = torch.unique(domain)
    if len(there) < 2:
        return torch.zeros_like(domain, dtype=torch.bool)
    return domain.eq(there[torch.randint(len(there), (1,), device=domain.device)])


def apart(first: Tensor, label: Tensor, second: Tensor, other: Tensor) -> Tensor:
    """Distance between two groups of unit features, the mean over genuine and manipulated.

    Args:
        first: Shape (n, d).
        label: Their labels, shape (n,).
        second: Shape (m, d).
        other: Their labels, shape (m,).

    Returns:
        Squared maximum mean discrepancy under the kernel exp(-2 d²), at least 0.

    Example:
        >>> points, label = torch.eye(4), torch.tensor([0, 0, 1, 1])
        >>> float(apart(points, label, points, label))
        0.0
    """
    found = [discrepancy(first[label == v], second[other == v]) for v in (0, 1)]
    return torch.stack(found).mean()


def discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of two sets of unit vectors, shapes (n, d) and (m, d).

    Example:
        >>> round(float(discrepancy(torch.eye(2)[:1], torch.eye(2)[1:])), 3)
        1.963
    """

    def likeness(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-2 * (2 - 2 * a @ b.T)).mean()

    return likeness(first, first) + likeness(second, second) - 2 * likeness(first, second)
