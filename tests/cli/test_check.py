from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unmask.conformance import SAMPLES
from unmask.errors import ConfigError
from unmask.media import Limits, Sampling

PORTRAIT, LANDSCAPE = SAMPLES / "portrait.jpg", SAMPLES / "landscape.jpg"


@pytest.fixture
def sure(tiny_bundle: Any) -> Path:
    """A detector that calls every face manipulated."""
    crop = {"mean": [0.0, 0.0, 0.0], "std": [0.01, 0.01, 0.01]}
    made: Path = tiny_bundle("sure", heat=True, scale=1.0, crop=crop).folder
    return made


@pytest.fixture
def calm(tiny_bundle: Any) -> Path:
    """A detector that finds nothing."""
    crop = {"mean": [0.0, 0.0, 0.0], "std": [0.01, 0.01, 0.01]}
    made: Path = tiny_bundle("calm", scale=-1.0, crop=crop).folder
    return made


def test_table_and_codes(unmask_cli: Any, sure: Path, calm: Path) -> None:
    code, out, err = unmask_cli("check", PORTRAIT, "--detectors", sure)
    head, line = out.splitlines()
    assert code == 1
    assert head.split() == ["verdict", "probability", "input"]
    assert line.startswith("likely_manipulated  1.00 (")
    assert line.endswith("portrait.jpg")
    assert err.startswith("1 inputs in ")
    code, out, _ = unmask_cli("check", PORTRAIT, "--detectors", calm)
    assert code == 0
    assert "no_evidence" in out


def test_no_face_is_incomplete(unmask_cli: Any, calm: Path) -> None:
    code, out, _ = unmask_cli("check", LANDSCAPE, PORTRAIT, "--detectors", calm)
    assert code == 3
    assert "landscape.jpg: no_face" in out.splitlines()[1]


def test_missing_file_is_a_row_and_the_others_go_on(unmask_cli: Any, sure: Path) -> None:
    code, out, _ = unmask_cli("check", "gone\x1b[2J.jpg", PORTRAIT, "--detectors", sure)
    assert code == 1
    assert "[not_found]" in out.splitlines()[1]
    assert "\x1b" not in out
    assert "portrait.jpg" in out.splitlines()[2]


@pytest.mark.parametrize("path", [PORTRAIT, LANDSCAPE, "gone.jpg"])
def test_exit_zero(unmask_cli: Any, sure: Path, path: object) -> None:
    assert unmask_cli("check", path, "--detectors", sure, "--exit-zero")[0] == 0


def test_jsonl(unmask_cli: Any, calm: Path) -> None:
    _, out, _ = unmask_cli("check", PORTRAIT, LANDSCAPE, "--detectors", calm, "--jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["portrait.jpg", "landscape.jpg"]
    assert rows[0]["faces"][0]["scores"]["calm"]["raw"] < 0


def test_reports(unmask_cli: Any, sure: Path, tmp_path: Path) -> None:
    names = [tmp_path / f"r.{suffix}" for suffix in ("json", "jsonl", "csv", "html")]
    wanted = [word for name in names for word in ("--out", name)]
    code, out, _ = unmask_cli("check", PORTRAIT, "--detectors", sure, *wanted)
    assert code == 1
    assert "portrait.jpg" in out
    assert json.loads(names[0].read_text())["findings"][0]["verdict"] == "likely_manipulated"
    assert json.loads(names[1].read_text())["verdict"] == "likely_manipulated"
    (row,) = csv.DictReader(names[2].read_text().splitlines())
    assert row["verdict"] == "likely_manipulated"
    assert "data:image/" in names[3].read_text()


def test_wrong_report_name_is_told_before_any_work(unmask_cli: Any, tmp_path: Path) -> None:
    code, out, err = unmask_cli("check", PORTRAIT, "--out", tmp_path / "r.pdf")
    assert (code, out) == (2, "")
    assert err.endswith("[unknown_format]\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--detectors", "nobody"], "unknown_detector"),
        (["--finder", "nobody"], "unknown_detector"),
        (["--at", "often"], "bad_option"),
        (["--promise", "0.1"], "bad_option"),
        (["--frames", "few"], "bad_option"),
        (["--frames", "0"], "bad_option"),
        (["--fps", "0"], "bad_option"),
        (["--frames", "3", "--fps", "1"], "bad_option"),
    ],
)
def test_wrong_options(unmask_cli: Any, calm: Path, words: list[str], code: str) -> None:
    given = [] if "--detectors" in words else ["--detectors", calm]
    ended, out, err = unmask_cli("check", PORTRAIT, *given, *words)
    assert (ended, out) == (2, "")
    assert err.startswith("error: ")
    assert err.endswith(f"[{code}]\n")
    assert err.count("\n") == 1


def test_usage_error(unmask_cli: Any) -> None:
    code, out, err = unmask_cli("check")
    assert (code, out) == (2, "")
    assert "PATH" in err


def test_options_reach_the_examiner(unmask_cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def examiner(**options: Any) -> None:
        seen.append(options)
        raise ConfigError("bad_option", "enough")

    monkeypatch.setattr("unmask.pipeline.Examiner", examiner)
    unmask_cli("check", "a", "--detectors", "a,b", "--at", "fpr=0.01", "--fps", "2", "--threads", 3)
    unmask_cli("check", "a", "--max-bytes", 10, "--max-pixels", 20, "--max-seconds", 30)
    unmask_cli("check", "a", "--frames", "all", "--finder", "yunet", "--promise", "0.1")
    assert seen[0]["detectors"] == ["a", "b"]
    assert seen[0]["at"] == "fpr=0.01"
    assert seen[0]["sampling"] == Sampling(fps=2)
    assert seen[0]["threads"] == 3
    assert seen[1]["limits"] == Limits(bytes=10, photo_bytes=10, pixels=20, seconds=30)
    assert seen[1]["sampling"] == Sampling()
    assert seen[2]["sampling"] == Sampling(frames=None)
    assert seen[2]["finder"] == "yunet"
    assert [options["promise"] for options in seen] == [None, None, 0.1]


def test_paths_from_stdin(unmask_cli: Any, calm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PORTRAIT}\n\n{LANDSCAPE}\n"))
    _, out, err = unmask_cli("check", "-", "--detectors", calm)
    assert len(out.splitlines()) == 3
    assert err.startswith("2 inputs in ")


def run_unmask(*words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "unmask", *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=120, **options)


def test_plain_check_says_the_same_as_the_parsed_one(unmask_cli: Any) -> None:
    code, out, _ = unmask_cli("check", PORTRAIT, LANDSCAPE)
    done = run_unmask("check", str(PORTRAIT), str(LANDSCAPE))
    assert (done.returncode, done.stdout.decode()) == (code, out)


def test_undecodable_name(sure: Path) -> None:
    done = run_unmask("check", "-", "--detectors", str(sure), input=b"caf\xe9.jpg\n")
    assert done.returncode == 3
    assert b"caf\\udce9.jpg: " in done.stdout
    done = run_unmask("check", "-", "--jsonl", "--detectors", str(sure), input=b"caf\xe9.jpg\n")
    assert json.loads(done.stdout)["path"] == "caf\\xe9.jpg"


def test_reader_that_goes_away(calm: Path) -> None:
    words = ["check", "-", "--detectors", str(calm)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([sys.executable, "-m", "unmask", *words], **pipes) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"gone.jpg\n" * 5)
        process.stdin.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) == 141
