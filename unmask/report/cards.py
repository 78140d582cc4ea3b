"""The faces of one input: a card for each of the strongest, a video's moments, all in a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unmask.report import overlays
from unmask.report.charts import Peak, gauge, timeline
from unmask.report.words import between, clip, clock, count, escape, percent, where
from unmask.types import Crop, Evidence, Finding, Quality, Run, Score

CROP_SIDE = 288
THUMB_SIDE = 176
HEAT_SIDE = 96
MOST_CARDS = 12
FEW_CARDS = 4
MOST_ROWS = 300
MOST_TEXT = 600
_PEAKS = "ABCDEFGHIJKL"


def _peaks(number: int, finding: Finding) -> list[Peak]:
    """The strongest moments whose crops were kept, lettered in the order of time."""
    kept = [e for e in finding.faces if e.crop and e.probability is not None]
    best = sorted(kept, key=_strength, reverse=True)[: len(_PEAKS)]
    best.sort(key=lambda e: (e.time or 0.0, e.face.track))
    return [Peak(x, f"input-{number}-{x}", e) for x, e in zip(_PEAKS, best, strict=False)]


def video(number: int, finding: Finding, run: Run, full: bool) -> str:
    """A video's scores over time, and the pictures behind its peaks."""
    peaks = _peaks(number, finding) if full else []
    stretches = [
        f"<li>Over the threshold from <b>{clock(s.start)} to {clock(s.end)}</b>: "
        f"person {s.track + 1}, "
        f"up to {percent(s.probability)}</li>"
        for s in finding.segments
    ]
    told = f'<ul class="stretches">{"".join(stretches)}</ul>' if stretches else ""
    strip = "".join(_moment(peak, run.threshold) for peak in peaks)
    return (
        f"<h4>Over time</h4>{told}{timeline(finding, run.threshold, peaks)}"
        '<p class="hint">Dots are single frames. The verdict goes by averages over neighbouring '
        "frames, so one frame over the threshold need not decide it.</p>"
        + (f'<ol class="strip">{strip}</ol>' if strip else "")
    )


def _moment(peak: Peak, threshold: float) -> str:
    evidence = peak.evidence
    side = "over" if is_over(evidence, threshold) else "under"
    return (
        f'<li id="{peak.anchor}"><figure>{_thumb(evidence)}'
        f'<figcaption><span class="letter">{peak.letter}</span> {clock(evidence.time)} '
        f'<b class="{side}">{percent(evidence.probability)}</b><br>Person {evidence.face.track + 1}'
        f"</figcaption></figure></li>"
    )


def faces(number: int, finding: Finding, run: Run, full: bool) -> Iterator[str]:
    """Cards of the strongest faces, and a table of all where the cards cannot tell everything."""
    if not finding.faces:
        return
    video = finding.kind == "video"
    cards = _best_of_tracks(finding) if video else list(enumerate(finding.faces, start=1))
    cards.sort(key=lambda pair: _strength(pair[1]), reverse=True)
    over = sum(is_over(evidence, run.threshold) for _, evidence in cards)
    cards = cards[: min(max(over, FEW_CARDS), MOST_CARDS) if full else 1]
    yield f"<h4>{'People, each at the strongest moment' if video else 'Faces'}</h4>"
    for label, evidence in cards:
        name = f"Person {label} at {clock(evidence.time)}" if video else f"Face {label}"
        yield _card(f"input-{number}-face-{label}", name, evidence, run, full)
    if full and (video or len(finding.faces) > len(cards)):
        yield _every(finding)


def _best_of_tracks(finding: Finding) -> list[tuple[int, Evidence]]:
    tracks: dict[int, list[Evidence]] = {}
    for evidence in finding.faces:
        tracks.setdefault(evidence.face.track, []).append(evidence)
    return [(track + 1, strongest(seen)) for track, seen in tracks.items()]


def _card(anchor: str, name: str, evidence: Evidence, run: Run, full: bool) -> str:
    looks = _looks(anchor, evidence) if full else ""
    return (
        f'<article class="face" id="{anchor}"><h5>{name}</h5>{looks}'
        f'<div class="told">{_scores(evidence, run)}{_quality(evidence)}</div></article>'
    )


def _looks(anchor: str, evidence: Evidence) -> str:
    """The crop, and beside it the same crop under its heat map, which a box takes off."""
    if evidence.crop is None:
        return ""
    heated = _heated(evidence)
    # Without a heat map the crop was cut for the eye, not by a detector's recipe.
    name = "As the detector saw it" if heated else "The face"
    figures = f"<figure>{_crop(evidence.crop)}<figcaption>{name}</figcaption></figure>"
    if heated:
        figures += (
            f'<figure><input type="checkbox" id="{anchor}-heat" checked>{heated}'
            f'<figcaption><label for="{anchor}-heat">Heat map</label>'
            f'<span class="ramp">weak<i></i>strong</span></figcaption></figure>'
        )
    return f'<div class="looks">{figures}</div>'


