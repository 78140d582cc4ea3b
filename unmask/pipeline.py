"""The way of a picture: read, find, cut, judge, weigh, tell; each step is a room of its own."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol

import cv2

from unmask import __version__, media
from unmask.errors import ConfigError, InputError
from unmask.faces import align, quality
from unmask.faces.find import Finder
from unmask.faces.track import Tracker
from unmask.judge import points
from unmask.judge.abstain import usable
from unmask.judge.bundle import Bundle, embedded, embedded_detectors, installed, resolve
from unmask.judge.card import Card
from unmask.judge.fuse import Fusion, fitted_for
from unmask.judge.runtime import CPU, Detector
from unmask.judge.weigh import Judged, Weigher, opinion
from unmask.media import Limits, Sampling
from unmask.types import Detector as DetectorFacts
from unmask.types import Face, Failure, Finding, Frame, Pixels, Report, Run

if TYPE_CHECKING:
    from unmask.judge.conformal import Promise

AHEAD = 2
"""Decoded frames that wait for the judge; enough to keep both sides busy, few enough for memory."""

MOST_FACES = 64
"""Largest faces judged in one frame; a stadium is not worth an hour."""


def check(
    paths: str | Path | Iterable[str | Path],
    *,
    detectors: Sequence[str] | None = None,
    finder: str | None = None,
    at: str = "fpr=0.05",
    promise: float | None = None,
    limits: Limits | None = None,
    sampling: Sampling | None = None,
    threads: int | None = None,
) -> Report:
    """Examine photos, videos and folders.

    Args:
        paths: One or several; folders are walked in sorted order.
        detectors: Names or folders of bundles; those that come with Unmask by default.
        finder: Name or folder of a face finder's bundle; Unmask's own by default.
        at: Operating point: the share of genuine faces that may be called manipulated.
        promise: Share of the faces of either class that may get the wrong answer, such as 0.1;
            what cannot be told within it becomes `inconclusive`. No promise by default.
        limits: Bounds on bytes, pixels and duration.
        sampling: Which frames of a video are examined; 32, evenly spread, by default.
        threads: Inputs examined at a time; one per core by default.

    Returns:
        One finding per input, in order; a file that cannot be examined has its error in it.

    Raises:
        ConfigError: For a detector or option that does not exist, or a promise nobody can keep.
        BundleError: For a detector that cannot be used.

    Example:
        >>> check("no-such-file.jpg").findings[0].error.code
        'not_found'
    """
    given = [paths] if isinstance(paths, str | Path) else paths
    examiner = Examiner(
        detectors=detectors,
        finder=finder,
        at=at,
        promise=promise,
        limits=limits,
        sampling=sampling,
        threads=threads,
    )
    walked = media.walk(str(path) for path in given)
    return Report(examiner.run, tuple(examiner.stream(walked)))


def list_detectors() -> tuple[str, ...]:
    """Names of the detectors that can be used here: those that come with Unmask, then others."""
    names = dict.fromkeys([*embedded(), *installed()])
    return tuple(name for name in names if resolve(name).card.detects)


class Examiner:
    """Everything loaded once, ready for any number of inputs.

    Args:
        detectors: As for `check`, and so are all others but the last two.
        pictures: Whether findings hold the frame, the faces and heat maps; reports for people
            need them, and making them takes a twentieth of the time.
        history: As for `unmask.media.open_media`.

    Attributes:
        run: How its findings are made.
    """

    def __init__(
        self,
        *,
        detectors: Sequence[str] | None = None,
        finder: str | None = None,
        at: str = "fpr=0.05",
        promise: float | None = None,
        limits: Limits | None = None,
        sampling: Sampling | None = None,
        threads: int | None = None,
        pictures: bool = True,
        history: bool = True,
    ) -> None:
        rate = points.parse(at)
        with ThreadPoolExecutor() as pool:  # opening a network is most of a cold start
            detecting = pool.map(_opened, detectors or embedded_detectors())
            opened = pool.submit(lambda: load_finder(resolve(finder or "face-finder")))
            media.prepare()
            self._detectors, self._finder = list(detecting), opened.result()
        cards = [detector.card for detector in self._detectors]
        self._fusion = fitted_for(cards)
        self._threshold = points.fused_threshold(cards, rate, self._fusion)
        self._alone = {card.name: points.threshold(card, rate) for card in cards}
        self._promise = None if promise is None else _promise(cards, self._fusion, promise)
        self._limits, self._sampling = limits or Limits(), sampling or Sampling()
        self._threads = threads or os.cpu_count() or 1
        self._pictures, self._history = pictures, history
        self.run = Run(
            version=__version__,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            provider=CPU,
            threads=self._threads,
            operating_point=at if promise is None else f"{at} promise={promise:g}",
            threshold=self._threshold,
            detectors=tuple(
                DetectorFacts(c.name, c.version, c.model.sha256, points.threshold(c, rate))
                for c in cards
            ),
        )

    def stream(self, paths: Iterable[str]) -> Iterator[Finding]:
        """Findings in the order of `paths`, several inputs at a time, as soon as they are there."""
        waiting: deque[Future[Finding]] = deque()
        todo = iter(paths)
        with ThreadPoolExecutor(self._threads, "unmask") as pool:
            try:
                for path in islice(todo, 2 * self._threads):
                    waiting.append(pool.submit(self.examine, path))
                while waiting:
                    yield waiting.popleft().result()
                    for path in islice(todo, 1):
                        waiting.append(pool.submit(self.examine, path))
            finally:
                pool.shutdown(cancel_futures=True)

    def examine(self, path: str | Path, progress: Callable[[float], None] | None = None) -> Finding:
        """The finding about one file; what is wrong with the file is told in it, not raised.

        Args:
            path: Of the file.
            progress: Told after each frame which share of the file is behind it, 0..1.
        """
        try:
            with media.open_media(
                path, limits=self._limits, sampling=self._sampling, history=self._history
            ) as source:
                return self._weigh(source, progress or _unheard)
        except InputError as error:
            return _failed(path, error)
        except (ArithmeticError, LookupError, TypeError, ValueError, cv2.error) as error:
            # A defect of ours or of a library's; thousands of good files must not wait for it.
            logging.getLogger("unmask").exception("defect while examining %r", str(path))
            return _failed(path, InputError("internal", f"Unmask failed on it: {error!r}."))

    def _weigh(self, source: media.Source, progress: Callable[[float], None]) -> Finding:
        weigher = Weigher(
            source.media,
            self._threshold,
            self._fusion,
            promise=self._promise,
            alone=self._alone,
            pictures=self._pictures,
        )
        video = source.media.kind == "video"
        tracker, duration = Tracker() if video else None, source.media.duration
        for frame in _ahead(source.frames()) if video else source.frames():
            with align.shared(frame.pixels):
                faces = self._finder.find(frame.pixels)[:MOST_FACES]
                if tracker:
                    faces = tracker.update(frame.pixels, faces)
                weigher.add(frame, self._judge(frame, faces))
            progress(min(1.0, (frame.time or 0.0) / duration) if duration else 1.0)
        return weigher.finish()

    def _judge(self, frame: Frame, faces: Sequence[Face]) -> list[Judged]:
        """Every usable face before every detector, in one batch each."""
        measured = [replace(f, quality=quality.assess(frame.pixels, f)) for f in faces]
        ready = [face for face in measured if usable(face)]
        grades = [face.quality.score if face.quality else None for face in ready]
        columns = []
        for detector in self._detectors:
            crops = [align.cut(frame.pixels, face, detector.card.crop) for face in ready]
            told = zip(ready, crops, detector.score(crops, grades), strict=True)
            columns.append([opinion(detector.card, *one) for one in told])
        opinions = iter(zip(*columns, strict=True))
        return [Judged(face, next(opinions) if usable(face) else ()) for face in measured]


def _unheard(share: float) -> None:
    """Progress that nobody asked for."""


def _promise(cards: Sequence[Card], fusion: Fusion, error: float) -> Promise:
    from unmask.judge.conformal import promise  # seldom wanted, and start-up counts

    return promise(cards, fusion, error)


def _failed(path: str | Path, error: InputError) -> Finding:
    return Finding(
        path=str(path),
        kind="unknown",
        sha256=None,
        verdict=None,
        probability=None,
        interval=None,
        reasons=(error.code,),
        notes=(error.message,),
        error=Failure(error.code, error.message),
    )


class FindsFaces(Protocol):
    """Any face finder: Unmask's own or another one behind the same call."""

    def find(self, pixels: Pixels) -> list[Face]:
        """All faces, the largest first."""
        ...


