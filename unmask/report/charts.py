"""The page's drawings as inline SVG: the probability gauge and a video's time line.

Both are drawn in a stretched box of fixed units with strokes that do not scale, so that they fit
every width; the words beside them are ordinary text, which keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from unmask.report.plain import DIGITS
from unmask.report.words import between, clock, percent, plain
from unmask.types import Evidence, Finding, Interval

_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_TICKS = 6
_COLUMNS = 400
_STYLES = 6


class Dot(NamedTuple):
    """One judged face on the time line: seconds, probability, low, high."""

    time: float
    probability: float
    low: float
    high: float


class Peak(NamedTuple):
    """A moment whose picture is shown under the time line: its letter and its anchor."""

    letter: str
    anchor: str
    evidence: Evidence


def gauge(probability: float | None, interval: Interval | None, threshold: float) -> str:
    """A probability with its interval on a line from 0 to 100 %, the threshold marked."""
    if probability is None or not math.isfinite(probability):
        return ""
    label = f"Probability {percent(probability)}"
    if doubt := between(interval):
        label += f", 95% interval {doubt}"
    label += f", threshold {percent(threshold)}"
    side = "over" if probability >= threshold else "under"
    return (
        f'<svg class="gauge {side}" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" '
        f'aria-label="{plain(label)}"><rect class="rail" y="8.5" width="100" height="3"/>'
        f"{_band(interval)}"
        f'<path class="limit" d="M{_unit(threshold)} 0V20"/>'
        f'<path class="dot" d="M{_unit(probability)} 10h.001"/></svg>'
    )


def _band(interval: Interval | None) -> str:
    if interval is None or not all(math.isfinite(end) for end in interval):
        return ""
    left, right = _unit(interval[0]), _unit(interval[1])
    return f'<rect class="band" x="{left}" y="5" width="{right - left:.2f}" height="10"/>'


def _unit(probability: float) -> float:
    # Of the number that the report tells, so that one read again draws the same line.
    return round(100 * min(max(round(probability, DIGITS), 0), 1), 2)


def timeline(finding: Finding, threshold: float, peaks: Sequence[Peak]) -> str:
    """Scores over the seconds of a video: a line per person, forged stretches, lettered peaks."""
    tracks = _tracks(finding.faces)
    end = _end(finding)
    lines = "".join(_line(i, dots, end) for i, dots in enumerate(tracks.values()))
    shades = "".join(_shade(s.start, s.end, end) for s in finding.segments)
    limit = 100 - _unit(threshold)
    return (
        f'<div class="timeline"><div class="plot">'
        f'<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{_spoken(finding, tracks)}">'
        f'<path class="grid" d="M0 0H1000M0 50H1000M0 100H1000"/>{shades}'
        f'<path class="limit" d="M0 {limit:.2f}H1000"/>{lines}</svg>'
        f"{_scale(threshold)}{_ticks(end)}{''.join(_peak(p, end) for p in peaks)}</div>"
        f"{_legend(tracks, bool(finding.segments))}</div>"
    )


def _end(finding: Finding) -> float:
    """The length of the time line in seconds: never nothing, and never short of a face."""
    told = finding.media.duration if finding.media else None
    moments = [told or 0.0, *(evidence.time or 0.0 for evidence in finding.faces)]
    return max(1e-3, *filter(math.isfinite, moments))


def _tracks(faces: Iterable[Evidence]) -> dict[int, list[Dot]]:
    """Judged faces by person, in order of time."""
    tracks: dict[int, list[Dot]] = {}
    for face in faces:
        if face.time is None or face.probability is None:
            continue
        interval = face.interval or (face.probability, face.probability)
        dot = Dot(face.time, face.probability, *interval)
        if all(math.isfinite(value) for value in dot):
            tracks.setdefault(face.face.track, []).append(dot)
    return {track: sorted(dots) for track, dots in sorted(tracks.items())}


def _line(index: int, dots: list[Dot], end: float) -> str:
    """One person: the interval as a band, the score as a line, broken where the face was away."""
    dots = _thin(dots, end)
    steps = sorted(b.time - a.time for a, b in pairwise(dots))
    longest = 3 * steps[len(steps) // 2] if steps else 0.0
    parts: list[list[Dot]] = []
    for dot in dots:
        if parts and dot.time - parts[-1][-1].time <= longest:
            parts[-1].append(dot)
        else:
            parts.append([dot])
    line = "".join("M" + "L".join(_at(d.time, d.probability, end) for d in p) for p in parts)
    band = "".join(_ribbon(part, end) for part in parts)
    points = "".join(f"M{_at(d.time, d.probability, end)}h.01" for d in dots)
    seen = f'<path class="points" d="{points}"/>' if len(dots) <= _COLUMNS // 4 else ""
    style = f"track t{index % _STYLES}"
    return f'<g class="{style}"><path class="ribbon" d="{band}"/><path d="{line}"/>{seen}</g>'


def _thin(dots: list[Dot], end: float) -> list[Dot]:
    """At most one dot a column, the strongest, so that hours stay small and no peak is lost."""
    best: dict[int, Dot] = {}
    for dot in dots:
        column = int(_COLUMNS * dot.time / end)
        if column not in best or dot.probability > best[column].probability:
            best[column] = dot
    return list(best.values())


def _ribbon(part: list[Dot], end: float) -> str:
    there = [_at(dot.time, dot.high, end) for dot in part]
    back = [_at(dot.time, dot.low, end) for dot in reversed(part)]
    return f"M{'L'.join(there + back)}Z"


def _at(time: float, probability: float, end: float) -> str:
    return f"{1000 * time / end:.1f} {100 - _unit(probability):.2f}"


def _shade(start: float, stop: float, end: float) -> str:
    left, right = (1000 * min(max(t, 0), end) / end for t in (start, stop))
    # A stretch of a single frame has no length but must not vanish.
    return f'<rect class="shade" x="{left:.1f}" width="{max(right - left, 4):.1f}" height="100"/>'


def _scale(threshold: float) -> str:
    """The labels of the upright axis; those that the threshold's own would cover are left out."""
    limit = _unit(threshold)
    sides = "".join(
        f'<span class="y" style="bottom:{value}%">{value}%</span>'
        for value in (0, 50, 100)
        if abs(value - limit) > 9
    )
    return f'{sides}<span class="y limit" style="bottom:{limit}%">{percent(threshold)}</span>'


