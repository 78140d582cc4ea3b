"""Detectors of several origins, asked in one way.

A word names an embedded or imported bundle, a bundle's folder, an ONNX file with its card beside
it (`NAME.json`, or `card.json`), a folder of a Hugging Face image classifier, or, as `PEER=FILE`,
weights of one of `unmask.bench.peers`; `A+B` names several bundles fused as the runtime fuses them,
and so does a folder of bundles, with a `fusion.json` of its own if need be.
A classifier is read from safetensors without running code from it, and gets square crops of the
face.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from unmask.bench import peers
from unmask.bench.scoring import logit
from unmask.errors import BundleError, ConfigError
from unmask.faces.align import cut
from unmask.judge import card as cards
from unmask.judge.bundle import Bundle, OperatingPoint, resolve
from unmask.judge.card import CropRecipe
from unmask.judge.fuse import fitted_for, fuse
from unmask.judge.odds import chance, log_odds
from unmask.judge.runtime import Detector
from unmask.judge.terms import Terms
from unmask.types import Crop, Face, Pixels

FAKE: Final = re.compile(
    r"(deep)?fakes?|forged|forgery|manipulated|altered|tampered|synthetic|generated|artificial|ai"
    r"|swap(ped)?|morph|spoof"
)
REAL: Final = re.compile(r"real|realism|genuine|authentic|original|pristine|human|bonafide")
MARGIN = 1.3
"""Side of a classifier's crop in sides of the face; the field's customary one."""
ALARM_RATE = 0.05
"""The operating point at which a bundle's false alarms are counted, as `unmask check` does."""


class Said(NamedTuple):
    """What a detector says of a face.

    Attributes:
        raw: Its score, higher is more suspicious.
        alarm: Probability from which it says "manipulated" of this face, where that is another
            one than of most.
    """

    raw: float
    alarm: float | None = None


class Judge(Protocol):
    """What every detector can do.

    Attributes:
        name: In tables.
        sha256: Changes with its weights and with how it is used.
        alarm: Probability from which it says "manipulated" by default.
        seen: Data sets that it was trained on, as far as its card or the bench knows.
        told: Whether it was trained on nothing else.
    """

    name: str
    sha256: str
    alarm: float
    seen: tuple[str, ...]
    told: bool

    def score(self, pixels: Pixels, face: Face) -> Said | None:
        """What it says of a face; `None` where its crop is refused."""
        ...

    def probability(self, raw: float) -> float:
        """The calibrated probability for a raw score, 0..1."""
        ...


def judge(word: str) -> Judge:
    """Open a detector.

    Args:
        word: A name, a folder or a file, as above.

    Raises:
        ConfigError: `unknown_detector` for a word that leads nowhere, `bad_option` for a
            classifier whose labels or preparation are not understood, `not_installed` without
            transformers.
        BundleError: When a bundle is not what its card says.
    """
    path = Path(word)
    name, equals, weights = word.partition("=")
    if equals and name in peers.names() and not path.exists():
        return PeerJudge(peers.get(name), Path(weights))
    if path.suffix == ".onnx" and path.is_file():
        return BundleJudge(_beside(path))
    if (path / "config.json").is_file() and not (path / "card.json").is_file():
        return Classifier(path)
    if "+" in word and not path.exists():
        return FusedJudge([resolve(part) for part in word.split("+")])
    inner = sorted(path.glob("*/card.json")) if len(path.parts) > 1 else []
    if inner and not (path / "card.json").is_file():
        return FusedJudge([resolve(one.parent) for one in inner], path / "fusion.json")
    return BundleJudge(resolve(word))


class BundleJudge:
    """A bundle, as the runtime uses it."""

    def __init__(self, bundle: Bundle) -> None:
        self._detector = Detector(bundle)
        self.name = bundle.card.name
        # The same network may be cut for and worn in another way by another card.
        self.sha256 = _digest(bundle.card.model.sha256, bundle.card.crop, bundle.card.outputs)
        self.alarm = _alarm(bundle.card.operating_points)
        self.seen, self.told = _learnt([bundle.card])

    def score(self, pixels: Pixels, face: Face) -> Said | None:
        """As `Judge.score`."""
        raw = logit(self._detector, pixels, face)
        return None if raw is None else Said(raw)

    def probability(self, raw: float) -> float:
        """As `Judge.probability`."""
        calibration = self._detector.card.calibration
        assert calibration is not None  # the schema asks for one wherever there is a logit
        return calibration.probability(raw)


