from __future__ import annotations

import json
from pathlib import Path

import pytest

import unmask
from unmask import conformance
from unmask.conformance import differences
from unmask.types import Finding, Report, Run


def test_equal_answers_differ_in_nothing() -> None:
    golden = json.loads(conformance.GOLDEN.read_text("utf-8"))
    for answer in golden["samples"].values():
        assert list(differences(answer, answer, {})) == []


@pytest.mark.parametrize(
    ("expected", "actual", "said"),
    [
        ({"raw": 1.0}, {"raw": 1.05}, []),
        ({"raw": 1.0}, {"raw": 1.2}, ["raw is 1.2 instead of 1.0"]),
        ({"box": [0.0, 1.0]}, {"box": [1.9, 1.0]}, []),
        ({"box": [0.0, 1.0]}, {"box": [0.0, 4.0]}, ["box is 4.0 instead of 1.0"]),
        ({"faces": []}, {"faces": [{}]}, ["faces is [{}] instead of []"]),
        ({"a": 1.0}, {"b": 1.0}, ["answer is {'b': 1.0} instead of {'a': 1.0}"]),
        (
            {"verdict": "no_evidence"},
            {"verdict": None},
            ["verdict is None instead of 'no_evidence'"],
        ),
        ({"probability": None}, {"probability": 0.5}, ["probability is 0.5 instead of None"]),
    ],
)
def test_differences(expected: object, actual: object, said: list[str]) -> None:
    assert list(differences(expected, actual, {"raw": 0.1, "box": 2.0})) == said


def test_every_sample_has_a_golden_answer() -> None:
    golden = json.loads(conformance.GOLDEN.read_text("utf-8"))
    assert set(golden["samples"]) == {
        path.name for path in conformance.SAMPLES.iterdir() if path.suffix in {".jpg", ".mp4"}
    }


def test_golden_answers_are_what_the_readme_says() -> None:
    samples = json.loads(conformance.GOLDEN.read_text("utf-8"))["samples"]
    assert samples["portrait.jpg"]["verdict"] == "no_evidence"
    assert samples["portrait_forged.jpg"]["verdict"] == "likely_manipulated"
    assert samples["landscape.jpg"]["reasons"] == ["no_face"]
    assert len(samples["crowd.jpg"]["faces"]) == 12
    assert samples["video.mp4"]["verdict"] == "likely_manipulated"


def test_this_installation_conforms() -> None:
    found = dict(conformance.run())
    assert found
    assert not any(found.values()), found


def test_record_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.jpg").write_bytes(b"")
    (tmp_path / "README.md").write_bytes(b"")
    finding = Finding("one.jpg", "image", "0" * 64, "no_evidence", 0.25, None, ())
    run = Run("0", "now", "CPU", 1, "fpr=0.05", 0.5, ())
    monkeypatch.setattr(conformance, "SAMPLES", tmp_path)
    monkeypatch.setattr(conformance, "GOLDEN", tmp_path / "golden.json")
    monkeypatch.setattr(unmask, "check", lambda path: Report(run, (finding,)), raising=False)
    conformance.record()
    assert list(conformance.run()) == [("models", []), ("one.jpg", [])]
    golden = json.loads((tmp_path / "golden.json").read_text())
    golden["samples"]["one.jpg"]["probability"] = 0.75
    golden["models"]["face-finder"] = "other"
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    found = dict(conformance.run())
    assert found["one.jpg"] == ["probability is 0.25 instead of 0.75"]
    assert found["models"][0].startswith("face-finder is ")
