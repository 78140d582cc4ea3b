"""What a run found: a row a test set, condition and detector, and the table for people.

Every row carries its own counts, the share of what could not be judged, and the shortcut baseline
on exactly the samples that this detector judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench import metrics, pooled
from unmask.bench.adapters import Judge
from unmask.bench.cases import TestSet, key, unit
from unmask.bench.measures import Judged, taken
from unmask.bench.panel import Look, told
from unmask.bench.protocol import Protocol
from unmask.bench.shortcut import rival
from unmask.bench.table import joined
from unmask.lab.data.layout import Sample

CLEAN = "as it comes"
_SEEN = {True: " †", None: " ?", False: ""}
Floats = npt.NDArray[np.float64]
Figure = tuple[float, tuple[float, float]]
"""A value and its 95 % interval."""


@dataclass(frozen=True, slots=True)
class Row:
    """One detector on one test set under one condition.

    Attributes:
        case: Name of the test set.
        condition: "as it comes", or a perturbation with its severity.
        detector: Its name.
        figures: What the protocol asks for, by name.
        manipulated: Videos or photos judged.
        genuine: Videos or photos judged.
        units: People or source videos among them.
        unusable: Videos or photos without a face that this detector could judge; in no figure.
        unreadable: Those among them whose file could not be read.
        threshold: Fixed on the development split; NaN where that lacks a class.
        dev: Videos or photos judged there.
        shortcut: AUC of the baseline on the same samples.
        shortcut_fit: "train split" or "cross-fitted".
        within: AUC of the baseline cross-fitted within the test set: what such cues could give at
            most, also where the training split does not teach them.
        lead: AUC less that of the run's first detector, on what both judged; `None` for itself.
        shared: Samples left out of train and dev because who they show is tested.
        seen: Whether it was trained on a set that is tested here; `None` where nobody says.
        judged: The scores behind the figures, for plots; not written.
        served: Which of its trainings answered, where it has one for each test set.
    """

    case: str
    condition: str
    detector: str
    figures: dict[str, Figure]
    manipulated: int
    genuine: int
    units: int
    unusable: int
    unreadable: int
    threshold: float
    dev: int
    shortcut: Figure
    shortcut_fit: str
    within: Figure
    lead: Figure | None
    shared: int
    seen: bool | None
    judged: Judged = field(compare=False)
    served: str = ""

    @property
    def share_unusable(self) -> float:
        """0..1."""
        total = self.manipulated + self.genuine + self.unusable
        return self.unusable / total if total else float("nan")

    def document(self) -> dict[str, Any]:
        """The row for JSON; what is undefined becomes null."""
        plain = ("case", "condition", "detector", "manipulated", "genuine", "units", "unusable")
        return {
            **{name: getattr(self, name) for name in plain},
            "unreadable": self.unreadable,
            "share_unusable": number(self.share_unusable),
            "threshold": number(self.threshold),
            "dev": self.dev,
            "figures": {name: _plain(figure) for name, figure in self.figures.items()},
            "shortcut_auc": _plain(self.shortcut),
            "shortcut_fit": self.shortcut_fit,
            "shortcut_within_auc": _plain(self.within),
            "lead_auc": None if self.lead is None else _plain(self.lead),
            "left_out_of_train_and_dev": self.shared,
            "seen": self.seen,
            "served": self.served,
        }


@dataclass(frozen=True, slots=True)
class Scored:
    """One test set, looked at.

    Attributes:
        which: The test set.
        train: For the baseline, under the same condition as the test.
        dev: As it comes.
        test: Under the condition.
    """

    which: TestSet
    train: Sequence[Look]
    dev: Sequence[Look]
    test: Sequence[Look]


@dataclass(frozen=True, slots=True)
class Table:
    """Makes rows.

    Attributes:
        protocol: What is asked.
        judges: The detectors, in the order of their scores.
        draws: Of the bootstrap.
        seed: Of the bootstrap.
        first: Name of the detector that the others are compared with; of the judges' first one
            when empty.
    """

    protocol: Protocol
    judges: Sequence[Judge]
    draws: int = 1000
    seed: int = 0
    first: str = ""

    def rows(self, scored: Scored, condition: str = CLEAN) -> list[Row]:
        """One row per detector."""
        rivals = _rivals(scored, scored.train), _rivals(scored, ())
        made = [self._row(scored, condition, index, rivals) for index in range(len(self.judges))]
        first = [row for row in made if row.detector == self._first]
        return [
            replace(row, lead=self._lead([row], first)) if row not in first else row for row in made
        ]

    def means(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Figures over all test sets, a line a condition and detector.

        Mean AUC, its lead over the first detector, its change against untouched samples, and the
        calibration error of all test sets together.
        """
        whole = [row for row in rows if row.manipulated and row.genuine]
        pairs = dict.fromkeys((row.condition, row.detector) for row in rows)
        return [self._line(whole, condition, name) for condition, name in pairs]

    @property
    def _first(self) -> str:
        return self.first or self.judges[0].name

    def _line(self, rows: Sequence[Row], condition: str, name: str) -> dict[str, Any]:
        own = [row for row in rows if (row.condition, row.detector) == (condition, name)]
        first = [row for row in rows if (row.condition, row.detector) == (condition, self._first)]
        clean = [row for row in rows if (row.condition, row.detector) == (CLEAN, name)]
        lead = None if name == self._first else self._lead(own, first)
        change = None if condition == CLEAN else self._lead(own, clean)
        return {
            "condition": condition,
            "detector": name,
            "cases": len(own),
            "auc": _plain(self._mean(own)),
            "lead_auc": None if lead is None else _plain(lead),
            "change_auc": None if change is None else _plain(change),
            "pooled_ece": _plain(pooled.ece([r.judged for r in own], self.draws, self.seed)),
        }

    def _row(
        self, scored: Scored, condition: str, index: int, rivals: Sequence[tuple[Floats, str]]
    ) -> Row:
        judge = self.judges[index]
        dev = self._judged(scored.dev, index)
        threshold = metrics.best_threshold(dev.labels, dev.scores) if dev.units else math.nan
        judged = self._judged(scored.test, index, threshold)
        looks = list(enumerate(scored.test))
        blind = {self._name(i, look) for i, look in looks if not look.features}
        others = [self._judged(scored.test, index, values=v) for v, _ in rivals]
        shortcuts = [taken("auc", other, self.draws, self.seed) for other in others]
        return Row(
            case=scored.which.name,
            condition=condition,
            detector=judge.name,
            figures={
                name: taken(name, judged, self.draws, self.seed) for name in self.protocol.metrics
            },
            manipulated=int(judged.labels.sum()),
            genuine=int((1 - judged.labels).sum()),
            units=len(set(judged.units)),
            unusable=len({self._name(i, k) for i, k in looks}) - len(judged.names),
            unreadable=len(blind - set(judged.names)),
            threshold=threshold,
            dev=len(dev.units),
            shortcut=shortcuts[0],
            shortcut_fit=rivals[0][1],
            within=shortcuts[1],
            lead=None,
            shared=scored.which.shared,
            seen=_knows(judge, scored.which.test),
            judged=judged,
        )

    def _judged(
        self,
        looks: Sequence[Look],
        index: int,
        threshold: float = math.nan,
        values: Floats | None = None,
    ) -> Judged:
        """The aggregated scores of what a detector judged; `values` replace its scores."""
        how = self.protocol.aggregation
        judged, firsts = told(looks, index, self.judges[index], how, values)
        names = [self._name(i, looks[i]) for i in firsts]
        return replace(judged, names=names, threshold=threshold)

    def _name(self, number: int, look: Look) -> tuple[object, ...]:
        """What is one thing in the table: a video or photo, or each frame."""
        frame = number if self.protocol.aggregation == "none" else 0
        return (*key(look.sample), look.sample.label, frame)

    def _mean(self, rows: Sequence[Row]) -> Figure:
        """Mean AUC as the lead over a detector that says nothing, whose AUC is a half."""
        silent = [replace(r, judged=replace(r.judged, scores=0 * r.judged.scores)) for r in rows]
        lead = self._lead(rows, silent)
        if lead is None:
            return math.nan, (math.nan, math.nan)
        value, (low, high) = lead
        return value + 0.5, (low + 0.5, high + 0.5)

    def _lead(self, own: Sequence[Row], first: Sequence[Row]) -> Figure | None:
        """Paired difference of the AUC, averaged over test sets, on what both judged."""
        firsts = {row.case: row.judged for row in first}
        found = []
        for row in (row for row in own if row.case in firsts):
            other, judged = firsts[row.case], row.judged
            theirs = dict(zip(other.names, other.scores.tolist(), strict=True))
            found += [
                (label, score, theirs[name], who, row.case)
                for label, score, name, who in zip(
                    judged.labels.tolist(), judged.scores.tolist(), judged.names, judged.units,
                    strict=True,
                )
                if name in theirs
            ]  # fmt: skip
        if not found:
            return None
        labels, a, b, units, sets = (list(column) for column in zip(*found, strict=True))
        return metrics.difference(
            metrics.auc, labels, a, b, units, strata=sets, draws=self.draws, seed=self.seed
        )


