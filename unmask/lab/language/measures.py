"""What a face-language model knows without further training, on faces kept back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unmask.bench.metrics import auc
from unmask.lab.data.dev import UNSEEN_SETS
from unmask.lab.language.captions import FACTS, prompts, truth
from unmask.lab.language.network import Network
from unmask.lab.language.vocabulary import own
from unmask.lab.method import Batch
from unmask.lab.pretraining.probe import probe

LEAST = 8
"""Faces of a label or of a value below which a measure says nothing."""


@dataclass(frozen=True)
class Seen:
    """Faces kept back, as the model sees them; n rows each.

    Attributes:
        image, text: Unit vectors of a face and of its caption.
        pooled: The image tower's features.
        facts, said: As `unmask.lab.language.told.Tell` gives them.
        label: 1 forged, 0 genuine.
        plain: Whether nothing was done to the face.
        source, unit: Set and person or video.
    """

    image: Tensor
    text: Tensor
    pooled: Tensor
    facts: Tensor
    said: Tensor
    label: Tensor
    plain: Tensor
    source: list[str]
    unit: list[str]


def measure(network: Network, batches: Iterable[Batch]) -> dict[str, float]:
    """All measures.

    Returns:
        "auc", how well the prompts for fake and genuine tell the untouched faces of a set apart,
        on the mean over sets, with "auc_SET" of each and "unseen", the mean over those no training
        sees; "probe" and "probe_SET", what a linear classifier reads from the features;
        "retrieval", the share of faces whose best caption, of all that are true or false of it, is
        true, and "chance" of that; "fact_NAME", how often the prompts for a fact's values name the
        right one, every value weighing the same, and "facts", the mean over all of them.
    """
    seen = look(network, batches)
    return forged(network, seen) | retrieval(seen) | attributes(network, seen)


def look(network: Network, batches: Iterable[Batch]) -> Seen:
    """Run both towers over everything."""
    parts: dict[str, list[Tensor]] = {}
    names: dict[str, list[str]] = {"set": [], "unit": []}
    for batch in batches:
        pooled = network.pooled(colours(batch["image"]))
        image = network.clip.visual_projection(pooled).float()
        rows = {"image": image, "text": network.texts(batch["text"]), "pooled": pooled.float()}
        rows |= {name: batch[name] for name in ("facts", "said", "label", "plain")}
        for name, value in rows.items():
            parts.setdefault(name, []).append(value.cpu())
        for name, values in names.items():
            values += batch[name]
    joined = {name: torch.cat(values) for name, values in parts.items()}
    joined["image"] = torch.nn.functional.normalize(joined["image"], dim=1)
    return Seen(**joined, source=names["set"], unit=names["unit"])


def forged(network: Network, seen: Seen) -> dict[str, float]:
    """Zero-shot and probed AUC of forged against genuine faces within each set."""
    towards = meaning(network, "verdict")
    plain = seen.plain.bool().numpy()
    score = (seen.image @ (towards[1] - towards[0])).double().numpy()[plain]
    label, source = seen.label.numpy()[plain], np.array(seen.source)[plain]
    found = {}
    for name in np.unique(source).tolist():
        here = source == name
        if np.bincount(label[here], minlength=2).min() >= LEAST:
            found[f"auc_{name}"] = auc(label[here], score[here])
    unseen = [value for name, value in found.items() if name[4:] in UNSEEN_SETS]
    means = {"auc": _mean(found.values()), "unseen": _mean(unseen)}
    unit = np.array(seen.unit)[plain].tolist()
    read = probe(seen.pooled.double().numpy()[plain], label.tolist(), source.tolist(), unit)
    return means | found | {name.replace("auc", "probe"): value for name, value in read.items()}


def retrieval(seen: Seen, most: int = 1024) -> dict[str, float]:
    """How often a face's best caption is true of it, among those of at most `most` faces."""
    step = max(1, len(seen.image) // most)
    true, false = truth(seen.facts[::step], seen.said[::step])
    fits = (seen.image[::step] @ seen.text[::step].T).masked_fill(~(true | false), -2.0)
    best = true.gather(1, fits.argmax(1, keepdim=True)).float().mean()
    chance = (true.sum(1) / (true | false).sum(1)).mean()
    return {"retrieval": float(best), "chance": float(chance)}


def attributes(network: Network, seen: Seen) -> dict[str, float]:
    """How often prompts name the right value of a fact, over values that enough faces have."""
    found = {}
    for place, fact in enumerate(FACTS):
        right = seen.facts[:, place].long()
        common = [v for v in range(len(FACTS[fact])) if int((right == v).sum()) >= LEAST]
        if len(common) > 1:
            fits = seen.image @ meaning(network, fact)[common].T
            named = torch.tensor(common)[fits.argmax(1)]
            each = [(named[right == v] == v).float().mean() for v in common]
            found[f"fact_{fact}"] = float(torch.stack(each).mean())
    return {"facts": _mean(found.values())} | found


def meaning(network: Network, fact: str) -> Tensor:
    """The mean vector of the prompts for each value of a fact, shape (values, joint)."""
    rows = []
    for value in FACTS[fact]:
        ids = torch.tensor([own().encode(text) for text in prompts(fact, value)])
        rows.append(network.texts(ids.to(network.clip.device)).mean(0).cpu())
    return torch.nn.functional.normalize(torch.stack(rows), dim=1)


def colours(image: Tensor) -> Tensor:
    """Bytes to -1..1; anything else is left as it is."""
    return image.float() / 127.5 - 1 if image.dtype == torch.uint8 else image


def _mean(values: Iterable[float]) -> float:
    """The mean; one half of nothing, as a coin would have it."""
    known = list(values)
    return float(np.mean(known)) if known else 0.5