def _thumb(evidence: Evidence) -> str:
    """Crop and heat map as one small picture, since a video shows a dozen of them."""
    if evidence.crop is None:
        return ""
    pixels = evidence.crop.pixels
    heat = evidence.heat
    shown = pixels if heat is None else overlays.blend(pixels, heat)
    uri = overlays.data_uri(overlays.shrink(shown, THUMB_SIDE))
    return f'<img src="{uri}" alt="The face{_strongest_at(evidence)}">'


def _crop(crop: Crop, alt: str = "The face, cut out.") -> str:
    uri = overlays.data_uri(overlays.shrink(crop.pixels, CROP_SIDE))
    return f'<img src="{uri}" alt="{alt}">'


def _heated(evidence: Evidence) -> str:
    if evidence.crop is None or evidence.heat is None:
        return ""
    layer = overlays.data_uri(overlays.shrink(overlays.heat_map(evidence.heat), HEAT_SIDE))
    return (
        f'<span class="stack">{_crop(evidence.crop, "")}<img class="heat" src="{layer}" '
        f'alt="Heat map{_strongest_at(evidence)}"></span>'
    )


def _strongest_at(evidence: Evidence) -> str:
    if evidence.heat is None:
        return "."
    place = where(evidence.heat)
    return f", heat strongest at the {place}." if place else ", heat weak everywhere."


def _scores(evidence: Evidence, run: Run) -> str:
    thresholds = {detector.name: detector.threshold for detector in run.detectors}
    if evidence.probability is None:
        return "<p><b>Not judged.</b> No detector could say anything about this face.</p>"
    rows = _score("All together", evidence, run.threshold) if len(evidence.scores) > 1 else ""
    for score in evidence.scores:
        threshold = thresholds.get(score.detector, run.threshold)
        rows += _score(score.detector, score, threshold, f"raw {score.raw:+.2f}".replace("-", "−"))
    return (
        '<table class="scores"><thead><tr><th scope="col">Detector</th><th scope="col">'
        'Probability and its 95% interval</th><th scope="col">Threshold</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _score(name: str, value: Evidence | Score, threshold: float, raw: str = "") -> str:
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
    doubts = sentences([*evidence.reasons, *(quality.reasons if quality else ())])
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
    lead = ["Time", "Person"] if finding.kind == "video" else ["Face"]
    titles = [*lead, "All together", "95% interval", *names, "Quality"]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    rows = "".join(
        f"<tr>{_named(i, e, finding.kind == 'video')}<td>{percent(e.probability)}</td>"
        f"<td>{between(e.interval)}</td>{_each(e, names)}"
        f"<td>{f'{e.face.quality.score:.2f}' if e.face.quality else '–'}</td></tr>"
        for i, e in enumerate(finding.faces[:MOST_ROWS], start=1)
    )
    noun = "moment" if finding.kind == "video" else "face"
    more = len(finding.faces) - MOST_ROWS
    rest = f'<p class="hint">{more:,} more are in the JSON and CSV reports.</p>' if more > 0 else ""
    return (
        f'<details class="every"><summary>{count(len(finding.faces), noun)} in numbers'
        f'</summary><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{rest}</details>"
    )


def _named(position: int, evidence: Evidence, video: bool) -> str:
    if video:
        return f"<td>{clock(evidence.time, 2)}</td><td>{evidence.face.track + 1}</td>"
    return f"<td>{position}</td>"


def _each(evidence: Evidence, names: list[str]) -> str:
    found = {score.detector: score.probability for score in evidence.scores}
    return "".join(f"<td>{percent(found.get(name))}</td>" for name in names)


def strongest(faces: Iterable[Evidence]) -> Evidence:
    """The face with the highest probability; those that were not judged come last."""
    return max(faces, key=_strength)


def _strength(evidence: Evidence) -> float:
    return -1.0 if evidence.probability is None else evidence.probability


def is_over(evidence: Evidence, threshold: float) -> bool:
    """Whether a judged face reaches the threshold."""
    return evidence.probability is not None and evidence.probability >= threshold


def sentences(said: Iterable[str]) -> str:
    """A list of sentences, each once; nothing when there are none."""
    items = "".join(f"<li>{escape(clip(s, MOST_TEXT))}</li>" for s in dict.fromkeys(said))
    return f"<ul>{items}</ul>" if items else ""
