"""What the peers share: from uint8 crops through a torch network to logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from unmask.bench.peers import Logits
from unmask.errors import BundleError, ConfigError
from unmask.judge.card import CropRecipe

AT_ONCE = 32


def logits(network: nn.Module, crop: CropRecipe) -> Logits:
    """A detector out of a network that takes (n, 3, h, w), normalised, and returns (n,)."""
    network.eval()
    mean, std = np.asarray(crop.mean, np.float32), np.asarray(crop.std, np.float32)

    @torch.inference_mode()
    def score(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if batch.dtype != np.uint8 or batch.shape[1:] != (*crop.size, 3):
            raise ConfigError(
                "bad_option", f"crops are uint8 (n, {crop.size[0]}, {crop.size[1]}, 3)"
            )
        found = [np.empty(0, np.float32)]
        for begin in range(0, len(batch), AT_ONCE):
            part = (batch[begin : begin + AT_ONCE] / np.float32(255) - mean) / std
            image = torch.from_numpy(np.ascontiguousarray(part.transpose(0, 3, 1, 2)))
            found.append(network(image).numpy())
        return np.concatenate(found)

    return score


@contextmanager
def opening(path: Path, name: str) -> Iterator[None]:
    """Whatever fails while weights are read becomes an error that names them.

    Raises:
        BundleError: `bundle_missing` without a file, `bundle_invalid` for everything else.
    """
    if not path.is_file():
        raise BundleError("bundle_missing", f"{name}: no weights file {path}")
    try:
        yield
    except Exception as error:  # readers of foreign files fail in more ways than they document
        raise BundleError("bundle_invalid", f"{name}: {path} holds other weights: {error}") from (
            error
        )
