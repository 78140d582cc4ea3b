"""The seven nouns, in the order in which a picture passes through the rooms.

    Media ──▶ Frame ──▶ Face ──▶ Crop ──▶ Score ──▶ Finding ──▶ Report

Colours are RGB. Boxes are (x0, y0, x1, y1) in pixels of the upright image. Times are seconds from
the start of a video and `None` for a photo. A higher score means: more likely manipulated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Shape (height, width, 3), RGB, 0..255."""

Points = npt.NDArray[np.float32]
"""Shape (n, 2): x, y in pixels."""

Plane = npt.NDArray[np.float32]
"""Shape (height, width), usually 0..1."""

Box = tuple[float, float, float, float]
Interval = tuple[float, float]
Kind = Literal["image", "video", "unknown"]
Verdict = Literal["likely_manipulated", "inconclusive", "no_evidence"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known about a file's history, told beside the score and never mixed into it.

    Attributes:
        name: A stable word, such as `exif.software` or `jpeg.quality`.
        value: Text or number as found or estimated.
        note: What it may mean, and what it cannot prove.
    """

    name: str
    value: str | float | int | bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A photo or a video that was opened and understood.

    Attributes:
        path: As the caller gave it.
        kind: "image" or "video".
        sha256: Of the file's bytes, hexadecimal.
        format: By content: "JPEG", "PNG", "MP4" …
        width: Pixels, upright.
        height: Pixels, upright.
        duration: Seconds; `None` for a photo.
        frame_rate: Mean frames per second; `None` for a photo.
        facts: Provenance facts.
    """

    path: str
    kind: Kind
    sha256: str
    format: str
    width: int
    height: int
    duration: float | None = None
    frame_rate: float | None = None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One upright picture.

    Attributes:
        pixels: Shape (height, width, 3), uint8 RGB.
        index: Position in the video, 0 for a photo.
        time: Seconds; `None` for a photo.
    """

    pixels: Pixels
    index: int = 0
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a face can be judged at all; each part 0 (useless) to 1 (ideal).

    Attributes:
        score: The weakest part decides.
        size: Face side in pixels, not scaled.
        parts: Name to value: `size`, `sharpness`, `exposure`, `pose`, `visibility`.
        reasons: Sentences for people, empty when nothing is wrong.
    """

    score: float
    size: float
    parts: dict[str, float]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Face:
    """A face found in a frame.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the upright frame; may reach over its edge.
        confidence: 0..1.
        points: Shape (5, 2): the eye on the picture's left, the eye on its right, the nose tip,
            the mouth corner on the left, the one on the right.
        landmarks: Shape (68, 2) in the usual 68-point order; `None` until someone located them
            (`unmask.faces.landmarks`): no detector needs them, so `check` saves the time.
        track: Number of the person followed through a video, 0 for photos' first face.
        quality: `None` until it was assessed.
    """

    box: Box
    confidence: float
    points: Points
    landmarks: Points | None = None
    track: int = 0
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Crop:
    """What a detector looks at.

    Attributes:
        pixels: Shape (size, size, 3), uint8 RGB.
        matrix: Shape (2, 3), float64: frame coordinates to crop coordinates.
        outside: Share of the crop that lies outside the frame and was filled, 0..1.
    """

    pixels: Pixels
    matrix: npt.NDArray[np.float64]
    outside: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """One detector's opinion of one face.

    Attributes:
        detector: Name of the bundle.
        raw: The model's own output (a logit); higher means more likely manipulated.
        probability: After the bundle's calibration, 0..1.
        interval: The doubt about that probability, 95 %.
        heat: Where the evidence lies: shape (h, w), 0..1, over the detector's crop; or `None`.
    """

    detector: str
    raw: float
    probability: float
    interval: Interval
    heat: Plane | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One face at one moment, weighed.

    Attributes:
        face: Where it is and how well it can be judged.
        time: Seconds; `None` for a photo.
        scores: One per detector that could judge it; empty when all abstained.
        probability: The detectors' fused, calibrated probability; `None` when all abstained.
        interval: Doubt about it, 95 %.
        reasons: Why to doubt it, sentences.
        crop: Kept for the frames that a report shows, else `None`.
        heat: Shape of `crop.pixels` without colour, 0..1; kept with `crop`.
    """

    face: Face
    time: float | None
    scores: tuple[Score, ...]
    probability: float | None
    interval: Interval | None
    reasons: tuple[str, ...] = ()
    crop: Crop | None = None
    heat: Plane | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a video in which one person's face scores over the threshold.

    Attributes:
        start: Seconds.
        end: Seconds.
        track: The person's number.
        probability: Highest windowed probability within.
    """

    start: float
    end: float
    track: int
    probability: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an input could not be examined: a code of `unmask.errors` and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer for one input.

    Attributes:
        path: As the caller gave it.
        kind: "image", "video", or "unknown" when it could not be opened.
        sha256: Of the file's bytes; `None` when they could not be read.
        verdict: Never "authentic": the absence of evidence proves nothing. `None` after an error.
        probability: Calibrated probability that the worst face is manipulated; `None` when no
            face could be judged.
        interval: Doubt about it, 95 %.
        reasons: Codes first named in `unmask.judge.weigh`: `no_face`, `face_too_small` …
        notes: The same reasons as sentences.
        faces: All faces judged; of a video evenly spread moments and the strongest ones, at most a
            thousand or so however long it is.
        segments: Stretches of a video over the threshold.
        media: What was opened; `None` after an error.
        error: Set when the input could not be examined.
        preview: A small upright picture of the photo, or of the video's strongest frame; or `None`.
    """

    path: str
    kind: Kind
    sha256: str | None
    verdict: Verdict | None
    probability: float | None
    interval: Interval | None
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()
    faces: tuple[Evidence, ...] = ()
    segments: tuple[Segment, ...] = ()
    media: Media | None = None
    error: Failure | None = None
    preview: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector that took part in a run: enough to make the run again.

    Attributes:
        name: Bundle name.
        version: Bundle version.
        sha256: Of its model file.
        threshold: Probability from which it says "manipulated" at the run's operating point.
    """

    name: str
    version: str
    sha256: str
    threshold: float


@dataclass(frozen=True, slots=True)
class Run:
    """How the answers were made.

    Attributes:
        version: Unmask's version.
        created: UTC, ISO 8601.
        provider: ONNX Runtime execution provider.
        threads: Threads per model.
        operating_point: Such as "fpr=0.05".
        threshold: Fused probability from which a face counts as over it.
        detectors: Those that took part.
    """

    version: str
    created: str
    provider: str
    threads: int
    operating_point: str
    threshold: float
    detectors: tuple[Detector, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one run, in the order of the inputs.

    Attributes:
        run: How they were made.
        findings: Exactly one per input.
    """

    run: Run
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def exit_code(self) -> int:
        """0 nothing over the threshold, 1 something over it, 3 incomplete; 1 outranks 3."""
        if any(f.verdict == "likely_manipulated" for f in self.findings):
            return 1
        if any(f.error or f.probability is None for f in self.findings):
            return 3
        return 0
