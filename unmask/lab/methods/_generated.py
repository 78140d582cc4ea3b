"""What detectors of generated faces share: which pictures they know, and how they are measured.

Faces kept back from training are cut as the runtime cuts them, in several conditions; a family of
forgeries stands beside genuine faces of its own source where there are any.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from unmask.bench.metrics import auc
from unmask.judge.bundle import CropRecipe
from unmask.lab.calibration import card_sections
from unmask.lab.data import dev
from unmask.lab.data.held import CONDITIONS, TRACE, Found, Held
from unmask.lab.data.native import Region, Regions
from unmask.lab.method import Batch, Method

GENERATED: Final = ("ffhq256_vs_stylegan_140k", "diff_sfhq_t2i")
"""Sets whose manipulated half was painted by a generator, whole."""

LARGEST: Final = 300
"""Pixels of the largest face in training: camera detail beyond it looks synthetic."""


def learnable(sample: dev.Sample) -> bool:
    """Photos whose label is that of their pixels: genuine ones, and faces generated whole."""
    honest = sample.label == 0 or sample.set in GENERATED
    return honest and sample.split != "test" and sample.path.suffix != ".mp4"


def regions(root: Path, cache: Path, split: str, without: Sequence[str] = ()) -> list[Region]:
    """The learnable photos of a split, but for those of some sets."""
    chosen = [s for s in dev.samples(root) if learnable(s) and s.split == split]
    return [region for region in Regions(chosen, cache) if region.sample.set not in without]


def prepared(pixels: Tensor) -> Tensor:
    """uint8 (n, h, w, 3) to float (n, 3, h, w), -1..1."""
    image = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    return image.contiguous(memory_format=torch.channels_last)


class Generated(Method):
    """Measures and calibrates a detector of one logit a face."""

    @abstractmethod
    def logits(self, network: nn.Module, windows: Tensor) -> Tensor:
        """A logit for each window.

        Args:
            network: As trained.
            windows: Shape (n, h, w, 3), uint8.
        """

    def held(self, kept_back: Sequence[Region], seed: int) -> Held:
        """Validation faces, large and small ones too, cut by the method's recipe."""
        traces = TRACE not in self.config.without
        return Held(kept_back, self.unbounded(), seed, traces=traces)

    def unbounded(self) -> CropRecipe:
        """The method's crop, of faces of any size."""
        return CropRecipe(**self.crop() | {"min_face": 0, "max_face": 0})

    def evaluate(self, network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """AUC of every family in every condition, and their mean as "auc"."""
        found = self.collect(network, batches)
        result = {}
        for family in sorted(
            {f for f, label in zip(found.family, found.label, strict=True) if label}
        ):
            for condition in CONDITIONS:
                fakes, reals = found.rivals(family, condition)
                both = np.concatenate([fakes, reals])
                result[f"{family}_{condition}"] = auc([1] * len(fakes) + [0] * len(reals), both)
        result["auc"] = float(np.mean(list(result.values())))
        return result

    def outputs(self) -> dict[str, str]:
        """One logit."""
        return {"logit": "logit"}

    def calibrate(self, network: nn.Module, data: Any, batches: Iterable[Batch]) -> dict[str, Any]:
        """Every family in every condition weighs the same; thresholds hold in every source."""
        found = self.collect(network, batches)
        names = ", ".join(sorted(set(found.family)))
        words = f"people and photos kept back from training ({names}), {' and '.join(CONDITIONS)}"
        groups = np.char.add(found.family, found.condition)
        label = found.label.astype(np.float64)
        return card_sections(found.logit, label, groups, words, source=found.set)

    def collect(self, network: nn.Module, batches: Iterable[Batch]) -> Found:
        """Score everything in `batches`."""
        columns: dict[str, list[Any]] = {name: [] for name in Found.__dataclass_fields__}
        for batch in batches:
            faces, windows = batch["image"].shape[:2]
            logit = self.logits(network, batch["image"].flatten(0, 1)).float()
            columns["logit"] += logit.view(faces, windows).mean(1).tolist()
            columns["label"] += batch["label"].tolist()
            for name in ("family", "set", "condition"):
                columns[name] += batch[name]
        return Found(**{name: np.asarray(values) for name, values in columns.items()})
