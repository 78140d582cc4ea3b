"""Small reports, made on the spot, with something of everything in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from unmask.types import (
    Crop,
    Detector,
    Evidence,
    Face,
    Fact,
    Failure,
    Finding,
    Media,
    Quality,
    Report,
    Run,
    Score,
    Segment,
)

HASH = "0123456789abcdef" * 4
HOSTILE = "\"><script>alert(1)</script>'&<img src=x onerror=alert(1)>\u202egpj\udcff\x00\n"


def picture(width: int, height: int) -> np.ndarray:
    """A colourful ramp."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=2).astype(np.uint8)


def make_evidence(
    probability: float | None = 0.9,
    time: float | None = None,
    track: int = 0,
    *,
    shown: bool = True,
    heat: bool = True,
) -> Evidence:
    """A judged face, or one on which all abstained."""
    quality = Quality(0.4, 80.0, {"size": 0.8, "sharpness": 0.4}, ("The face is blurred.",))
    face = Face((10.0, 12.0, 40.0, 50.0), 0.97, np.ones((5, 2), np.float32), None, track, quality)
    warm = np.zeros((32, 32), np.float32)
    warm[24:30, 4:10] = 1
    crop = Crop(picture(32, 32), np.eye(2, 3)) if shown else None
    if probability is None:
        return Evidence(face, time, (), None, None, ("It is too small.",), crop)
    doubt = (max(probability - 0.1, 0.0), min(probability + 0.05, 1.0))
    scores = (
        Score("forgery", -1.25, probability, doubt),
        Score("trace", 2.5, probability / 2, (0.0, 0.7)),
    )
    layer = warm if shown and heat else None
    return Evidence(face, time, scores, probability, doubt, (), crop, layer)


def make_photo(path: str = "a.jpg", probability: float = 0.9) -> Finding:
    """A photo with one judged face and one on which the detectors abstained."""
    facts = (
        Fact("exif.software", "Paint <3", "Anyone can write it."),
        Fact("jpeg.quality", 87, "Estimated."),
        Fact("jpeg.ghost", 0.25),
        Fact("c2pa.present", False),
    )
    verdict = "likely_manipulated" if probability >= 0.6 else "no_evidence"
    return Finding(
        path=path,
        kind="image",
        sha256=HASH,
        verdict=verdict,
        probability=probability,
        interval=(probability - 0.05, probability + 0.05),
        reasons=("too_blurred",),
        notes=("The face is too blurred.",),
        faces=(make_evidence(probability), make_evidence(None, track=1)),
        media=Media(path, "image", HASH, "JPEG", 120, 90, facts=facts),
        preview=picture(60, 45),
    )


def make_video(path: str = "v.mp4") -> Finding:
    """Ten seconds whose second half is over the threshold; person 2 comes and goes."""
    faces = [
        make_evidence(0.9 if t >= 5 else 0.1, float(t), shown=t in (2, 5, 7), heat=t != 2)
        for t in range(10)
    ]
    faces += [make_evidence(0.3, t, 1, shown=False) for t in (0.0, 1.0, 2.0, 8.0, 9.0)]
    faces.append(make_evidence(None, 3.0, 1, shown=False))
    return Finding(
        path=path,
        kind="video",
        sha256=HASH,
        verdict="likely_manipulated",
        probability=0.88,
        interval=(0.8, 0.93),
        reasons=(),
        faces=tuple(faces),
        segments=(Segment(5.0, 10.0, 0, 0.88),),
        media=Media(path, "video", HASH, "MP4", 120, 90, 10.0, 25.0),
        preview=picture(60, 45),
    )


def make_no_face(path: str = "landscape.png") -> Finding:
    """A picture without a face."""
    return Finding(
        path=path,
        kind="image",
        sha256=HASH,
        verdict="inconclusive",
        probability=None,
        interval=None,
        reasons=("no_face",),
        notes=("No face was found; nothing was judged.",),
        media=Media(path, "image", HASH, "PNG", 120, 90),
        preview=picture(60, 45),
    )


def make_failure(path: str = "broken.mp4", message: str = "The file ends too early.") -> Finding:
    """An input that could not be examined."""
    return Finding(path, "unknown", None, None, None, None, (), error=Failure("truncated", message))


RUN = Run(
    "0.1.0",
    "2025-11-20T20:31:07Z",
    "CPUExecutionProvider",
    2,
    "fpr=0.05",
    0.6,
    (Detector("forgery", "1.0", HASH, 0.64), Detector("trace", "2.1", HASH, 0.55)),
)


@pytest.fixture
def make() -> Callable[..., Report]:
    """Make a report of the given findings; without any, of one of each kind."""

    def build(*findings: Finding) -> Report:
        mixed = (
            make_photo("calm.jpg", 0.07),
            make_photo(),
            make_no_face(),
            make_video(),
            make_failure(),
        )
        return Report(RUN, findings or mixed)

    return build


@pytest.fixture
def hostile() -> Report:
    """Every text that comes from outside tries to break out."""
    photo = make_photo(HOSTILE)
    bad = HOSTILE
    media = replace(
        photo.media, path=bad, format=bad, facts=(Fact(bad, bad, bad), Fact("n", float("nan")))
    )
    quality = Quality(float("nan"), float("inf"), {bad: float("nan")}, (bad,))
    face = replace(photo.faces[0].face, quality=quality, box=(float("nan"), 0.0, 1e9, -1e9))
    score = Score(bad, float("inf"), float("nan"), (float("nan"), 1.0))
    good = replace(photo.faces[0], scores=(score,), reasons=(bad,), face=face)
    odd = replace(good, probability=float("nan"), interval=(float("nan"), float("inf")))
    video = make_video(bad)
    run = Run(bad, bad, bad, 1, bad, 0.6, (Detector(bad, bad, bad, float("nan")),))
    return Report(
        run,
        (
            replace(photo, media=media, faces=(good, odd), reasons=(bad,), notes=(bad,)),
            replace(video, media=replace(video.media, duration=float("nan"), format=bad)),
            make_failure(bad, bad),
            make_failure("x" * 4000),
        ),
    )
