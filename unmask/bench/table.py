"""From scores to the table: one row a family, condition and detector, each with its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.bench import metrics
from unmask.bench.families import Item
from unmask.bench.scoring import Scored
from unmask.bench.shortcut import rival


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        family: Of `unmask.bench.families`.
        condition: "as it comes" or "worn".
        detector: Name of its bundle.
        auc: Of the test split.
        interval: 95 %, units resampled.
        eer: Equal error rate.
        hits: Share of manipulated faces found at 5 % false alarms in this very family.
        manipulated: Pictures judged.
        genuine: Pictures judged.
        units: People or videos among them.
        unjudged: Pictures without a face, or with one the crop recipe refuses; in no figure.
        shortcut: AUC of the baseline on the same pictures.
        shortcut_interval: As above.
        shortcut_fit: How the baseline was trained: "train split" or "cross-fitted".
    """

    family: str
    condition: str
    detector: str
    auc: float
    interval: tuple[float, float]
    eer: float
    hits: float
    manipulated: int
    genuine: int
    units: int
    unjudged: int
    shortcut: float
    shortcut_interval: tuple[float, float]
    shortcut_fit: str


def rows(
    family: str, condition: str, items: Sequence[Item], scored: Sequence[Scored | None]
) -> list[Row]:
    """One row per detector; none for a detector that refused every picture of either class.

    Args:
        family: Name for the table.
        condition: Name for the table.
        items: Of one family, all splits.
        scored: For each item.
    """
    made = [(item, row) for item, row in zip(items, scored, strict=True) if row is not None]
    test = [(item, row) for item, row in made if item.split == "test"]
    baseline, how = _baseline(made)
    names = sorted({name for _, row in test for name in row.logits})
    return [
        _row(family, condition, name, test, baseline, how)
        for name in names
        if {item.label for item, row in test if row.logits.get(name) is not None} == {0, 1}
    ]


def markdown(table: Sequence[Row]) -> str:
    """The table for people.

    Example:
        >>> markdown([]).splitlines()[0].split("|")[1].strip()
        'family'
    """
    head = (
        "family", "condition", "detector", "AUC (95 %)", "EER", "TPR at 5 % FPR",
        "manipulated / genuine", "units", "not judged", "shortcut AUC (95 %)",
    )  # fmt: skip
    lines = [joined(head), joined(["---"] * len(head))]
    for r in table:
        shortcut = figure(r.shortcut, r.shortcut_interval)
        cells = (
            r.family, r.condition, r.detector, figure(r.auc, r.interval), f"{r.eer:.3f}",
            f"{r.hits:.2f}", f"{r.manipulated} / {r.genuine}", str(r.units), str(r.unjudged),
            shortcut + (" ×" if r.shortcut_fit == "cross-fitted" else ""),
        )  # fmt: skip
        lines.append(joined(cells))
    return "\n".join(lines) + "\n"


Pairs = Sequence[tuple[Item, Scored]]
Floats = npt.NDArray[np.float64]


def _row(family: str, condition: str, name: str, test: Pairs, baseline: Floats, how: str) -> Row:
    judged = [
        (i, item, row) for i, (item, row) in enumerate(test) if row.logits.get(name) is not None
    ]
    labels = np.array([item.label for _, item, _ in judged])
    units = [item.unit for _, item, _ in judged]
    scores = np.array([row.logits[name] for _, _, row in judged], np.float64)
    rivals = baseline[[i for i, _, _ in judged]]
    return Row(
        family=family,
        condition=condition,
        detector=name,
        auc=metrics.auc(labels, scores),
        interval=metrics.interval(metrics.auc, labels, scores, units),
        eer=metrics.eer(labels, scores),
        hits=metrics.tpr_at_fpr(labels, scores, 0.05),
        manipulated=int(labels.sum()),
        genuine=int((1 - labels).sum()),
        units=len(set(units)),
        unjudged=len(test) - len(judged),
        shortcut=metrics.auc(labels, rivals),
        shortcut_interval=metrics.interval(metrics.auc, labels, rivals, units),
        shortcut_fit=how,
    )


def _baseline(made: Pairs) -> tuple[Floats, str]:
    """The baseline's scores for the test items, and how it was trained."""
    train = [(item, row) for item, row in made if item.split != "test"]
    test = [(item, row) for item, row in made if item.split == "test"]
    return rival(
        ([row.features for _, row in train], [item.label for item, _ in train]),
        ([row.features for _, row in test], [item.label for item, _ in test]),
        [item.unit for item, _ in test],
    )


def figure(value: float, bounds: tuple[float, float]) -> str:
    """A value with its interval, as tables show it."""
    return f"{value:.3f} ({bounds[0]:.3f}–{bounds[1]:.3f})"


def joined(cells: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
