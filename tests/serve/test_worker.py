"""What a worker does and what an export makes of it, in this process."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

import unmask
from tests.serve.running import eventually
from unmask.conformance import SAMPLES
from unmask.errors import ServeError
from unmask.report import render
from unmask.serve import export, pictures, results, worker
from unmask.serve.folder import Folder
from unmask.types import Report

OPTIONS = {"detectors": None, "at": "fpr=0.05", "promise": None, "frames": 6, "fps": None}
NAMES = ("portrait_forged.jpg", "landscape.jpg", "video.mp4", "golden.json")


@pytest.fixture(scope="module")
def report() -> Report:
    """About samples of every kind, one of which cannot be examined."""
    made = unmask.check([SAMPLES / name for name in NAMES], sampling=unmask.Sampling(frames=6))
    assert made.findings[3].error
    return made


@pytest.fixture
def written(report: Report, tmp_path: Path) -> dict[str, bytes]:
    results.write(report, tmp_path / "out")
    return parts(tmp_path / "out")


def parts(path: Path) -> dict[str, bytes]:
    """What results consist of."""
    with ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class Told(io.BytesIO):
    """What a worker says."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


def job(tmp_path: Path, *names: str, **options: Any) -> worker.Job:
    files = [(str(SAMPLES / name), f"sent {name}") for name in names]
    return worker.Job(files, OPTIONS | options, {}, ["x"], str(tmp_path / "out"))


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[worker.Line, Told]]:
    """Pipes of a worker whose server says nothing for now."""
    asked, end = os.pipe()
    monkeypatch.setattr(worker, "EVERY", 0.0)
    monkeypatch.setattr(worker.os, "_exit", lambda code: None)
    told = Told()
    with os.fdopen(asked, "rb") as reading, os.fdopen(end, "wb"):
        yield worker.Line(told, reading), told


def test_a_job_is_done(line: Any, tmp_path: Path) -> None:
    worker._work(job(tmp_path, "portrait_forged.jpg", "video.mp4", "golden.json"), line[0])
    *before, writing, last = line[1].messages
    assert writing == {"writing": True}
    shares = [message["progress"] for message in before]
    assert shares == sorted(shares)
    assert [0, 1.0] in shares
    assert len([share for file, share in shares if file == 1]) == 7
    done = last["done"]
    assert done["exit_code"] == 1
    assert [one["name"] for one in done["verdicts"]] == [
        "sent portrait_forged.jpg",
        "sent video.mp4",
        "sent golden.json",
    ]
    assert [one["verdict"] for one in done["verdicts"]] == [*["likely_manipulated"] * 2, None]
    written = parts(tmp_path / "out")
    assert str(SAMPLES) not in written["report.json"].decode()
    assert set(written) > {"report.json", "pictures.json"}


def test_no_picture_is_kept_of_a_job_that_asks_for_none(line: Any, tmp_path: Path) -> None:
    worker._work(job(tmp_path, "portrait_forged.jpg", "video.mp4", pictures=False), line[0])
    written = parts(tmp_path / "out")
    assert set(written) == {"report.json", "pictures.json"}
    again = results.read(written.get)
    assert [finding.verdict for finding in again.findings] == ["likely_manipulated"] * 2
    assert "data:image" not in render(again, ".html")


def test_a_job_that_cannot_be_says_why(line: Any, tmp_path: Path) -> None:
    worker._work(job(tmp_path, "portrait.jpg", detectors=["gone"]), line[0])
    assert line[1].messages[-1]["failed"]["code"] == "unknown_detector"
    assert not (tmp_path / "out").exists()


def test_results_that_find_no_room(line: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    worker._work(job(tmp_path, "landscape.jpg"), line[0])
    told = line[1].messages[-1]["failed"]
    assert told == {"code": "storage_full", "message": "The results could not be written."}


def test_half_written_results_are_removed(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pictures, "save", full)
    with pytest.raises(OSError, match="No space"):
        results.write(report, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_jobs_come_one_by_one_and_the_end_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    asked = {"files": [], "options": {}, "limits": {}, "models": [], "out": "x"}
    pipe = worker.Line(Told(), io.BytesIO(json.dumps(asked).encode() + b"\n"))
    assert next(pipe.jobs()) == worker.Job(**asked)
    eventually(lambda: ended == [0])


def test_no_path_of_the_server_is_told() -> None:
    found = unmask.check(SAMPLES / "portrait.jpg").findings[0]
    path = found.path
    named = worker._named(found, path, "a.jpg")
    assert named.media.path == named.path == "a.jpg"
    broken = unmask.check(SAMPLES / "golden.json").findings[0]
    told = unmask.types.Failure("internal", f"It failed on {broken.path}.")
    renamed = worker._named(
        unmask.Finding(**{**{f: getattr(broken, f) for f in broken.__slots__}, "error": told}),
        broken.path,
        "b.json",
    )
    assert renamed.error.message == "It failed on b.json."


def test_a_report_read_again_tells_the_same(report: Report, written: dict[str, bytes]) -> None:
    again = results.read(written.get)
    for suffix in (".json", ".csv", ".jsonl"):
        assert render(again, suffix) == render(report, suffix)
    bare = [
        re.sub(r'src="data:[^"]+"|upper part|middle', "", render(r, ".html"))
        for r in (report, again)
    ]
    assert bare[0] == bare[1]
    for before, after in zip(report.findings, again.findings, strict=True):
        for one, other in zip(before.faces, after.faces, strict=True):
            assert (one.heat is None) == (other.heat is None)
            if one.heat is not None and other.heat is not None:
                assert np.abs(one.heat - other.heat).max() <= 1 / 255


def test_a_heat_map_is_laid_over_its_crop(report: Report, written: dict[str, bytes]) -> None:
    from PIL import Image

    from unmask.report.overlays import heat_map

    shown = json.loads(written["pictures.json"])
    face, evidence = shown[0]["faces"][0], report.findings[0].faces[0]
    assert evidence.crop is not None
    assert evidence.heat is not None
    with Image.open(io.BytesIO(written[face["heat"]])) as image:
        assert (np.asarray(image.convert("RGBA")) == heat_map(evidence.heat)).all()
    assert face["size"] == evidence.crop.pixels.shape[1]
    assert np.allclose(face["matrix"], evidence.crop.matrix, atol=1e-6)
    assert shown[0]["preview"]["width"] == 512
    assert shown[3] == {"preview": None, "faces": []}


def test_what_is_missing_is_missing() -> None:
    assert pictures.colours(None) is None
    assert pictures.heat(None) is None
    with pytest.raises(ValueError, match="no report"):
        results.read(lambda name: None)


def test_an_export_is_written_to_standard_output(
    report: Report, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    folder = Folder(tmp_path / "data")
    folder.analysis("id").mkdir()
    results.write(report, folder.results("id", "place"))
    export.main(str(folder.root), "id", "place", ".csv")
    assert capfdbinary.readouterr().out == render(report, ".csv").encode()
    with pytest.raises(ServeError, match="could not be made"):
        export._made(["false"])
    folder.close()
