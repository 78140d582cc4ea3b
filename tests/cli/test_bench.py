from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")

from unmask.bench import run as room
from unmask.judge import bundle


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in for the bench that keeps what it was asked."""
    found: list[Any] = []

    def run(name: str, options: room.Options, watch: room.Watch) -> str:
        found.extend([name, options, list(watch([], 0))])
        return "| table |\n"

    monkeypatch.setattr(room, "run", run)
    return found


def test_options_reach_the_bench(unmask_cli: Any, asked: list[Any]) -> None:
    words = ["--detectors", "a, b", "--data", "d", "--data", "ffpp=e", "--out", "o"]
    words += ["--limit", "4", "--perturb", "jpeg:3", "--perturb", "blur", "--seed", "2"]
    code, out, err = unmask_cli("bench", "run", "cross_set", *words, "--draws", "9")
    assert (code, out) == (0, "| table |\n")
    assert "0 files in" in err
    name, options, _ = asked
    assert name == "cross_set"
    assert (options.detectors, options.data) == (("a", "b"), ("d", "ffpp=e"))
    assert (options.out, options.limit, options.seed, options.draws) == (Path("o"), 4, 2, 9)
    assert options.perturb == ("jpeg:3", "blur")
    assert options.command.startswith("unmask ")


def test_the_embedded_detectors_are_measured_by_default(unmask_cli: Any, asked: list[Any]) -> None:
    assert unmask_cli("bench", "run", "p", "--data", "d", "--out", "o")[0] == 0
    fused, *alone = asked[1].detectors
    assert tuple(alone) == bundle.embedded_detectors()
    assert fused == "+".join(alone)


def test_an_unknown_protocol_is_told(unmask_cli: Any) -> None:
    code, _, err = unmask_cli("bench", "run", "nothing", "--data", "d", "--out", "o")
    assert code == 2
    assert err.startswith("error: No protocol 'nothing'")


def test_without_the_bench(unmask_cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "unmask.bench.run":
                raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.delitem(sys.modules, "unmask.bench.run")
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    code, _, err = unmask_cli("bench", "run", "p", "--data", "d", "--out", "o")
    assert code == 2
    assert "pip install 'unmask[lab,bench]'" in err