def markdown(rows: Sequence[Row], means: Sequence[dict[str, Any]]) -> str:
    """The tables for people: every row, then the means over the test sets."""
    if not rows:
        return ""
    names = list(rows[0].figures)
    head = ["test set", "condition", "detector", *names, "manipulated / genuine", "units"]
    head += ["not judged", "dev", "shortcut AUC", "shortcut within", "lead in AUC"]
    lines = [joined(head), joined(["---"] * len(head))]
    for row in rows:
        cells = [row.case, row.condition, _named(row)]
        cells += [_figure(row.figures[name]) for name in names]
        cells += [f"{row.manipulated} / {row.genuine}", str(row.units)]
        cells += [f"{row.unusable} ({row.share_unusable:.1%})", str(row.dev)]
        cells += [_figure(row.shortcut) + (" ×" if row.shortcut_fit == "cross-fitted" else "")]
        cells.append(_figure(row.within))
        lines.append(joined([*cells, "" if row.lead is None else _figure(row.lead)]))
    head = ["condition", "detector", "test sets", "mean AUC", "lead in mean AUC"]
    head += ["change against untouched", "ECE of all sets"]
    lines += ["", joined(head), joined(["---"] * len(head))]
    for mean in means:
        cells = [mean["condition"], mean["detector"], str(mean["cases"])]
        figures = [mean[name] for name in ("auc", "lead_auc", "change_auc", "pooled_ece")]
        lines.append(joined([*cells, *("" if f is None else _read(f) for f in figures)]))
    return "\n".join(lines) + "\n"


