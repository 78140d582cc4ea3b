"""Faces kept back from training, cut as the runtime cuts them, in several conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from unmask.faces.align import cut
from unmask.judge.bundle import CropRecipe
from unmask.lab.data.native import Region
from unmask.lab.forge import upsample
from unmask.lab.forge.degrade import Degrade
from unmask.types import Pixels

TRACE = "trace"
"""Family of genuine photos that went through `unmask.lab.forge.upsample.trace`."""
FILTERS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
Rng = np.random.Generator


def resized(pixels: Pixels, size: tuple[int, int], rng: Rng) -> Pixels:
    """To (width, height), with any of the usual filters."""
    how = FILTERS[rng.integers(len(FILTERS))]
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def mild(pixels: Pixels, rng: Rng) -> Pixels:
    """What a picture goes through that is posted once: a mild change of size, JPEG 75 to 95."""
    scale = rng.uniform(0.8, 1.2)
    height, width = (round(side * scale) for side in pixels.shape[:2])
    small = resized(pixels, (width, height), rng)
    flags = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(75, 96))]
    data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), flags)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


CONDITIONS: Final[dict[str, Callable[[Pixels, Rng], Pixels]]] = {
    "untouched": lambda pixels, _: pixels,
    "posted": mild,
    "worn": Degrade(0.6),
}


class Held(Dataset[dict[str, Any]]):
    """Validation: faces kept back, cut as the runtime cuts them, in every condition."""

    EACH, TRACED = 90, 12
    """Faces of a family; of these, how many genuine ones are also shown with a trace."""

    def __init__(
        self, regions: Sequence[Region], recipe: CropRecipe, seed: int, traces: bool = True
    ) -> None:
        """Choose the faces.

        Args:
            regions: Faces kept back.
            recipe: By which they are cut.
            seed: Of the wear.
            traces: Whether some genuine ones are shown with a trace as well.
        """
        self.recipe, self.seed = recipe, seed
        self.items: list[tuple[Region, str, bool]] = []
        seen: dict[str, int] = {}
        for region in regions:
            if min(region.pixels.shape[:2]) * 0.8 < recipe.size[0]:
                continue
            seen[region.sample.family] = count = seen.get(region.sample.family, 0) + 1
            traced = traces and count <= self.TRACED and not region.sample.label
            for condition in CONDITIONS if count <= self.EACH else ():
                self.items += [(region, condition, trace) for trace in (False, True)[: 1 + traced]]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        region, condition, traced = self.items[index]
        rng = np.random.default_rng((self.seed, 1 << 20, index))
        pixels = upsample.trace(region.pixels, rng) if traced else region.pixels
        pixels = CONDITIONS[condition](pixels, rng)
        face = region.face_at(pixels.shape[1] / region.pixels.shape[1])
        found = [crop.pixels for crop in cut(pixels, face, self.recipe)]
        windows = [found[i % len(found)] for i in range(self.recipe.windows)]
        return {
            "image": torch.from_numpy(np.stack(windows)),
            "label": int(traced or region.sample.label),
            "family": TRACE if traced else region.sample.family,
            "set": "" if traced else region.sample.set,
            "condition": condition,
        }


@dataclass(frozen=True)
class Found:
    """Scored validation faces: arrays of one length.

    Attributes:
        logit: Mean over a face's windows.
        label: 1 manipulated, 0 genuine.
        family: As in the data set, or "trace".
        set: The source; empty for traces.
        condition: Of `CONDITIONS`.
    """

    logit: npt.NDArray[np.float64]
    label: npt.NDArray[np.int64]
    family: npt.NDArray[np.str_]
    set: npt.NDArray[np.str_]
    condition: npt.NDArray[np.str_]

    def rivals(self, family: str, condition: str) -> tuple[npt.NDArray[np.float64], ...]:
        """Logits of a family and of genuine photos: those of its own set where there are any."""
        here = self.condition == condition
        fakes = here & (self.family == family) & (self.label == 1)
        reals = here & (self.label == 0)
        own = reals & np.isin(self.set, self.set[fakes])
        return self.logit[fakes], self.logit[own if own.any() else reals]
