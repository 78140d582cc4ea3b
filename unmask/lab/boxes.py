"""Boxes and points as torch sees them: what they share, how far they are apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of broadcast boxes (…, 4)."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) for b in (first, second)]
    return shared / (areas[0] + areas[1] - shared + 1e-6)


def spread(boxes: Tensor, faces: Tensor, match: Tensor) -> Tensor:
    """1 - overlap, plus how far centre, width and height are off within the common hull."""
    low = torch.minimum(boxes[:, :2], faces[:, :2])
    hull = torch.maximum(boxes[:, 2:], faces[:, 2:]) - low
    shift = (boxes[:, :2] + boxes[:, 2:] - faces[:, :2] - faces[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]) - (faces[:, 2:] - faces[:, :2])
    far = (shift**2).sum(1) / ((hull**2).sum(1) + 1e-6)
    return 1 - match + far + (sides**2 / (hull**2 + 1e-6)).sum(1)


def within(boxes: Tensor, grid: Tensor) -> Tensor:
    """Cells whose middle lies in any of the boxes (k, 4); shape (cells,)."""
    middle = grid[:, None, :2] + grid[:, None, 2:] / 2
    return ((middle > boxes[:, :2]) & (middle < boxes[:, 2:])).all(-1).any(1)


def apart(found: Tensor, true: Tensor) -> Tensor:
    """Mean distance of five points as a share of the eye distance, (k, 10) twice to (k,)."""
    eyes: Tensor = torch.linalg.vector_norm(true[:, :2] - true[:, 2:4], dim=1)
    off: Tensor = torch.linalg.vector_norm((found - true).reshape(-1, 5, 2), dim=2)
    return off.mean(1) / eyes.clamp(min=1)


def entropy(chance: Tensor) -> Tensor:
    """The least cross-entropy that a soft target allows."""
    safe = chance.clamp(1e-6, 1 - 1e-6)
    return F.binary_cross_entropy(safe, safe, reduction="none")