def number(value: float) -> float | None:
    """A number for JSON, which knows neither NaN nor infinity.

    Example:
        >>> number(0.123456789), number(float("nan"))
        (0.123457, None)
    """
    return round(float(value), 6) if math.isfinite(value) else None


def _named(row: Row) -> str:
    """The detector's name, with what casts doubt on this row."""
    served = f" ({row.served})" if row.served not in ("", row.case) else ""
    return f"{row.detector}{served}{_SEEN[row.seen]}"


def _knows(judge: Judge, samples: Sequence[Sample]) -> bool | None:
    tested = {word for sample in samples for word in (sample.source, *sample.source.split("/"))}
    if tested & set(judge.seen):
        return True
    return False if judge.told else None


def _rivals(scored: Scored, learnt: Sequence[Look]) -> tuple[Floats, str]:
    """The baseline's score of each test look, NaN where the file was not read."""
    train = [look for look in learnt if look.features]
    rows = [i for i, look in enumerate(scored.test) if look.features]
    test = [scored.test[i] for i in rows]
    scores = np.full(len(scored.test), np.nan)
    if not test:
        return scores, "cross-fitted"
    found, how = rival(
        ([look.features for look in train], [look.sample.label for look in train]),
        ([look.features for look in test], [look.sample.label for look in test]),
        [unit(look.sample) for look in test],
    )
    scores[rows] = found
    return scores, how


def _plain(figure: Figure) -> dict[str, Any]:
    value, (low, high) = figure
    return {"value": number(value), "interval": [number(low), number(high)]}


def _figure(figure: Figure) -> str:
    value, (low, high) = figure
    return f"{value:.3f} ({low:.3f}–{high:.3f})" if math.isfinite(value) else "–"


def _read(figure: dict[str, Any]) -> str:
    nan = math.nan
    values = [nan if v is None else v for v in (figure["value"], *figure["interval"])]
    return _figure((values[0], (values[1], values[2])))
