"""One input of the HTML page: the answer, the time line, the faces, the file's own facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unmask.report import overlays
from unmask.report.charts import Peak, gauge, timeline
from unmask.report.words import (
    FAILED,
    between,
    clip,
    clock,
    count,
    escape,
    percent,
    plain,
    state,
    where,
)
from unmask.types import Evidence, Finding, Media, Quality, Run, Score

PREVIEW_SIDE = 960
CROP_SIDE = 288
HEAT_SIDE = 96
MOST_CARDS = 12
MOST_ROWS = 300
MOST_TEXT = 600
_PEAKS = "ABCDEFGHIJKL"


def icon(key: str) -> str:
    """The sign of a state; its meaning always stands beside it in words."""
    return f'<svg class="icon" aria-hidden="true"><use href="#sign-{key}"/></svg>'


def section(number: int, finding: Finding, run: Run, shown: bool, opened: bool) -> Iterator[str]:
    """All about one input, in pieces; pictures only if `shown`, unfolded if `opened`."""
    what = state(finding)
    yield (
        f'<details class="finding {what.key}"{" open" * opened}><summary>'
        f'<span class="number">{number}</span>{icon(what.key)}'
        f'<h3><span class="verdict">{what.title}</span> '
        f'<bdi class="name">{escape(clip(finding.path, 120))}</bdi></h3>'
        f'<span class="figure">{percent(finding.probability)}</span></summary>'
        f'<div class="body" id="input-{number}">'
    )
    preview = _preview(finding, run) if shown else ""
    yield f'<div class="answer">{preview}{_answer(finding, run)}</div>'
    peaks = _peaks(number, finding)
    if finding.kind == "video" and finding.faces:
        yield _video(finding, run, peaks, shown)
    yield from _faces(number, finding, run, shown)
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
    if finding.notes:
        said.append(f"<h4>Why</h4>{_list(finding.notes)}")
    if what is not FAILED:
        said.append('<p class="hint">' + _MEANING[what.key] + "</p>")
    return f'<div class="words">{"".join(said)}{_file(finding)}</div>'


_MEANING = {
    "manipulated": "A strong reason to look closer. Not a proof, and no word on who did it or why.",
    "inconclusive": "The scores decide neither way. Look for a better copy of the same picture.",
    "none": "This does not show that the picture is unmanipulated: the detectors know only the "
    "traces they were trained on, and copies wash traces out.",
    "noface": "Unmask judges faces only. It says nothing about the rest of the picture.",
}


def _certainty(finding: Finding, threshold: float) -> str:
    doubt = between(finding.interval)
    worst = " for the worst face" if len({e.face.track for e in finding.faces}) > 1 else ""
    return (
        f'<p class="certainty"><b>{percent(finding.probability)}</b> probability of manipulation'
        f"{worst}{f', 95% interval {doubt}' if doubt else ''}</p>"
        f"{gauge(finding.probability, finding.interval, threshold)}"
        f'<p class="ends"><span>0%</span><span>Threshold {percent(threshold)}</span>'
        f"<span>100%</span></p>"
    )


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(clip(s, MOST_TEXT))}</li>" for s in dict.fromkeys(sentences))
    return f"<ul>{items}</ul>" if items else ""


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
            over=_over(evidence, run.threshold),
        )
        for label, evidence in numbered
        for x0, y0, x1, y1 in [evidence.face.box]
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
    time = _strongest(finding.faces).time
    together = [(e.face.track + 1, e) for e in finding.faces if e.time == time]
    return together, f" of the frame at {clock(time)}"


def _strongest(faces: Iterable[Evidence]) -> Evidence:
    return max(faces, key=_strength)


def _strength(evidence: Evidence) -> float:
    return -1.0 if evidence.probability is None else evidence.probability


def _over(evidence: Evidence, threshold: float) -> bool:
    return evidence.probability is not None and evidence.probability >= threshold


def _peaks(number: int, finding: Finding) -> list[Peak]:
    """The strongest moments whose crops were kept, lettered in the order of time."""
    kept = [e for e in finding.faces if e.crop is not None and e.time is not None]
    best = sorted(kept, key=_strength, reverse=True)[: len(_PEAKS)]
    best.sort(key=lambda e: (e.time or 0.0, e.face.track))
    return [Peak(x, f"input-{number}-{x}", e) for x, e in zip(_PEAKS, best, strict=False)]


def _video(finding: Finding, run: Run, peaks: list[Peak], shown: bool) -> str:
    stretches = [
        f"<li><b>{clock(s.start)} to {clock(s.end)}</b> person {s.track + 1}, "
        f"up to {percent(s.probability)}</li>"
        for s in finding.segments
    ]
    told = f'<ul class="stretches">{"".join(stretches)}</ul>' if stretches else ""
    strip = "".join(_moment(peak, run.threshold) for peak in peaks) if shown else ""
    return (
        f"<h4>Over time</h4>{told}{timeline(finding, run.threshold, peaks if shown else [])}"
        f"{f'<ol class=strip>{strip}</ol>' if strip else ''}"
    )


def _moment(peak: Peak, threshold: float) -> str:
    evidence = peak.evidence
    side = "over" if _over(evidence, threshold) else "under"
    return (
        f'<li id="{peak.anchor}"><figure>{_heated(evidence) or _crop(evidence)}'
        f'<figcaption><span class="letter">{peak.letter}</span> {clock(evidence.time)} '
        f'<b class="{side}">{percent(evidence.probability)}</b><br>Person {evidence.face.track + 1}'
        f"</figcaption></figure></li>"
    )


def _faces(number: int, finding: Finding, run: Run, shown: bool) -> Iterator[str]:
    """Cards of the strongest faces; a table of all when the cards cannot tell everything."""
    if not finding.faces:
        return
    video = finding.kind == "video"
    cards = _best_of_tracks(finding) if video else list(enumerate(finding.faces, start=1))
    cards = sorted(cards, key=lambda pair: _strength(pair[1]), reverse=True)[:MOST_CARDS]
    yield f"<h4>{'People, each at the strongest moment' if video else 'Faces'}</h4>"
    for label, evidence in cards:
        name = f"Person {label} at {clock(evidence.time)}" if video else f"Face {label}"
        yield _card(f"input-{number}-face-{label}", name, evidence, run, shown)
    if video or len(finding.faces) > len(cards):
        yield _every(finding)


def _best_of_tracks(finding: Finding) -> list[tuple[int, Evidence]]:
    tracks: dict[int, list[Evidence]] = {}
    for evidence in finding.faces:
        tracks.setdefault(evidence.face.track, []).append(evidence)
    return [(track + 1, _strongest(seen)) for track, seen in tracks.items()]


def _card(anchor: str, name: str, evidence: Evidence, run: Run, shown: bool) -> str:
    looks = _looks(anchor, evidence) if shown else ""
    return (
        f'<article class="face" id="{anchor}"><h5>{name}</h5>{looks}'
        f'<div class="told">{_scores(evidence, run)}{_quality(evidence)}</div></article>'
    )


def _looks(anchor: str, evidence: Evidence) -> str:
    """The crop, and beside it the same crop under its heat map, which a box takes off."""
    if evidence.crop is None:
        return ""
    figures = f"<figure>{_crop(evidence)}<figcaption>As the detector saw it</figcaption></figure>"
    if heated := _heated(evidence):
        figures += (
            f'<figure><input type="checkbox" id="{anchor}-heat" checked>{heated}'
            f'<figcaption><label for="{anchor}-heat">Heat map</label>'
            f'<span class="ramp">weak<i></i>strong</span></figcaption></figure>'
        )
    return f'<div class="looks">{figures}</div>'


def _crop(evidence: Evidence, alt: str = "The face, cut out.") -> str:
    if evidence.crop is None:
        return ""
    uri = overlays.data_uri(overlays.shrink(evidence.crop.pixels, CROP_SIDE))
    return f'<img src="{uri}" alt="{alt}">'


def _heated(evidence: Evidence) -> str:
    if evidence.crop is None or evidence.heat is None:
        return ""
    layer = overlays.shrink(overlays.heat_map(evidence.heat), HEAT_SIDE)
    alt = f"Heat map: strongest at the {where(evidence.heat)}."
    return (
        f'<span class="stack">{_crop(evidence, "")}'
        f'<img class="heat" src="{overlays.data_uri(layer)}" alt="{alt}"></span>'
    )


def _scores(evidence: Evidence, run: Run) -> str:
    thresholds = {detector.name: detector.threshold for detector in run.detectors}
    if evidence.probability is None:
        return "<p><b>Not judged.</b> No detector could say anything about this face.</p>"
    rows = _score("All together", evidence, run.threshold, "")
    for score in evidence.scores:
        threshold = thresholds.get(score.detector, run.threshold)
        rows += _score(score.detector, score, threshold, f"raw {score.raw:+.2f}")
    return (
        '<table class="scores"><thead><tr><th scope="col">Detector</th><th scope="col">'
        'Probability and its 95% interval</th><th scope="col">Threshold</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _score(name: str, value: Evidence | Score, threshold: float, raw: str) -> str:
    side = "over" if (value.probability or 0) >= threshold else "under"
    return (
        f'<tr><th scope="row">{escape(name)}{f"<small>{raw}</small>" if raw else ""}</th>'
        f"<td>{gauge(value.probability, value.interval, threshold)}"
        f'<span class="value"><b class="{side}">{percent(value.probability)}</b> '
        f"<small>{between(value.interval)}</small></span></td>"
        f"<td>{percent(threshold)}<small>{'reached' if side == 'over' else 'not reached'}</small>"
        f"</td></tr>"
    )


def _quality(evidence: Evidence) -> str:
    quality = evidence.face.quality
    doubts = _list([*evidence.reasons, *(quality.reasons if quality else ())])
    told = f"<h6>Reasons to doubt the score</h6>{doubts}" if doubts else ""
    return told + (_parts(quality) if quality else "")


def _parts(quality: Quality) -> str:
    items = "".join(
        f"<li>{escape(name)} {_bar(part)} <span>{part:.2f}</span></li>"
        for name, part in [("all together", quality.score), *quality.parts.items()]
    )
    return (
        f"<h6>How well this face can be judged</h6>"
        f'<ul class="quality">{items}</ul><p class="hint">0 useless, 1 ideal; the weakest part '
        f"decides. Side of the face: {quality.size:.0f} px.</p>"
    )


def _bar(part: float) -> str:
    # Not a number compares as false, and then draws an empty bar.
    width = 100 * min(part, 1.0) if part > 0 else 0.0
    return (
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="rail" width="100" height="6"/><rect width="{width:.0f}" height="6"/></svg>'
    )


def _every(finding: Finding) -> str:
    """Every examined face in numbers, folded away."""
    names = list(dict.fromkeys(s.detector for e in finding.faces for s in e.scores))
    head = ["Time" if finding.kind == "video" else "Face", "Person", "All together", "95% interval"]
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in [*head, *names, "Quality"])
    rows = "".join(
        f"<tr><td>{clock(e.time, 2) if finding.kind == 'video' else i}</td><td>{e.face.track + 1}"
        f"</td><td>{percent(e.probability)}</td><td>{between(e.interval)}</td>"
        f"{_each(e, names)}<td>{f'{e.face.quality.score:.2f}' if e.face.quality else '–'}</td></tr>"
        for i, e in enumerate(finding.faces[:MOST_ROWS], start=1)
    )
    more = len(finding.faces) - MOST_ROWS
    rest = f'<p class="hint">{more:,} more are in the JSON and CSV reports.</p>' if more > 0 else ""
    return (
        f'<details class="every"><summary>All {count(len(finding.faces), "examined face")}'
        f'</summary><div class="wide"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{rest}</details>"
    )


def _each(evidence: Evidence, names: list[str]) -> str:
    found = {score.detector: score.probability for score in evidence.scores}
    return "".join(f"<td>{percent(found.get(name))}</td>" for name in names)


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
    parts += [f"forged from {clock(s.start)}" for s in finding.segments[:1]]
    return plain("; ".join(parts))
