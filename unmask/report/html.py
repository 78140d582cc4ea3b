"""One self-contained page: verdicts first, then the evidence for each input.

The page asks for nothing from outside and runs no script; its content security policy forbids
both. It is written piece by piece. Its frame and its looks are `page/page.html` and
`page/page.css`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import resources
from string import Template
from typing import TextIO

from unmask.report import overlays
from unmask.report.charts import gauge
from unmask.report.sections import describe, icon, section
from unmask.report.words import (
    STATES,
    between,
    clip,
    count,
    escape,
    false_alarms,
    moment,
    percent,
    state,
    under_prior,
)
from unmask.types import Finding, Report, Run

SUFFIX = ".html"
MOST_FULL = 200
MOST_OPENED = 12
_BREAK = "<!-- findings -->"
_PRIORS = (0.5, 0.1, 0.01, 0.001)
_EXAMPLES = (0.7, 0.9, 0.99)

Numbered = tuple[int, Finding]


def write(report: Report, stream: TextIO) -> None:
    """Write the page, strongest evidence first."""
    for piece in _pieces(report):
        stream.write(piece)


def _pieces(report: Report) -> Iterator[str]:
    ranked = sorted(enumerate(report.findings, start=1), key=_rank)
    top, bottom = _asset("page.html").split(_BREAK)
    values = _frame(report) | {"table": "".join(_row(*pair, report.run) for pair in ranked)}
    yield Template(top).substitute(values)
    for place, (number, finding) in enumerate(ranked):
        yield from section(number, finding, report.run, place < MOST_FULL, place < MOST_OPENED)
    yield Template(bottom).substitute(values)


def _rank(pair: Numbered) -> tuple[int, float]:
    return state(pair[1]).order, -(pair[1].probability or 0.0)


def _asset(name: str) -> str:
    return resources.files("unmask.report").joinpath("page", name).read_text("utf-8")


def _frame(report: Report) -> dict[str, str]:
    run = report.run
    return {
        "style": _asset("page.css"),
        "ramp": _ramp(),
        "inputs": count(len(report.findings), "input"),
        "tally": _tally(report),
        "created": escape(moment(run.created)),
        "version": escape(run.version),
        "provider": escape(run.provider),
        "threads": str(run.threads),
        "point": escape(run.operating_point),
        "threshold": percent(run.threshold),
        "promise": _promise(run),
        "detectors": _detectors(run),
        "priors": _priors(),
        "left_out": _left_out(len(report.findings)),
    }


def _ramp() -> str:
    """The colours of the heat map as a CSS gradient."""
    stops = overlays.palette()[::51]
    return f"linear-gradient(90deg,{','.join('#' + bytes(stop).hex() for stop in stops)})"


def _tally(report: Report) -> str:
    counts = Counter(state(finding) for finding in report.findings)
    return "".join(
        f'<li class="{what.key}">{icon(what.key)}<b>{counts[what]:,}</b> {what.title}</li>'
        for what in STATES
        if counts[what]
    )


def _row(number: int, finding: Finding, run: Run) -> str:
    what = state(finding)
    doubt = between(finding.interval)
    shown = f"<b>{percent(finding.probability)}</b>" + (f" <small>{doubt}</small>" if doubt else "")
    return (
        f'<tr class="{what.key}"><td class="number">{number}</td>'
        f'<th scope="row">{icon(what.key)}<span>{what.title}</span></th>'
        f'<td class="value">{gauge(finding.probability, finding.interval, run.threshold)}{shown}'
        f'</td><td class="input"><a href="#input-{number}"><bdi class="name">'
        f"{escape(clip(finding.path, 120))}</bdi></a><small>{describe(finding)}</small></td></tr>\n"
    )


def _promise(run: Run) -> str:
    """What the operating point means, as far as its kind is known."""
    alarms = false_alarms(run.operating_point)
    if not alarms:
        return ""
    return (
        f"It was chosen so that {alarms} unmanipulated faces reach it by mistake, on pictures "
        "like those it was set with; on other pictures the share can be higher. "
        "The more faces are examined, the more false alarms are to be expected."
    )


def _detectors(run: Run) -> str:
    return "".join(
        f'<tr><th scope="row">{escape(d.name)}</th><td>{escape(d.version)}</td>'
        f"<td>{percent(d.threshold)}</td><td><code>{escape(d.sha256)}</code></td></tr>"
        for d in run.detectors
    )


def _priors() -> str:
    """The same evidence where forgeries are rarer than the calibration assumes."""
    names = ("1 in 2 (assumed here)", "1 in 10", "1 in 100", "1 in 1,000")
    return "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{percent(under_prior(p, prior))}</td>" for p in _EXAMPLES)
        + "</tr>"
        for name, prior in zip(names, _PRIORS, strict=True)
    )


def _left_out(inputs: int) -> str:
    if inputs <= MOST_FULL:
        return ""
    return (
        f'<p class="hint">The {MOST_FULL} inputs with the strongest evidence are shown in full. '
        "To keep this page small, the others are told without pictures and with their strongest "
        "face only; the JSON and CSV reports hold everything.</p>"
    )
