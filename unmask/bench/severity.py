"""How far a detector holds: AUC and false alarms over severity, by perturbation and family.

Both classes go through the same perturbation with the same chances. A family's row pools the
pictures of all its perturbations, so that it also counts when one of them shifts every score.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench import metrics, perturb
from unmask.bench.families import Item
from unmask.bench.libraries import matplotlib
from unmask.bench.table import figure, joined
from unmask.errors import ConfigError
from unmask.types import Interval, Pixels

Score = Callable[[Pixels], float | None]
"""Higher is more suspicious; `None` where the detector could not judge, for want of a face."""

POOLED = "all"
"""Name of a family's row over all its perturbations."""
CLEAN = "clean"
COLUMNS = 4
"""Panels beside each other in the figure."""


@dataclass(frozen=True, slots=True)
class Point:
    """One severity of one perturbation.

    Attributes:
        family: Of `unmask.bench.perturb`, or "clean".
        name: Of the perturbation, or "all" for the family's pictures together.
        severity: 1..5, and 0 for clean pictures.
        auc: Of manipulated against genuine pictures, both perturbed.
        interval: Of the AUC, 95 %, units resampled.
        alarms: Share of genuine pictures at or above the threshold.
        alarms_interval: As above.
        manipulated: Pictures judged.
        genuine: Pictures judged.
        unjudged: Pictures that the detector could not judge; in no figure.
    """

    family: str
    name: str
    severity: int
    auc: float
    interval: Interval
    alarms: float
    alarms_interval: Interval
    manipulated: int
    genuine: int
    unjudged: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured.

    Attributes:
        clean: Without any perturbation.
        points: A row for each perturbation and severity and then for the family, in this order.
        threshold: At which `alarms` were counted.
        missing: Perturbations for which this machine lacks a codec.
    """

    clean: Point
    points: tuple[Point, ...]
    threshold: float
    missing: tuple[str, ...] = ()


def measure(
    items: Sequence[Item],
    score: Score,
    chosen: Sequence[str] | None = None,
    *,
    threshold: float,
    severities: Sequence[int] = perturb.SEVERITIES,
    seed: int = 0,
    draws: int = 1000,
) -> Outcome:
    """Score every item clean and at every severity of the chosen perturbations.

    Each picture is loaded once. Its draws follow from its key and the seed.

    Args:
        items: Of both classes; those whose picture cannot be made are left out.
        score: The detector.
        chosen: Names of perturbations; all that this machine can do by default.
        threshold: Operating point of the detector, on the scale of `score`.
        severities: Some of 1..5.
        seed: Same seed, same pictures.
        draws: Of the bootstrap.

    Raises:
        ConfigError: `bad_option` for an unknown perturbation.

    Example:
        >>> from unmask.bench.families import Item
        >>> def picture(level):
        ...     return lambda: (np.full((16, 16, 3), level, np.uint8), {})
        >>> items = [Item(str(n), n % 2, str(n), "test", picture(90 + 40 * (n % 2)))
        ...          for n in range(8)]
        >>> outcome = measure(items, lambda pixels: float(pixels.mean()), ["jpeg"],
        ...                   threshold=110, draws=20)
        >>> outcome.clean.auc, outcome.points[0].name, outcome.points[0].alarms
        (1.0, 'jpeg', 0.0)
    """
    wanted = perturb.names() if chosen is None else tuple(dict.fromkeys(chosen))
    missing = tuple(name for name in wanted if not perturb.available(name))
    cells = [(name, level) for name in wanted if name not in missing for level in severities]
    kept, table = _scored(items, score, cells, seed)
    rows = _Rows(kept, threshold, draws)
    columns = {cell: table[:, index + 1] for index, cell in enumerate(cells)}
    points = tuple(_points(rows, columns, severities))
    return Outcome(rows.point(CLEAN, CLEAN, 0, [table[:, 0]]), points, threshold, missing)


def markdown(outcome: Outcome) -> str:
    """A line for each perturbation: AUC at every severity.

    Benign edits follow in a table of their own, with false alarms instead.
    """
    levels = sorted({point.severity for point in outcome.points})
    head = ["family", "perturbation", *(f"severity {level}" for level in levels)]
    worn = [point for point in outcome.points if point.family != perturb.BENIGN]
    mild = [point for point in outcome.points if point.family == perturb.BENIGN]
    clean = outcome.clean
    lines = [
        f"Clean: AUC {figure(clean.auc, clean.interval)}, false alarms at {outcome.threshold:g}: "
        f"{figure(clean.alarms, clean.alarms_interval)}; {clean.manipulated} manipulated and "
        f"{clean.genuine} genuine, {clean.unjudged} not judged.",
        *_table("AUC (95 %)", head, worn, lambda p: figure(p.auc, p.interval)),
        *_table("False alarms (95 %)", head, mild, lambda p: figure(p.alarms, p.alarms_interval)),
    ]
    if outcome.missing:
        lines += ["", f"No codec here for: {', '.join(outcome.missing)}."]
    return "\n".join(lines) + "\n"


def draw(outcome: Outcome, path: Path) -> None:
    """Save the picture of AUC over severity, a panel a family; PNG or SVG by the suffix.

    Thin lines are perturbations, the thick one with its interval is the family's. The panel of
    benign edits shows false alarms.

    Raises:
        ConfigError: `not_installed` without matplotlib; `unknown_format` for another suffix.
    """
    library = matplotlib()
    if path.suffix.lower() not in {".png", ".svg"}:
        raise ConfigError("unknown_format", f"A figure ends in .png or .svg: {path.name!a}.")
    families = list(dict.fromkeys(point.family for point in outcome.points))
    lines = max(1, -(-len(families) // COLUMNS))
    figure = library.figure.Figure(figsize=(3.6 * COLUMNS, 2.9 * lines), layout="constrained")
    for index, family in enumerate(families):
        panel = figure.add_subplot(lines, COLUMNS, index + 1)
        _panel(panel, outcome.clean, [p for p in outcome.points if p.family == family])
    stream, kind = io.BytesIO(), path.suffix.lower()[1:]
    # A fixed salt and no date: the same data give the same bytes.
    with library.rc_context({"svg.hashsalt": "unmask"}):
        dated = {"Date": None} if kind == "svg" else {}
        figure.savefig(stream, format=kind, dpi=120, metadata=dated)
    path.write_bytes(stream.getvalue())


@dataclass(frozen=True, slots=True)
class _Rows:
    """Turns columns of scores, NaN where nothing was judged, into points."""

    items: Sequence[Item]
    threshold: float
    draws: int

    def point(
        self, family: str, name: str, severity: int, columns: Sequence[npt.NDArray[np.float64]]
    ) -> Point:
        scores = np.concatenate(columns)
        judged = ~np.isnan(scores)
        labels = np.array([item.label for item in self.items] * len(columns), int)
        units = np.array([item.unit for item in self.items] * len(columns), object)
        genuine = judged & (labels == 0)
        auc, spread = self._with_interval(metrics.auc, labels, scores, units, judged)
        alarms, doubt = self._with_interval(self._share, labels, scores, units, genuine)
        return Point(
            family, name, severity, auc, spread, alarms, doubt,
            int((judged & (labels == 1)).sum()), int(genuine.sum()), int((~judged).sum()),
        )  # fmt: skip

    def _share(self, labels: Any, scores: Any) -> float:
        return float(np.mean(scores >= self.threshold))

    def _with_interval(
        self, metric: metrics.Metric, labels: Any, scores: Any, units: Any, rows: Any
    ) -> tuple[float, Interval]:
        if not rows.any():
            return float("nan"), (float("nan"), float("nan"))
        chosen = labels[rows], scores[rows]
        spread = metrics.interval(metric, *chosen, list(units[rows]), draws=self.draws)
        return metric(*chosen), spread


def _scored(
    items: Sequence[Item], score: Score, cells: Sequence[tuple[str, int]], seed: int
) -> tuple[list[Item], npt.NDArray[np.float64]]:
    """Items whose picture could be made, and a row of scores for each: clean, then the cells."""
    kept, rows = [], []
    for item in items:
        picture = item.load()
        if picture is None:
            continue
        own = int.from_bytes(sha256(f"{seed}/{item.key}".encode()).digest()[:8], "little")
        row = [score(picture[0])]
        row += [score(perturb.apply(name, picture[0], level, own)) for name, level in cells]
        kept.append(item)
        rows.append([np.nan if value is None else value for value in row])
    return kept, np.array(rows, np.float64).reshape(len(kept), len(cells) + 1)


def _points(
    rows: _Rows,
    columns: dict[tuple[str, int], npt.NDArray[np.float64]],
    severities: Sequence[int],
) -> Iterator[Point]:
    names = list(dict.fromkeys(name for name, _ in columns))
    for family in dict.fromkeys(perturb.get(name).family for name in names):
        members = [name for name in names if perturb.get(name).family == family]
        for name in members:
            for level in severities:
                yield rows.point(family, name, level, [columns[name, level]])
        for level in severities:
            yield rows.point(family, POOLED, level, [columns[name, level] for name in members])


def _table(
    title: str, head: Sequence[str], points: Sequence[Point], cell: Callable[[Point], str]
) -> list[str]:
    if not points:
        return []
    lines = ["", title, "", joined(head), joined(["---"] * len(head))]
    for family, name in dict.fromkeys((point.family, point.name) for point in points):
        row = [cell(p) for p in points if (p.family, p.name) == (family, name)]
        lines.append(joined([family, name, *row]))
    return lines


def _panel(panel: Any, clean: Point, points: Sequence[Point]) -> None:
    benign = points[0].family == perturb.BENIGN
    what, spread = ("alarms", "alarms_interval") if benign else ("auc", "interval")
    for name in dict.fromkeys(point.name for point in points):
        line = [clean, *(point for point in points if point.name == name)]
        levels = [point.severity for point in line]
        pooled = name == POOLED
        colour = {"color": "black"} if pooled else {}
        values = [getattr(point, what) for point in line]
        panel.plot(levels, values, lw=2.4 if pooled else 1, label=name, **colour)
        if pooled:
            bounds = np.array([getattr(point, spread) for point in line]).T
            panel.fill_between(levels, *bounds, color="black", alpha=0.12, lw=0)
    values = [value for point in points if math.isfinite(value := getattr(point, what))]
    lowest = min([0.0 if benign else 0.4, *values])
    panel.set(title=points[0].family, xlabel="severity", ylim=(lowest, 1.02))
    panel.set_ylabel("false alarms" if benign else "AUC")
    panel.legend(fontsize=6, frameon=False)