def _ticks(end: float) -> str:
    step = next((s for s in _STEPS if end / s <= _TICKS), end / _TICKS)
    digits = 1 if step < 1 else 0
    return "".join(
        f'<span class="x" style="left:{100 * i * step / end:.2f}%">{clock(i * step, digits)}</span>'
        for i in range(int(end / step + 1e-9) + 1)
    )


def _peak(peak: Peak, end: float) -> str:
    time, probability = peak.evidence.time or 0.0, peak.evidence.probability or 0.0
    place = f"left:{100 * time / end:.2f}%;bottom:{_unit(probability)}%"
    label = f"Moment {peak.letter}, {clock(time)}, {percent(probability)}"
    return (
        f'<a class="peak" href="#{peak.anchor}" style="{place}" aria-label="{plain(label)}">'
        f"{peak.letter}</a>"
    )


def _legend(tracks: dict[int, list[Dot]], forged: bool) -> str:
    keys = [
        f'<li><svg class="key track t{i % _STYLES}" viewBox="0 0 24 8"><path d="M0 4H24"/></svg>'
        f"Person {track + 1}</li>"
        for i, track in enumerate(tracks)
    ]
    keys.append(
        '<li><svg class="key" viewBox="0 0 24 8"><path class="limit" d="M0 4H24"/></svg>'
        "Threshold</li>"
    )
    if forged:
        keys.append(
            '<li><svg class="key" viewBox="0 0 24 8"><rect class="shade" width="24" height="8"/>'
            "</svg>Stretch over the threshold</li>"
        )
    return f'<ul class="legend">{"".join(keys)}</ul>'


def _spoken(finding: Finding, tracks: dict[int, list[Dot]]) -> str:
    """The time line in words, for those who cannot see it."""
    said = [
        f"person {track + 1} peaks at {percent(top.probability)}, {clock(top.time)}"
        for track, dots in tracks.items()
        for top in [max(dots, key=lambda dot: dot.probability)]
    ]
    said += [
        f"over the threshold from {clock(s.start)} to {clock(s.end)}" for s in finding.segments
    ]
    return plain("Probability over time: " + ("; ".join(said) or "no face could be judged") + ".")