def load_finder(bundle: Bundle) -> FindsFaces:
    """The finder that a bundle holds: Unmask's own kind, or OpenCV's YuNet.

    Raises:
        ConfigError: `bad_option` for a bundle of another task.
    """
    if bundle.card.task != "face-finder":
        raise ConfigError("bad_option", f"{bundle.card.name} is no face finder.")
    if bundle.card.options.get("runtime") == "opencv-yunet":
        from unmask.faces.opencv_yunet import YuNet

        return YuNet(bundle)
    return Finder(bundle)


def _opened(name: str) -> Detector:
    return Detector(resolve(name))


def _ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Decode in a thread of its own while earlier frames are judged.

    The thread ends when the frames do, or when nobody wants them any more.
    """
    waiting: Queue[Frame | BaseException | None] = Queue(AHEAD)
    unwanted = Event()

    def decode() -> None:
        try:
            for frame in frames:
                waiting.put(frame)
                if unwanted.is_set():
                    return
            waiting.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over, and raised by the other side
            waiting.put(error)

    worker = Thread(target=decode, name="unmask-decode", daemon=True)
    worker.start()
    try:
        while isinstance(item := waiting.get(), Frame):
            yield item
        if isinstance(item, BaseException):
            raise item
    finally:
        unwanted.set()
        while worker.is_alive():
            if not waiting.empty():
                waiting.get()
            worker.join(0.01)
