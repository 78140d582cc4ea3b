"""Pictures of a run: ROC, DET, reliability and scores, and AUC over severity."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench import metrics, perturb, severity
from unmask.bench.libraries import matplotlib
from unmask.bench.measures import Judged, taken, together
from unmask.bench.results import CLEAN, Row

BINS = 10
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95)


def save(rows: Sequence[Row], folder: Path, draws: int) -> list[Path]:
    """A picture of four panels for each test set and condition, one of severities where asked for.

    Args:
        rows: Of a whole run.
        folder: Made when missing.
        draws: Of the bootstrap of pooled severities.

    Raises:
        ConfigError: `not_installed` without matplotlib.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for pair in dict.fromkeys((row.case, row.condition) for row in rows):
        shown = [r for r in rows if (r.case, r.condition) == pair and r.manipulated and r.genuine]
        if shown:
            made.append(folder / f"{_plain(*pair)}.png")
            made[-1].write_bytes(_panels(shown, " · ".join(pair)))
    for pair in dict.fromkeys((row.case, row.detector) for row in rows):
        found = [row for row in rows if (row.case, row.detector) == pair]
        if len(found) > 1:
            made.append(folder / f"{_plain(*pair)}-severity.png")
            severity.draw(outcome(found, draws), made[-1])
    return made


def tables(rows: Sequence[Row], draws: int) -> str:
    """AUC and false alarms over severity as Markdown, each detector on each test set.

    Nothing when the perturbations were not all measured at the same severities.
    """
    steps = {_step(row.condition) for row in rows if row.condition != CLEAN}
    if not steps or len(steps) < len({n for n, _ in steps}) * len({s for _, s in steps}):
        return ""
    text = ""
    for pair in dict.fromkeys((row.case, row.detector) for row in rows):
        found = [row for row in rows if (row.case, row.detector) == pair]
        text += f"\n## {': '.join(pair)}\n\n{severity.markdown(outcome(found, draws))}"
    return text


def outcome(rows: Sequence[Row], draws: int) -> severity.Outcome:
    """The rows of one detector on one test set as AUC and false alarms over severity.

    Args:
        rows: One of pictures as they come, and one a perturbation and severity.
        draws: Of the bootstrap.
    """
    clean = next(row for row in rows if row.condition == CLEAN)
    cells = {_step(row.condition): row for row in rows if row.condition != CLEAN}
    points = [
        _point(perturb.get(name).family, name, level, [row], draws)
        for (name, level), row in cells.items()
    ]
    for family, level in dict.fromkeys((p.family, p.severity) for p in points):
        members = [
            r for (n, s), r in cells.items() if (perturb.get(n).family, s) == (family, level)
        ]
        points.append(_point(family, severity.POOLED, level, members, draws))
    points.sort(key=lambda point: (point.family, point.name == severity.POOLED, point.name))
    first = _point(severity.CLEAN, severity.CLEAN, 0, [clean], draws)
    return severity.Outcome(first, tuple(points), clean.judged.alarm)


def _step(condition: str) -> tuple[str, int]:
    name, _, level = condition.partition(":")
    return name, int(level)


def _point(family: str, name: str, level: int, rows: Sequence[Row], draws: int) -> severity.Point:
    pooled = together([row.judged for row in rows])
    (auc, spread), (alarms, doubt) = (taken(m, pooled, draws, 0) for m in ("auc", "alarms"))
    counts = [sum(getattr(r, n) for r in rows) for n in ("manipulated", "genuine", "unusable")]
    return severity.Point(family, name, level, auc, spread, alarms, doubt, *counts)


def _panels(rows: Sequence[Row], title: str) -> bytes:
    library = matplotlib()
    figure = library.figure.Figure(figsize=(9, 8), layout="constrained")
    roc, det, reliability, scores = figure.subplots(2, 2).ravel()
    figure.suptitle(title)
    roc.plot([0, 1], [0, 1], color="0.8", lw=1)
    reliability.plot([0, 1], [0, 1], color="0.8", lw=1)
    for number, row in enumerate(rows):
        colour, judged = f"C{number}", row.judged
        alarms, hits, _ = metrics.roc(judged.labels, judged.scores)
        roc.plot(alarms, hits, color=colour, label=f"{row.detector} {_auc(judged):.3f}")
        det.plot(_probit(alarms), _probit(1 - hits), color=colour, label=row.detector)
        reliability.plot(*zip(*_reliability(judged), strict=True), "o-", color=colour, ms=4)
        for label, style in ((0, "--"), (1, "-")):
            values = judged.probabilities()[judged.labels == label]
            told = f"{row.detector}, {'manipulated' if label else 'genuine'}"
            scores.hist(values, np.linspace(0, 1, 21), histtype="step", color=colour, ls=style,
                        density=True, label=told)  # fmt: skip
    _dress(roc, "ROC", "false alarms", "hits")
    _dress(det, "DET", "false alarms", "misses")
    for axis in (det.xaxis, det.yaxis):
        axis.set_ticks(_probit(np.array(TICKS)), [f"{tick:g}" for tick in TICKS])
    _dress(reliability, "Reliability", "stated probability", "share manipulated")
    _dress(scores, "Scores", "stated probability", "density")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _dress(panel: Any, title: str, across: str, up: str) -> None:
    panel.set(title=title, xlabel=across, ylabel=up)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=6, frameon=False)


def _auc(judged: Judged) -> float:
    return metrics.auc(judged.labels, judged.scores)


def _reliability(judged: Judged) -> Iterator[tuple[float, float]]:
    """Mean stated probability and share of manipulated in each bin that holds anything."""
    stated = judged.probabilities()
    index = np.minimum((stated * BINS).astype(int), BINS - 1)
    for number in np.unique(index):
        inside = index == number
        yield float(stated[inside].mean()), float(judged.labels[inside].mean())


def _probit(rates: npt.NDArray[np.float64]) -> list[float]:
    """Rates on the scale on which normal distributions give straight lines."""
    return [NormalDist().inv_cdf(rate) for rate in np.clip(rates, 5e-4, 1 - 5e-4).tolist()]


def _plain(*words: str) -> str:
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", word).strip("-.") or "x" for word in words)