class FusedJudge:
    """Several bundles and their fused probability; its raw score is the log odds of that.

    Those that can judge a face speak for themselves, and are held to what `unmask check` holds
    them to; doubts that make it abstain have no say here. Weights come from the file of the fit, if
    there is one, else from the package's.
    """

    def __init__(self, bundles: Sequence[Bundle], fit: Path | None = None) -> None:
        self._detectors = [Detector(bundle) for bundle in bundles]
        known = [bundle.card for bundle in bundles]
        fusion = fitted_for(known, fit) if fit and fit.is_file() else fitted_for(known)
        alone = {c.name: _alarm(c.operating_points) for c in known if c.operating_points}
        fitted = bool(fusion.operating_points)
        self.alarm = _alarm(fusion.operating_points) if fitted else max(alone.values(), default=0.5)
        self._terms = Terms(self.alarm, fusion, alone)
        self.name = "+".join(card.name for card in known)
        parts = [(card.model.sha256, card.crop, card.outputs, card.calibration) for card in known]
        self.sha256 = _digest(*parts, self._terms)
        self.seen, self.told = _learnt(known)

    def score(self, pixels: Pixels, face: Face) -> Said | None:
        """As `Judge.score`."""
        asked = [d.score([cut(pixels, face, d.card.crop)])[0] for d in self._detectors]
        scores = [score for score in asked if score is not None]
        if not scores:
            return None
        held = self._terms.of([score.detector for score in scores]).threshold
        raw = log_odds(fuse(scores, self._terms.fusion)[0])
        return Said(raw, None if held == self.alarm else held)

    def probability(self, raw: float) -> float:
        """As `Judge.probability`."""
        return chance(raw)


class PeerJudge:
    """A published detector with weights of the caller's; nobody calibrated it."""

    alarm = 0.5
    told = True

    def __init__(self, peer: peers.Peer, weights: Path) -> None:
        self._crop, self._logits = peer.crop, peer.load(weights)
        self.name, self.seen = f"{peer.name}-{weights.stem}", peer.seen(weights)
        self.sha256 = _digest(hashlib.sha256(weights.read_bytes()).hexdigest(), peer.crop)

    def score(self, pixels: Pixels, face: Face) -> Said | None:
        """As `Judge.score`."""
        crops = cut(pixels, face, self._crop)
        if not crops:
            return None
        return Said(float(self._logits(np.stack([crop.pixels for crop in crops])).mean()))

    def probability(self, raw: float) -> float:
        """As `Judge.probability`."""
        return chance(raw)


class Classifier:
    """A Hugging Face image classifier from a folder; its raw score is the log odds of "fake"."""

    alarm = 0.5
    seen: tuple[str, ...] = ()
    told = False

    def __init__(self, folder: Path) -> None:
        weights = sorted(folder.glob("*.safetensors"))
        if not weights:
            raise ConfigError("bad_option", f"{folder} has no safetensors; nothing else is read.")
        self.name = folder.resolve().name
        self._model = pretrained(folder)
        self._fake, self._real = sides(self._model.config.id2label)
        self.crop = recipe(_json(folder / "preprocessor_config.json"))
        sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in weights]
        self.sha256 = _digest(*sums, self.crop, self._fake, self._real)

    def score(self, pixels: Pixels, face: Face) -> Said | None:
        """As `Judge.score`."""
        crops = cut(pixels, face, self.crop)
        return Said(self._odds(crops)) if crops else None

    def probability(self, raw: float) -> float:
        """As `Judge.probability`; the classifier's own, nobody calibrated it."""
        return chance(raw)

    def _odds(self, crops: Sequence[Crop]) -> float:
        import torch

        batch = np.stack([crop.pixels for crop in crops]).astype(np.float32) / 255
        batch = (batch - np.asarray(self.crop.mean, np.float32)) / np.asarray(
            self.crop.std, np.float32
        )
        with torch.inference_mode():
            logits = self._model(torch.from_numpy(batch.transpose(0, 3, 1, 2).copy())).logits
        fake, real = (logits[:, side].logsumexp(1) for side in (self._fake, self._real))
        return float((fake - real).mean())


