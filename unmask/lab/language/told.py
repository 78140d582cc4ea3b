"""Faces with captions: real and forged ones, some worn, covered or shown on a screen.

Labelled forgeries are few, so a share of the genuine faces is forged on the way by self-blending,
and what no file of the development set shows is made and then said: covered eyes or mouths, and
pictures of pictures. Everything is done at about the crop's scale, which is five times cheaper than
at the file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from unmask.bench.perturb.screen import halftone, recapture
from unmask.faces import align
from unmask.judge.bundle import CropRecipe
from unmask.lab.data import dev
from unmask.lab.data.drawn import Drawn
from unmask.lab.data.faces import FaceCache, Record, landmarks_of, moved
from unmask.lab.data.view import View
from unmask.lab.forge.blend import self_blend
from unmask.lab.forge.degrade import Degrade
from unmask.lab.language import seen
from unmask.lab.language.captions import caption, codes
from unmask.lab.language.vocabulary import own
from unmask.lab.method import Data
from unmask.types import Face, Pixels

Rng = np.random.Generator
TIGHT = frozenset({"utkface_crop", "landmarks11_pvt"})
"""Sets cropped so closely that a blend has no surroundings it could differ from."""
COVERED = {"eyes": slice(36, 48), "mouth": slice(48, 68)}


@dataclass(frozen=True)
class Making:
    """What is done to faces, each as a chance or a strength from 0 to 1.

    Attributes:
        blend: Of a genuine face to be blended with itself.
        cover: To lose sight of eyes or mouth.
        again: To be shown on a screen or printed, and taken again.
        wear: Strongest wear; every face draws its own.
        spoil: To be blurred, badly lit or without colour.
    """

    blend: float = 0.2
    cover: float = 0.08
    again: float = 0.12
    wear: float = 0.5
    spoil: float = 0.15


@dataclass(frozen=True)
class Tell:
    """Makes a crop and a caption of a face.

    Attributes:
        recipe: The crop.
        making: What is done to the face first.
    """

    recipe: CropRecipe
    making: Making

    def item(self, record: Record, rng: Rng, strayed: bool) -> dict[str, Tensor]:
        """One face.

        Args:
            record: The face.
            rng: For everything that is drawn.
            strayed: Whether the view strays from the finder's and may be mirrored.

        Returns:
            "image" (3, s, s), bytes; "facts" (facts,), "said" (facts,) and "text" (77,), as
            `codes`, `Caption` and `Vocabulary.encode` give them.
        """
        pixels, face = self._near(record)
        known = seen.of_file(record.sample) | seen.of_face(face, pixels.shape[:2])
        pixels = self._forged(pixels, face, record.sample, known, rng)
        if strayed:
            view = View(face, rng)
            crop = view.cut(pixels, self.recipe)
            known = seen.mirrored(known) if view.mirror else known
        else:
            crop = align.cut(pixels, face, self.recipe)[0].pixels
        crop = self._worn(crop, known, rng)
        known = known | seen.of_pixels(crop)
        told = caption(known, rng)
        return {
            "image": torch.from_numpy(crop).permute(2, 0, 1),
            "facts": torch.from_numpy(codes(known)),
            "said": torch.from_numpy(told.said),
            "text": torch.tensor(own().encode(told.text)),
        }

    def _near(self, record: Record) -> tuple[Pixels, Face]:
        """The picture shrunk until the face is little larger than in the crop."""
        scale = 1.15 * self.recipe.size[0] / self.recipe.margin / align.side(record.face.box)
        if scale >= 1:
            return record.pixels, record.face
        high, wide = (max(1, round(side * scale)) for side in record.pixels.shape[:2])
        small = cv2.resize(record.pixels, (wide, high), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8), moved(record.face, scale, 0, 0)

    def _forged(
        self, pixels: Pixels, face: Face, sample: dev.Sample, known: dict[str, str], rng: Rng
    ) -> Pixels:
        """Blended and covered, each by its chance; `known` learns of it."""
        making = self.making
        if not sample.label and sample.set not in TIGHT and rng.random() < making.blend:
            pixels, _ = self_blend(pixels, landmarks_of(face), rng)
            known |= {"verdict": "fake", "made": "blended"}
        if rng.random() < making.cover:
            part = list(COVERED)[rng.integers(len(COVERED))]
            pixels = covered(pixels, landmarks_of(face)[COVERED[part]], rng)
            known.pop(part, None)
            known["cover"] = part
        return pixels

    def _worn(self, crop: Pixels, known: dict[str, str], rng: Rng) -> Pixels:
        """Worn, spoilt and taken again, each by its chance; `known` learns of the last."""
        making, known["medium"] = self.making, "live"
        if making.wear:
            crop = Degrade(float(rng.uniform(0, making.wear)))(crop, rng)
        if rng.random() < making.spoil:
            crop = SPOILT[rng.integers(len(SPOILT))](crop, rng)
        if rng.random() < making.again:
            known["medium"] = list(AGAIN)[rng.integers(len(AGAIN))]
            crop = AGAIN[known["medium"]](crop, int(rng.integers(1, 6)), rng)
        return crop


def blurred(pixels: Pixels, rng: Rng) -> Pixels:
    """Out of focus by one to three hundredths of the picture's side."""
    sigma = rng.uniform(0.01, 0.03) * pixels.shape[0]
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def lit(pixels: Pixels, rng: Rng) -> Pixels:
    """Far too dark or too bright."""
    gain, lift = ((0.35, 0.0), (0.7, 100.0))[rng.integers(2)]
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=gain * rng.uniform(0.8, 1.2), beta=lift))


