"""The page says what the HTML report says, and is made only of what the policy allows."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from unmask.report import overlays, words
from unmask.report.sections import _MEANING

Open = Callable[..., Page]
PAGE = Path(str(resources.files("unmask.serve") / "page"))
NUMBERS = (0.0, 0.005, 0.0051, 0.0512, 0.934, 0.9949, 0.995, 1.0, None)
TIMES = (0.0, 5.28, 59.97, 67.26, 3599.99, 3723.0)
NAMES = ("a-very-long-name.jpg", "a\u202egpj.exe", "\x07bell", "plain.png", "e\u0301\U0001f600")


@pytest.fixture
def said(open_page: Open) -> Callable[[str], object]:
    """The value of an expression in which `words` and `names` are the page's modules."""
    page = open_page()

    def ask(expression: str) -> object:
        return page.evaluate(
            "Promise.all([import('./page/base/words.js'), import('./page/base/names.js')])"
            f".then(([words, names]) => {expression})"
        )

    return ask


def test_the_same_words_for_the_same_things(said: Callable[[str], object]) -> None:
    states = said("Object.values(words.STATES).map((one) => [one.order, one.key, one.title])")
    assert states == [[one.order, one.key, one.title] for one in words.STATES]
    meanings = said("Object.values(words.STATES).map((one) => [one.key, one.meaning])")
    assert {key: told for key, told in meanings if told} == _MEANING  # type: ignore[attr-defined]


def test_the_same_numbers(said: Callable[[str], object]) -> None:
    shown = ", ".join("null" if p is None else str(p) for p in NUMBERS)
    assert said(f"[{shown}].map(words.percent)") == [words.percent(p) for p in NUMBERS]
    times = f"{list(TIMES)}"
    assert said(f"{times}.map((t) => words.clock(t))") == [words.clock(t) for t in TIMES]
    assert said(f"{times}.map((t) => words.clock(t, 0))") == [words.clock(t, 0) for t in TIMES]
    points = ["fpr=0.05", "fpr=0.001 promise=0.1", "eer"]
    told = [words.false_alarms(point.split()[0]) for point in points]
    assert said(f"{points}.map(words.falseAlarms)") == told
    assert said("words.underPrior(0.95, 0.01)") == pytest.approx(words.under_prior(0.95, 0.01))
    assert said("words.between([0.881, 0.962])") == words.between((0.881, 0.962))


def test_the_same_care_for_names(said: Callable[[str], object]) -> None:
    import json

    given = json.dumps(NAMES)
    assert said(f"{given}.map(names.plain)") == [words.plain(name) for name in NAMES]
    assert said(f"{given}.map((name) => names.clip(name, 12))") == [
        words.clip(name, 12) for name in NAMES
    ]
    told = said(f"{given}.map((name) => names.shown(name).textContent)")
    assert told == [re.sub("<[^>]+>", "", words.escape(name)) for name in NAMES]


def test_the_same_colours_of_the_heat_map() -> None:
    ramp = (PAGE / "looks" / "base.css").read_text("utf-8").split("--ramp:")[1].split(";")[0]
    stops = [bytes.fromhex(stop) for stop in re.findall("#([0-9a-f]{6})", ramp)]
    assert np.array_equal([list(stop) for stop in stops], overlays.palette()[::51])


def test_the_files_hold_nothing_that_the_policy_forbids() -> None:
    sources = {p: p.read_text("utf-8") for p in PAGE.rglob("*") if p.suffix in (".js", ".html")}
    assert len(sources) > 20
    for path, text in sources.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text), (
            path
        )
        assert not re.search(r"""["']https?://(?!www\.w3\.org/2000/svg)""", text), path
        assert not re.search(r"\bstyle:|setAttribute\(.style|style=", text), path
        assert len(text.splitlines()) <= 400, path