def sides(id2label: Mapping[int, str]) -> tuple[list[int], list[int]]:
    """Which outputs mean "fake" and which "real", from their names.

    Raises:
        ConfigError: `bad_option` when a name says neither or both, or when a side has none.

    Example:
        >>> sides({0: "Realism", 1: "Deepfake"})
        ([1], [0])
    """
    found: dict[bool, list[int]] = {True: [], False: []}
    for number, name in id2label.items():
        words = set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", str(name)).lower()))
        fake, real = (any(map(side.fullmatch, words)) for side in (FAKE, REAL))
        if fake == real:
            raise _unclear(id2label)
        found[fake].append(int(number))
    if not (found[True] and found[False]):
        raise _unclear(id2label)
    return found[True], found[False]


def recipe(preparation: Mapping[str, Any]) -> CropRecipe:
    """The crop of a classifier, from its `preprocessor_config.json`.

    Raises:
        ConfigError: `bad_option` where size, mean or deviation are missing.

    Example:
        >>> recipe({"size": 224, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}).size
        (224, 224)
    """
    cropped = preparation.get("do_center_crop", False) and preparation.get("crop_size")
    size = cropped or preparation.get("size")
    try:
        if isinstance(size, Mapping):
            size = size.get("height") or size["shortest_edge"]
        side = int(size)  # type: ignore[arg-type]
        plain = not preparation.get("do_normalize", True)
        mean = [0.0] * 3 if plain else [float(v) for v in preparation["image_mean"]]
        std = [1.0] * 3 if plain else [float(v) for v in preparation["image_std"]]
        (r, g, b), (x, y, z) = mean, std
        return CropRecipe("box", (side, side), MARGIN, (r, g, b), (x, y, z))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            "bad_option", f"preprocessor_config.json lacks a size, mean or deviation: {error}"
        ) from error


def pretrained(folder: Path) -> Any:
    """A classifier of transformers from a folder, ready to judge; no code of it is run.

    Raises:
        ConfigError: `not_installed` without transformers, `bad_option` when it is none.
    """
    try:
        from transformers import AutoModelForImageClassification
    except ImportError as error:
        message = "transformers is missing; install the lab: pip install 'unmask[lab]'"
        raise ConfigError("not_installed", message) from error
    try:
        return AutoModelForImageClassification.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False
        ).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigError("bad_option", f"{folder} is no image classifier: {error}") from error


def _beside(path: Path) -> Bundle:
    """The bundle of an ONNX file whose card lies beside it."""
    for place in (path.with_suffix(".json"), path.with_name("card.json")):
        if place.is_file():
            bundle = Bundle(path.parent, cards.parse(place.read_bytes()))
            if bundle.model.name != path.name:
                raise BundleError("bundle_invalid", f"{place} is the card of {bundle.model.name}.")
            bundle.verify()
            return bundle
    message = f"{path} has no card beside it ({path.stem}.json or card.json)."
    raise BundleError("bundle_missing", message)


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError("bad_option", f"{path} cannot be read: {error}") from error
    return found if isinstance(found, Mapping) else {}


def _alarm(points: Sequence[OperatingPoint]) -> float:
    """The threshold of the highest rate of false alarms that is tolerated."""
    tolerated = [point.threshold for point in points if point.fpr <= ALARM_RATE]
    return tolerated[-1] if tolerated else 0.5


def _learnt(found: Sequence[cards.Card]) -> tuple[tuple[str, ...], bool]:
    """What detectors were trained on, and whether their cards tell of all of it."""
    sources = frozenset[str]().union(*(card.sources for card in found))
    return tuple(sorted(sources)), all(card.tells_all for card in found)


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def _unclear(id2label: Mapping[int, str]) -> ConfigError:
    told = ", ".join(map(str, id2label.values()))
    return ConfigError(
        "bad_option",
        f"The classifier's labels ({told}) do not say which is fake and which is real; name them "
        "so in id2label of its config.json.",
    )