def grey(pixels: Pixels, rng: Rng) -> Pixels:
    """Without colour."""
    level = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(level, cv2.COLOR_GRAY2RGB), np.uint8)


SPOILT: Final = (blurred, lit, grey)
AGAIN: Final = {"screen": recapture, "print": halftone}


def covered(pixels: Pixels, points: Any, rng: Rng) -> Pixels:
    """A flat, slightly uneven patch of any colour over some landmarks and what is around them."""
    low, high = points.min(0), points.max(0)
    reach = (high - low) * rng.uniform(0.2, 0.5, 2)
    x0, y0 = np.maximum(low - reach, 0).astype(int).tolist()
    x1, y1 = np.maximum(high + reach, 1).astype(int).tolist()
    out = pixels.copy()
    patch = out[y0:y1, x0:x1]
    patch[:] = np.clip(rng.integers(0, 256, 3) + rng.normal(0, 6, patch.shape), 0, 255)
    return out


class Faces(Drawn):
    """Training faces; the same (seed, epoch, index) gives the same face and caption."""

    def __init__(
        self, cache: FaceCache, tell: Tell, count: int, seed: int, without: Sequence[str]
    ) -> None:
        """Draw `count` faces an epoch from those that train, less those of some sets."""
        super().__init__(cache, count, seed, without, lambda sample: (sample.set, sample.label))
        self.tell = tell

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        record, rng = self.drawn(index)
        return self.tell.item(record, rng, strayed=True)


class Held(Dataset[dict[str, Any]]):
    """Every face of the val split, first as it is ("plain"), then made anew as in training.

    Sets of `without` choose no checkpoint either.
    """

    def __init__(
        self, cache: FaceCache, tell: Tell, seed: int, without: Sequence[str] = ()
    ) -> None:
        plain = Tell(tell.recipe, Making(0, 0, 0, 0, 0))
        self.cache, self.tells, self.seed = cache, (plain, tell), seed
        samples = [cache.sample(index) for index in range(len(cache))]
        held = [s.split == "val" and s.set not in without for s in samples]
        self.rows = np.flatnonzero(held).tolist()

    def __len__(self) -> int:
        return 2 * len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        made, place = divmod(index, len(self.rows))
        rng = np.random.default_rng((self.seed, 1 << 20, index))
        record = self.cache[self.rows[place]]
        sample = record.sample
        labels = {"label": sample.label, "set": sample.set, "unit": sample.unit}
        return self.tells[made].item(record, rng, strayed=False) | labels | {"plain": not made}


def told_faces(
    root: Path, cache: Path, tell: Tell, count: int, seed: int, without: Sequence[str]
) -> Data:
    """Faces of the development set's photos with captions: training draws `count` an epoch.

    Raises:
        LabError: `data_missing`, also when `without` leaves nothing.
    """
    photos = [s for s in dev.samples(root) if s.path.suffix != ".mp4" and s.split != "test"]
    faces = FaceCache(photos, cache)
    return Data(Faces(faces, tell, count, seed, without), Held(faces, tell, seed, without))
