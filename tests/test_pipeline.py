"""The whole way of a picture, on the samples that come with the package."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import unmask
from unmask import pipeline
from unmask.errors import ConfigError, InputError
from unmask.media import Sampling
from unmask.pipeline import Examiner, check, list_detectors
from unmask.types import Frame

SAMPLES = Path(unmask.__file__).parent / "samples"


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(sampling=Sampling(frames=8), threads=2)


def test_a_portrait_has_one_judged_face(examiner: Examiner) -> None:
    finding = examiner.examine(SAMPLES / "portrait.jpg")
    assert finding.kind == "image"
    assert finding.error is None
    assert finding.probability is not None
    assert {score.detector for score in finding.faces[0].scores} == set(list_detectors())
    x0, y0, x1, y1 = finding.faces[0].face.box
    assert x0 < 225 < x1  # the eyes of the portrait lie near (225, 105)
    assert y0 < 105 < y1


def test_a_landscape_is_a_finding_without_a_face(examiner: Examiner) -> None:
    finding = examiner.examine(SAMPLES / "landscape.jpg")
    assert (finding.verdict, finding.probability) == ("inconclusive", None)
    assert finding.reasons == ("no_face",)


def test_a_broken_file_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    good = str(SAMPLES / "landscape.jpg")
    report = check([good, str(bad), str(tmp_path / "gone.png"), good])
    codes = [f.error.code if f.error else None for f in report.findings]
    assert codes[0] is None
    assert codes[1] in InputError.CODES
    assert codes[2:] == ["not_found", None]
    assert report.findings[1].sha256 is None
    assert report.exit_code == 3


def test_order_and_results_do_not_depend_on_threads() -> None:
    paths = [str(p) for p in sorted(SAMPLES.glob("*.jpg"))] * 2
    one, two = (check(paths, threads=n).findings for n in (1, 2))
    assert [f.path for f in two] == paths
    assert [f.probability for f in one] == [f.probability for f in two]


def test_a_video_is_examined_along_its_length(examiner: Examiner) -> None:
    finding = examiner.examine(SAMPLES / "video.mp4")
    times = [evidence.time for evidence in finding.faces]
    assert finding.kind == "video"
    assert all(time is not None for time in times)
    assert min(t for t in times if t is not None) < 2
    assert max(t for t in times if t is not None) > 8


def test_the_run_names_what_took_part(examiner: Examiner) -> None:
    assert examiner.run.provider == "CPUExecutionProvider"
    assert {d.name for d in examiner.run.detectors} == set(list_detectors())
    assert all(len(d.sha256) == 64 for d in examiner.run.detectors)
    assert 0 < examiner.run.threshold < 1


@pytest.mark.parametrize(
    "options",
    [
        {"detectors": ["crystal-ball"]},
        {"at": "fpr=2"},
        {"at": "tpr=0.1"},
        {"finder": list_detectors()[0]},
        {"detectors": ["face-finder"]},
    ],
)
def test_what_cannot_be_is_refused_before_work_begins(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Examiner(**options)  # type: ignore[arg-type]


def test_a_stream_can_be_left(examiner: Examiner) -> None:
    stream = examiner.stream(str(SAMPLES / "landscape.jpg") for _ in range(1000))
    assert next(stream).reasons == ("no_face",)
    started = time.monotonic()
    stream.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 30


def test_a_defect_costs_one_file_not_the_run(
    examiner: Examiner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pixels: np.ndarray) -> list[object]:
        raise ValueError("out of faces")

    with monkeypatch.context() as patch:
        patch.setattr(examiner._finder, "find", fail)
        finding = examiner.examine(SAMPLES / "portrait.jpg")
    assert finding.error is not None
    assert finding.error.code == "internal"
    assert "out of faces" in finding.error.message
    assert examiner.examine(SAMPLES / "portrait.jpg").error is None


def frames(count: int) -> Iterator[Frame]:
    for index in range(count):
        yield Frame(np.zeros((2, 2, 3), np.uint8), index, index / 25)


def test_decoding_runs_ahead_in_order() -> None:
    assert [frame.index for frame in pipeline._ahead(frames(50))] == list(range(50))


def test_an_error_while_decoding_reaches_the_judge() -> None:
    def broken() -> Iterator[Frame]:
        yield from frames(3)
        raise InputError("truncated", "It ends too early.")

    seen = []
    with pytest.raises(InputError, match="truncated"):
        seen.extend(pipeline._ahead(broken()))


def test_frames_nobody_wants_end_the_decoder() -> None:
    before = threading.active_count()
    wanted = pipeline._ahead(frames(10_000))
    next(wanted)
    wanted.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_pictures_are_made_only_when_wanted() -> None:
    portrait = str(SAMPLES / "portrait.jpg")
    full, bare = (Examiner(pictures=wanted).examine(portrait) for wanted in (True, False))
    assert full.preview is not None
    assert full.faces[0].crop is not None
    assert full.faces[0].heat is not None
    assert bare.preview is None
    assert bare.faces[0].crop is None
    assert bare.faces[0].heat is None
    assert (bare.verdict, bare.probability) == (full.verdict, full.probability)


def test_without_history_nothing_that_is_weighed_is_missing(tmp_path: Path) -> None:
    picture = cv2.resize(cv2.imread(str(SAMPLES / "portrait.jpg")), (640, 640))
    path = tmp_path / "coarse.jpg"
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 15])
    full, bare = (Examiner(history=wanted).examine(path) for wanted in (True, False))
    assert "heavy_compression" in full.reasons
    assert (bare.verdict, bare.reasons) == (full.verdict, full.reasons)
    told, left = ({fact.name for fact in f.media.facts} for f in (full, bare) if f.media)
    assert told - left == {"jpeg.double_compression"}


BOUNDS = {"manipulated": [{"error": 0.1, "probability": 0.3}]}


def test_a_promise_turns_what_it_cannot_tell_into_an_open_answer(tiny_bundle: Any) -> None:
    crop = {"mean": [0.0, 0.0, 0.0], "std": [0.01, 0.01, 0.01]}
    sure = {"genuine": [{"error": 0.1, "probability": 0.8}]} | BOUNDS
    never = {"genuine": [{"error": 0.1, "probability": 1.0}]} | BOUNDS
    found = {}
    for name, stated in (("sure", sure), ("never", never)):
        bundle = tiny_bundle(name, crop=crop, conformal=stated)
        asked = {"detectors": [str(bundle.folder)]}
        report = check(SAMPLES / "portrait.jpg", promise=0.1, **asked)
        assert report.run.operating_point == "fpr=0.05 promise=0.1"
        assert check(SAMPLES / "portrait.jpg", **asked).run.operating_point == "fpr=0.05"
        found[name] = report.findings[0]
    assert found["sure"].verdict == "likely_manipulated"
    assert (found["never"].verdict, found["never"].reasons) == ("inconclusive", ("undecided",))


def test_the_quality_reaches_the_calibration_and_the_domain(tiny_bundle: Any) -> None:
    flat = {"slope": 1.0, "intercept": 0.0, "middle": 9.0, "steepness": 50.0}
    crop = {"mean": [0.0, 0.0, 0.0], "std": [0.01, 0.01, 0.01]}
    spread = {"features": ["noise"], "mean": [50.0], "precision": [[1.0]], "threshold": 1.0}
    bundle = tiny_bundle(
        crop=crop,
        calibration={"kind": "quality", "parameters": flat},
        domain=spread | {"factor": 1.5},
    )
    finding = check(SAMPLES / "portrait.jpg", detectors=[str(bundle.folder)]).findings[0]
    (score,) = finding.faces[0].scores
    assert score.raw > 5
    assert score.probability == pytest.approx(0.5)  # so blind that the logit says nothing
    assert finding.reasons == ("unfamiliar",)


def test_a_plain_check_does_not_pay_for_what_no_card_states(tiny_bundle: Any) -> None:
    asked = str(SAMPLES / "portrait.jpg"), [str(tiny_bundle().folder)]
    code = (
        "import sys, unmask; "
        f"unmask.check({asked[0]!r}, detectors={asked[1]!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "unmask.judge.weigh" in loaded
    assert not {"unmask.judge.conformal", "unmask.judge.domain"} & set(loaded)
