"""One input of the HTML page: the answer, the time line, the faces, the file's own facts."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from unmask.report import overlays
from unmask.report.cards import MOST_TEXT, faces, is_over, sentences, strongest, video
from unmask.report.charts import gauge
from unmask.report.words import (
    FAILED,
    NO_FACE,
    between,
    clip,
    clock,
    count,
    escape,
    percent,
    plain,
    state,
)
from unmask.types import Evidence, Finding, Media, Run

PREVIEW_SIDE = 960


def icon(key: str) -> str:
    """The sign of a state; its meaning always stands beside it in words."""
    return f'<svg class="icon" aria-hidden="true"><use href="#sign-{key}"/></svg>'


def section(number: int, finding: Finding, run: Run, full: bool, opened: bool) -> Iterator[str]:
    """All about one input, in pieces; in short unless `full`, unfolded if `opened`."""
    what = state(finding)
    certain = "" if finding.probability is None else percent(finding.probability)
    yield (
        f'<details class="finding {what.key}"{" open" * opened}><summary>'
        f'<span class="number">{number}</span>{icon(what.key)}'
        f'<h3><span class="verdict">{what.title}</span> '
        f'<bdi class="name">{escape(clip(finding.path, 120))}</bdi></h3>'
        f'<span class="figure">{certain}</span></summary>'
        f'<div class="body" id="input-{number}">'
    )
    preview = _preview(finding, run) if full else ""
    yield f'<div class="answer">{preview}{_answer(finding, run)}</div>'
    if finding.kind == "video" and finding.faces:
        yield video(number, finding, run, full)
    yield from faces(number, finding, run, full)
    yield _facts(finding.media)
    yield "</div></details>\n"


def _answer(finding: Finding, run: Run) -> str:
    what = state(finding)
    said = [f'<p class="verdict">{icon(what.key)}{what.title}</p>']
    if finding.probability is not None:
        said.append(_certainty(finding, run.threshold))
    if finding.error:
        message = escape(clip(finding.error.message, MOST_TEXT))
        said.append(f"<p>{message} <code>{escape(finding.error.code)}</code></p>")
    if what is not FAILED:
        said.append(f"<p>{_MEANING[what.key]}</p>")
    if finding.notes and what is not NO_FACE:
        said.append(f"<h4>Reasons to doubt this answer</h4>{sentences(finding.notes)}")
    return f'<div class="words">{"".join(said)}{_file(finding)}</div>'


_MEANING = {
    "manipulated": "The score reaches the threshold. That is a strong reason to look closer; it is "
    "no proof, and it does not tell who changed what, or why.",
    "inconclusive": "The evidence is too weak for either answer. Look for a better copy of the "
    "same picture.",
    "none": "The score stays below the threshold. That does not show that the picture is "
    "unmanipulated: detectors know only the traces they were trained on, and copying wears "
    "traces away.",
    "noface": "Only faces are judged, so nothing is known about this file.",
}


def _certainty(finding: Finding, threshold: float) -> str:
    doubt = between(finding.interval)
    several = len({e.face.track for e in finding.faces}) > 1
    worst = f" for the worst {'person' if finding.kind == 'video' else 'face'}" if several else ""
    return (
        f'<p class="certainty"><b>{percent(finding.probability)}</b> probability of manipulation'
        f"{worst}{f', 95% interval {doubt}' if doubt else ''}</p>"
        f"{gauge(finding.probability, finding.interval, threshold)}"
        f"{_ends(threshold)}"
    )


def _ends(threshold: float) -> str:
    """Labels under the large gauge; the threshold's own has the right of way."""
    start = "<span>0%</span>" if threshold > 0.2 else ""
    end = '<span class="last">100%</span>' if threshold < 0.8 else ""
    place = f"left:{100 * min(max(threshold, 0.08), 0.92):.1f}%"
    return (
        f'<p class="ends">{start}<span class="limit" style="{place}">'
        f"threshold {percent(threshold)}</span>{end}</p>"
    )


def _file(finding: Finding) -> str:
    rows = [("File", f'<bdi class="name">{escape(clip(finding.path, 8192))}</bdi>')]
    if finding.media:
        rows.append(("Kind", escape(_kind(finding.media))))
    if finding.sha256:
        rows.append(("SHA-256", f"<code>{escape(finding.sha256)}</code>"))
    return f'<dl class="file">{"".join(f"<dt>{n}</dt><dd>{v}</dd>" for n, v in rows)}</dl>'


def _kind(media: Media) -> str:
    parts = [f"{media.format} {media.kind}", f"{media.width} × {media.height} px"]
    if media.duration is not None:
        parts.append(clock(media.duration))
    if media.frame_rate is not None:
        parts.append(f"{media.frame_rate:.4g} frames/s")
    return ", ".join(parts)


def _preview(finding: Finding, run: Run) -> str:
    if finding.preview is None or finding.media is None:
        return ""
    pixels = overlays.shrink(finding.preview, PREVIEW_SIDE)
    scale = pixels.shape[1] / max(finding.media.width, 1)
    numbered, moment = _marked(finding)
    marks = [
        overlays.Mark(
            box=(x0 * scale, y0 * scale, x1 * scale, y1 * scale),
            label=str(label),
            over=is_over(evidence, run.threshold),
        )
        for label, evidence in numbered
        for x0, y0, x1, y1 in [evidence.face.box]
        if all(map(isfinite, evidence.face.box))
    ]
    faces = count(len(marks), "face") + " marked" if marks else "no face marked"
    return (
        f'<figure class="preview"><img src="{overlays.data_uri(overlays.boxed(pixels, marks))}" '
        f'width="{pixels.shape[1]}" height="{pixels.shape[0]}" alt="The {finding.kind}, reduced; '
        f'{faces}."><figcaption>Reduced copy{moment}, {faces}.</figcaption></figure>'
    )


def _marked(finding: Finding) -> tuple[list[tuple[int, Evidence]], str]:
    """Faces seen on the preview with their numbers, and which moment it shows."""
    if finding.kind != "video" or not finding.faces:
        return list(enumerate(finding.faces, start=1)), ""
    time = strongest(finding.faces).time
    together = [(e.face.track + 1, e) for e in finding.faces if e.time == time]
    return together, f" of the frame at {clock(time)}"


def _facts(media: Media | None) -> str:
    if media is None or not media.facts:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(fact.name)}</code></th>'
        f"<td><bdi>{escape(clip(_told(fact.value), MOST_TEXT))}</bdi></td>"
        f"<td>{escape(clip(fact.note, MOST_TEXT))}</td></tr>"
        for fact in media.facts
    )
    return (
        '<h4>Provenance</h4><p class="hint">Found in the file or estimated from it. Anyone can '
        "write such entries; they are no part of the score.</p>"
        '<div class="wide"><table class="facts"><thead><tr><th scope="col">Fact</th>'
        '<th scope="col">Value</th><th scope="col">What it may mean</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _told(value: str | float | int | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def describe(finding: Finding) -> str:
    """What an input is, in few words, for the list of verdicts; already escaped."""
    if finding.error:
        return escape(clip(finding.error.message, 160))
    if finding.kind != "video" or finding.media is None:
        return count(len(finding.faces), "face") if finding.faces else "no face"
    people = count(len({e.face.track for e in finding.faces}), "person", "people")
    parts = [f"video, {clock(finding.media.duration)}", people]
    parts += [f"over the threshold from {clock(s.start)}" for s in finding.segments[:1]]
    return plain("; ".join(parts))
