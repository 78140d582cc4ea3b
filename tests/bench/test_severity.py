from __future__ import annotations

import builtins
import doctest
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unmask.bench import perturb, severity
from unmask.bench.families import Item
from unmask.errors import ConfigError
from unmask.types import Pixels

MILD = ["white_balance", "sharpen"]


def _picture(number: int) -> Callable[[], tuple[Pixels, dict[int, Any]]]:
    """Genuine pictures are smooth; every second one is "manipulated" with fine grain."""
    rng = np.random.default_rng(number)
    grain = rng.normal(0, 1 + 3 * (number % 2), (24, 24, 1))
    pixels = np.clip(120 + rng.integers(-20, 20) + grain, 0, 255).astype(np.uint8)
    return lambda: (np.repeat(pixels, 3, axis=2), {})


def _items(count: int = 12) -> list[Item]:
    return [Item(f"p{n}", n % 2, f"u{n}", "test", _picture(n)) for n in range(count)]


def _grain(pixels: Pixels) -> float:
    """A detector that looks for grain."""
    return float(np.abs(np.diff(pixels[..., 1].astype(int), axis=1)).mean())


def _measured(**changes: Any) -> severity.Outcome:
    return severity.measure(
        _items(),
        _grain,
        ["gaussian_blur", "median_blur", *MILD],
        threshold=2.5,
        draws=20,
        **changes,
    )


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(severity).failed == 0


def test_a_row_for_each_perturbation_and_severity_and_one_for_each_family() -> None:
    outcome = _measured()
    names = [(point.family, point.name, point.severity) for point in outcome.points]
    expected = [("blur", name) for name in ("gaussian_blur", "median_blur", "all")]
    expected += [("benign", name) for name in (*MILD, "all")]
    assert names == [(*pair, level) for pair in expected for level in (1, 2, 3, 4, 5)]
    assert outcome.clean.auc == 1
    assert outcome.clean.manipulated == outcome.clean.genuine == 6
    pooled = next(point for point in outcome.points if point.name == "all")
    assert pooled.genuine == 12


def test_what_a_perturbation_hides_is_lost_and_what_it_adds_is_a_false_alarm() -> None:
    outcome = severity.measure(
        _items(), _grain, ["gaussian_blur", "gaussian_noise"], threshold=2.5, draws=20
    )
    points = {(point.name, point.severity): point for point in outcome.points}
    assert outcome.clean.alarms == 0
    assert points["gaussian_noise", 5].alarms == 1
    assert points["gaussian_noise", 5].auc < outcome.clean.auc
    assert points["gaussian_blur", 5].alarms == 0


def test_auc_equals_the_metric_on_the_same_pictures() -> None:
    items = _items()
    outcome = severity.measure(items, _grain, ["gaussian_noise"], threshold=2.5, draws=20)
    again = severity.measure(items, _grain, ["gaussian_noise"], threshold=2.5, draws=20)
    other = severity.measure(items, _grain, ["gaussian_noise"], threshold=2.5, draws=20, seed=1)
    assert outcome == again
    assert outcome != other
    assert all(
        low <= point.auc <= high for point in outcome.points for low, high in [point.interval]
    )


def test_without_a_face_there_is_no_score_and_it_is_counted() -> None:
    def shy(pixels: Pixels) -> float | None:
        return None if pixels.mean() > 150 else _grain(pixels)

    outcome = severity.measure(_items(), shy, ["brightness"], threshold=2.5, draws=20, seed=3)
    heavy = outcome.points[4]
    assert 0 < heavy.unjudged == 12 - heavy.manipulated - heavy.genuine
    none = severity.measure(_items(), lambda _: None, ["jpeg"], threshold=2.5, draws=20)
    assert math.isnan(none.clean.auc)
    assert none.clean.unjudged == 12
    assert "nan" in severity.markdown(none)


def test_items_without_a_picture_are_left_out() -> None:
    items = [*_items(), replace(_items()[0], load=lambda: None)]
    outcome = severity.measure(items, _grain, ["jpeg"], threshold=2.5, draws=20)
    assert outcome.clean.genuine == 6


def test_a_missing_codec_is_told_and_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(severity.perturb, "available", lambda name: name != "vp9")
    outcome = severity.measure(_items(4), _grain, ["vp9", "jpeg"], threshold=2.5, draws=20)
    assert outcome.missing == ("vp9",)
    assert {point.family for point in outcome.points} == {"compression"}
    assert "vp9" in severity.markdown(outcome)


def test_unknown_perturbations_are_refused() -> None:
    with pytest.raises(ConfigError, match="bad_option"):
        severity.measure(_items(2), _grain, ["nothing"], threshold=0)


def test_the_tables_part_benign_edits_from_wear() -> None:
    text = severity.markdown(_measured(severities=(1, 3)))
    first, second = text.split("False alarms (95 %)\n")
    assert "gaussian_blur" in first
    assert "sharpen" not in first
    assert "sharpen" in second
    assert "severity 3" in first
    assert "severity 5" not in text


def test_the_picture_is_drawn_from_the_points(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    outcome = _measured()
    severity.draw(outcome, tmp_path / "one.svg")
    drawn = (tmp_path / "one.svg").read_text()
    assert all(name in drawn for name in ("gaussian_blur", "median_blur", "white_balance", "all"))
    severity.draw(outcome, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == drawn
    severity.draw(outcome, tmp_path / "two.PNG")
    assert (tmp_path / "two.PNG").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ConfigError, match="unknown_format"):
        severity.draw(outcome, tmp_path / "three.txt")


def test_without_matplotlib_the_picture_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def bare(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **more)

    outcome = _measured(severities=(1,))
    monkeypatch.setattr(builtins, "__import__", bare)
    with pytest.raises(ConfigError, match="not_installed"):
        severity.draw(outcome, tmp_path / "none.png")


def test_every_perturbation_is_measured_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(severity.perturb, "names", lambda: ("jpeg", "crop"))
    outcome = severity.measure(_items(2), _grain, threshold=2.5, severities=(1,), draws=5)
    assert [p.name for p in outcome.points] == ["jpeg", "all", "crop", "all"]
    assert perturb.get("crop").family == perturb.BENIGN
