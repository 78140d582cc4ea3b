"""Pairs of every kind at once: what the two embedded detectors learn from, together.

A classifier that is compared with them has to see no less than they do: self-blends and face swaps
as `sbi` makes them, generated faces and simulated up-sampling as `npr` does, in the shares of the
two recipes, half and half. Both pictures of a pair are worn by the same chain with the same dice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unmask.errors import LabError
from unmask.judge.bundle import CropRecipe
from unmask.lab.data import dev
from unmask.lab.data.faces import LARGEST, FaceCache, Record
from unmask.lab.data.held import TRACE
from unmask.lab.data.native import Region
from unmask.lab.data.view import View, to_tensor
from unmask.lab.forge import upsample
from unmask.lab.forge.degrade import Degrade
from unmask.lab.method import Data
from unmask.lab.methods import _generated, npr, sbi
from unmask.types import Face, Pixels

BLEND, SWAP = "blend", sbi.SWAPS
GAN, DIFFUSION = _generated.GENERATED
SHARES: Final[dict[str, float]] = {
    BLEND: 0.425,
    SWAP: 0.075,
    GAN: 0.3,
    DIFFUSION: 0.075,
    TRACE: 0.125,
}
"""Kinds of pairs, forgeries called by their set, and their shares: half as `face-forgery` is
trained, half as `synthetic-trace`."""
HELD_WEAR = 0.5
"""Strongest wear of validation pairs."""
Rng = np.random.Generator
Picture = tuple[Pixels, Face]


@dataclass(frozen=True)
class Settings:
    """What every user of these pairs can choose.

    Attributes:
        pairs: Pairs an epoch.
        light, wear: Strongest wear at the start and at the end; every pair draws its own.
        ramp: Epochs until the wear is at its strongest.
        soft: Of `Degrade`: how far its blur reaches; `npr`'s windows keep the default.
        without: Sets, genuine pictures and all, or kinds that neither training nor validation sees.
    """

    pairs: int = 2048
    light: float = 0.2
    wear: float = 0.85
    ramp: int = 4
    soft: float = 1.3
    without: tuple[str, ...] = ()


class Pairs(Protocol):
    """Pairs of one kind: items hold "image" (2, 3, h, w), -1..1, and "label" (2,)."""

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        """Pair `index`, for any index."""

    def set_epoch(self, epoch: int) -> None:
        """Move the wear on."""


Maker = Callable[[str, str, Settings], Pairs]
"""Kind, split and settings to pairs."""


class Mixture(Dataset[dict[str, Tensor]]):
    """Pairs of several kinds by their shares; equal (seed, epoch, index) give an equal pair.

    Beside "image" and "label" an item holds its "domain", the number of its kind among `SHARES`.
    """

    def __init__(self, kinds: Mapping[str, Pairs], pairs: int, seed: int) -> None:
        self.kinds, self.pairs, self.seed, self.epoch = dict(kinds), pairs, seed, 0
        shares = np.array([SHARES[kind] for kind in kinds])
        self.shares = shares / shares.sum()

    def set_epoch(self, epoch: int) -> None:
        """Move the wear on."""
        self.epoch = epoch
        for pairs in self.kinds.values():
            pairs.set_epoch(epoch)

    def __len__(self) -> int:
        return self.pairs

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        kind = list(self.kinds)[rng.choice(len(self.kinds), p=self.shares)]
        item = self.kinds[kind][index]
        return {
            "image": item["image"],
            "label": item["label"],
            "domain": torch.tensor(list(SHARES).index(kind)),
        }


class Held(Dataset[dict[str, Any]]):
    """Validation: as many fixed pairs of every kind, each with its "kind"."""

    EACH = 120

    def __init__(self, kinds: Mapping[str, Pairs]) -> None:
        self.kinds = dict(kinds)

    def __len__(self) -> int:
        return self.EACH * len(self.kinds)

    def __getitem__(self, index: int) -> dict[str, Any]:
        place, number = divmod(index, len(self.kinds))
        kind = list(self.kinds)[number]
        item = self.kinds[kind][place]
        return {"image": item["image"], "label": item["label"], "kind": kind}


def crops(root: Path, cache: Path, recipe: CropRecipe, settings: Settings, seed: int) -> Data:
    """Pairs of crops, resampled to one size.

    Raises:
        LabError: `data_missing`, also when `settings.without` leaves nothing.
    """
    faces = FaceCache(photos(root), cache)
    samples = [faces.sample(index) for index in range(len(faces))]

    def make(kind: str, split: str, settings: Settings) -> Pairs:
        if kind in (BLEND, SWAP):
            return blended(faces, kind, split, recipe, settings, seed)
        return Generated(faces, kind, split, recipe, settings, seed)

    return mixed(make, samples, settings, seed)


def windows(root: Path, cache: Path, recipe: CropRecipe, settings: Settings, seed: int) -> Data:
    """Pairs of windows whose pixels were resized by nothing but the wear.

    Raises:
        LabError: `data_missing`, also when `settings.without` leaves nothing.
    """
    faces = Unshrunk(photos(root), cache, recipe.size[0])
    regions = {split: _generated.regions(root, cache, split) for split in ("train", "val")}

    def make(kind: str, split: str, settings: Settings) -> Pairs:
        if kind in (BLEND, SWAP):
            return blended(faces, kind, split, recipe, settings, seed)
        return Windows(regions[split], kind, recipe.size[0], settings, seed)

    samples = [faces.sample(index) for index in range(len(faces))]
    samples += [region.sample for split in regions.values() for region in split]
    return mixed(make, samples, settings, seed)


def photos(root: Path) -> list[dev.Sample]:
    """The photos that may be learnt from, in the order whose faces the lab keeps."""
    return [s for s in dev.samples(root) if s.path.suffix != ".mp4" and s.split != "test"]


def mixed(make: Maker, samples: Iterable[dev.Sample], settings: Settings, seed: int) -> Data:
    """Training and validation pairs of all kinds that the samples allow."""
    samples = list(samples)
    held = replace(settings, light=HELD_WEAR, wear=HELD_WEAR)
    train = {k: make(k, "train", settings) for k in kinds(samples, "train", settings.without)}
    val = {k: make(k, "val", held) for k in kinds(samples, "val", settings.without)}
    if not train or not val:
        raise LabError("data_missing", f"no kind of forgery is left without {settings.without}")
    return Data(Mixture(train, settings.pairs, seed), Held(val))


def kinds(samples: Sequence[dev.Sample], split: str, without: Sequence[str]) -> list[str]:
    """Kinds of pairs that the samples of a split allow."""
    forged = {s.set for s in samples if s.split == split and s.label} | {BLEND, TRACE}
    return [kind for kind in SHARES if kind in forged and kind not in without]


def blended(
    faces: FaceCache, kind: str, split: str, recipe: CropRecipe, settings: Settings, seed: int
) -> sbi.Pairs:
    """Self-blends or swaps, exactly as `sbi` learns from them."""
    config = sbi.Config(
        pairs=settings.pairs,
        light=settings.light,
        wear=settings.wear,
        ramp=settings.ramp,
        soft=settings.soft,
        swap=float(kind == SWAP),
        without=settings.without,
    )
    return sbi.Pairs(faces, split, config, recipe, seed)


class Unshrunk(FaceCache):
    """The cached faces that kept their native pixels and have room for a window."""

    def __init__(self, samples: Sequence[dev.Sample], folder: Path, window: int) -> None:
        super().__init__(samples, folder)
        sides = [row[2:] for row in self.rows]
        kept = [i for i, hw in enumerate(sides) if min(hw) >= window and max(hw) < LARGEST]
        self.rows, self.geometry = [self.rows[i] for i in kept], self.geometry[kept]


class Windows(npr.Pairs):
    """Generated faces, or photos with a trace, exactly as `npr` learns from them."""

    def __init__(
        self, regions: Sequence[Region], kind: str, window: int, settings: Settings, seed: int
    ) -> None:
        config = npr.Config(
            window=window,
            gan=float(kind == GAN),
            diffusion=float(kind == DIFFUSION),
            trace=float(kind == TRACE),
            rescaled=0.4,
            smallest=-0.6,
            sharpened=0.15,
            light=settings.light,
            strength=settings.wear,
            ramp=settings.ramp,
            without=settings.without,
        )
        super().__init__([r for r in regions if r.sample.set not in config.without], config, seed)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        item = super().__getitem__(index)
        return item | {"image": _generated.prepared(item["image"])}


class Generated(Dataset[dict[str, Tensor]]):
    """Crops of a generated face, or of a photo with a trace, beside one of a genuine face.

    The genuine face is of the generator's own source where that has any; the photo beside a trace
    is the same one, sent through an ordinary resampler.
    """

    def __init__(
        self,
        faces: FaceCache,
        kind: str,
        split: str,
        recipe: CropRecipe,
        settings: Settings,
        seed: int,
    ) -> None:
        self.faces, self.kind, self.recipe = faces, kind, recipe
        self.settings, self.seed = settings, seed
        self.genuine: dict[str, list[int]] = {}
        self.forged: list[int] = []
        for index in range(len(faces)):
            sample = faces.sample(index)
            if sample.split != split or sample.set in settings.without:
                continue
            if sample.label == 0:
                self.genuine.setdefault(sample.set, []).append(index)
            elif sample.set == kind:
                self.forged.append(index)
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Move the wear on."""
        settings, self.epoch = self.settings, epoch
        grown = min(1.0, epoch / max(1, settings.ramp))
        self.wear = settings.light + (settings.wear - settings.light) * grown

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, index))
        real, fake = self._pair(rng)
        wear = Degrade(float(rng.uniform(0, self.wear)), soft=self.settings.soft)
        dice, shake = int(rng.integers(1 << 31)), int(rng.integers(1 << 31))
        images = []
        for pixels, face in (real, fake):
            worn = wear(pixels, np.random.default_rng(dice))
            images.append(View(face, np.random.default_rng(shake)).cut(worn, self.recipe))
        stacked = torch.stack([to_tensor(image) for image in images])
        return {"image": stacked, "label": torch.tensor([0.0, 1.0])}

    def _pair(self, rng: Rng) -> tuple[Picture, Picture]:
        real = self._genuine(rng)
        if self.kind != TRACE:
            fake = self.faces[int(rng.choice(self.forged))]
            return (real.pixels, real.face), (fake.pixels, fake.face)
        plain, traced = upsample.plain(real.pixels, rng), upsample.trace(real.pixels, rng)
        return (plain, real.face), (traced, real.face)

    def _genuine(self, rng: Rng) -> Record:
        """From the generator's own source, or a set by the root of its size."""
        names = [self.kind] if self.kind in self.genuine else list(self.genuine)
        share = np.sqrt([len(self.genuine[name]) for name in names])
        rows = self.genuine[names[rng.choice(len(names), p=share / share.sum())]]
        return self.faces[int(rng.choice(rows))]
