"""A small vision transformer that may look at some patches only, and what it is pretrained with.

The encoder is a ViT (Dosovitskiy et al., ICLR 2021, arXiv 2010.11929) without class token: its
features are the mean over patches, which a picture with hidden patches has as well. `Decoder`
paints hidden patches from visible ones (masked autoencoder; He et al., CVPR 2022, arXiv
2111.06377); `Distillation` makes what is seen of a face agree with the whole face (SimSiam, Chen
and He, CVPR 2021, arXiv 2011.10566, with a target that follows slowly as in BYOL, arXiv
2006.07733).
"""

from __future__ import annotations

import copy
import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Attention and a two-layer network, each behind a normalisation and beside a short cut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, tokens, width), kept."""
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.inputs(self.before(x)).chunk(3, 2)
        )
        seen = F.scaled_dot_product_attention(query, key, value)
        x = x + self.output(seen.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.between(x))
        return out


class Transformer(nn.Sequential):
    """Blocks and a last normalisation."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__(*(Block(width, heads) for _ in range(depth)), nn.LayerNorm(width))


class Encoder(nn.Module):
    """The part that is kept after pretraining.

    Attributes:
        width: Length of a feature.
        patch: Side of a patch in pixels.
    """

    places: Tensor

    def __init__(
        self, size: int = 128, patch: int = 16, width: int = 256, depth: int = 6, heads: int = 4
    ) -> None:
        super().__init__()
        self.width, self.patch = width, patch
        self.embed = nn.Conv2d(3, width, patch, patch)
        self.register_buffer("places", positions(size // patch, width), persistent=False)
        self.blocks = Transformer(width, depth, heads)

    def forward(self, image: Tensor, keep: Tensor | None = None) -> Tensor:
        """Features of the patches.

        Args:
            image: Shape (n, 3, size, size), colours -1..1.
            keep: Numbers of the patches to look at, shape (n, k); all by default.

        Returns:
            Shape (n, k, width).
        """
        tokens = self.embed(image).flatten(2).transpose(1, 2) + self.places
        out: Tensor = self.blocks(tokens if keep is None else pick(tokens, keep))
        return out


class Decoder(nn.Module):
    """Paints all patches from the features of the visible ones."""

    places: Tensor

    def __init__(
        self, grid: int, patch: int, inputs: int, width: int = 128, depth: int = 2
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.hidden = nn.Parameter(torch.randn(width) * 0.02)
        self.register_buffer("places", positions(grid, width), persistent=False)
        self.blocks = Transformer(width, depth, heads=4)
        self.paint = nn.Linear(width, 3 * patch * patch)

    def forward(self, features: Tensor, keep: Tensor) -> Tensor:
        """Shapes (n, k, inputs) and (n, k) to (n, patches, 3 * patch * patch)."""
        seen = self.embed(features)
        tokens = self.hidden.to(seen.dtype).expand(len(keep), len(self.places), -1)
        tokens = tokens.scatter(1, keep[..., None].expand_as(seen), seen)
        out: Tensor = self.paint(self.blocks(tokens + self.places))
        return out


class Distillation(nn.Module):
    """Agreement of what is seen of a face with the whole face, as a slow copy sees that.

    The copy follows the encoder at the start of every training step, so that whoever trains has
    nothing to call.

    Args:
        encoder: Whose copy is the target; it is not kept in here a second time.
        momentum: Share of the copy that remains at each step.
        width: Of the space in which both are compared.
    """

    def __init__(self, encoder: Encoder, momentum: float = 0.996, width: int = 128) -> None:
        super().__init__()
        self.momentum = momentum
        self.projector = nn.Sequential(
            *_layers(encoder.width, 2 * width, width), nn.BatchNorm1d(width, affine=False)
        )
        self.predictor = nn.Sequential(*_layers(width, 2 * width, width))
        self.target = copy.deepcopy(nn.ModuleList([encoder, self.projector]))
        self.target.requires_grad_(False)

    def forward(self, encoder: Encoder, seen: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """One minus the cosine between the prediction from some patches and the whole's projection.

        Args:
            encoder: As trained so far; the target follows it when in training.
            seen: Its features of the visible patches, shape (n, k, width).
            image: The whole picture, shape (n, 3, size, size).

        Returns:
            0..2, and how far apart the pictures' projections lie: near 1 when they fill the space,
            0 when the network answers every picture alike. In training the batch's own
            normalisation keeps it near 1; validation shows what it is.
        """
        if self.training:
            self.follow(encoder)
        predicted = self.predictor(self.projector(seen.mean(1)))
        with torch.no_grad():
            whole = self.target[1](self.target[0](image).mean(1))
        spread = F.normalize(whole.float(), dim=1).std(0).mean() * whole.shape[1] ** 0.5
        cosine = F.cosine_similarity(predicted.float(), whole.float(), dim=1)
        return 1 - cosine.mean(), spread

    @torch.no_grad()
    def follow(self, encoder: Encoder) -> None:
        """Move the target a little towards the encoder and its projector."""
        trained = itertools.chain(encoder.parameters(), self.projector.parameters())
        for slow, quick in zip(self.target.parameters(), trained, strict=True):
            slow.lerp_(quick, 1 - self.momentum)


def _layers(inputs: int, hidden: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Linear(inputs, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, outputs),
    ]


def positions(grid: int, width: int) -> Tensor:
    """Sines and cosines of row and column, shape (grid * grid, width); `width` divides by four.

    Example:
        >>> [round(value, 2) for value in positions(2, 4)[1].tolist()]
        [0.0, 1.0, 0.84, 0.54]
    """
    speed = 10000.0 ** -(torch.arange(width // 4) / max(1, width // 4))
    angle = torch.arange(grid)[:, None] * speed
    wave = torch.cat([angle.sin(), angle.cos()], 1)
    row, column = wave.repeat_interleave(grid, 0), wave.repeat(grid, 1)
    return torch.cat([row, column], 1)


def pick(tokens: Tensor, index: Tensor) -> Tensor:
    """Some tokens of each picture: shapes (n, p, width) and (n, k) to (n, k, width)."""
    return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[2]))


def split(covered: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers of the visible and of the hidden patches, each in their order.

    Args:
        covered: Shape (n, p), bool; as many true ones in each row.

    Example:
        >>> [part.tolist() for part in split(torch.tensor([[True, False, False]]))]
        [[[1, 2]], [[0]]]
    """
    order = covered.byte().argsort(dim=1, stable=True)
    visible = covered.shape[1] - int(covered[0].sum())
    return order[:, :visible], order[:, visible:]


def patches(image: Tensor, side: int) -> Tensor:
    """Cut pictures into patches, row by row: (n, 3, h, w) to (n, p, 3, side, side)."""
    rows, columns = image.shape[2] // side, image.shape[3] // side
    cells = image.reshape(-1, 3, rows, side, columns, side)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
