from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from unmask.report import words


def test_every_finding_has_a_state(make):
    keys = [words.state(finding).key for finding in make().findings]
    assert keys == ["none", "manipulated", "noface", "manipulated", "failed"]
    unsure = replace(make().findings[0], verdict="inconclusive")
    assert words.state(unsure) is words.INCONCLUSIVE


def test_no_verdict_claims_authenticity():
    for state in words.STATES:
        for word in ("authentic", "genuine", "real", "true", "fake"):
            assert word not in state.title.lower()


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "<1%"), (0.005, "<1%"), (0.5, "50%"), (0.994, "99%"), (1.0, ">99%"), (math.nan, "–")],
)
def test_percent_never_claims_certainty(value, told):
    assert words.percent(value) == told


def test_between():
    assert words.between(None) == words.between((math.nan, 1.0)) == ""
    assert words.between((0.5, 0.501)) == "50%"
    assert words.between((0.001, 0.999)) == "<1% to >99%"


@pytest.mark.parametrize(
    ("seconds", "digits", "told"),
    [
        (0.0, 1, "0:00.0"),
        (59.96, 1, "1:00.0"),
        (59.4, 0, "0:59"),
        (0.3, 1, "0:00.3"),
        (3600.5, 1, "1:00:00.5"),
        (1.25, 2, "0:01.25"),
        (None, 1, "–"),
        (math.inf, 1, "–"),
    ],
)
def test_clock(seconds, digits, told):
    assert words.clock(seconds, digits) == told


def test_moment():
    assert words.moment("2025-11-20T21:31:07+01:00") == "2025-11-20 20:31:07 UTC"
    assert words.moment("yesterday") == "yesterday"


def test_under_prior_of_one_half_changes_nothing():
    assert words.under_prior(0.8, 0.5) == pytest.approx(0.8)
    # Bayes by counting: of 1000 faces 10 are forged, 9 of them and 99 others look like this.
    assert words.under_prior(0.9, 0.01) == pytest.approx(9 / (9 + 99))


@pytest.mark.parametrize(
    ("row", "column", "told"),
    [
        (0, 0, "upper left"),
        (4, 4, "middle"),
        (8, 4, "lower part"),
        (4, 8, "right part"),
        (8, 0, "lower left"),
    ],
)
def test_where(row, column, told):
    heat = np.zeros((9, 9), np.float32)
    heat[row, column] = 1
    heat[0, 8] = np.nan
    assert words.where(heat) == told


def test_where_of_a_weak_map():
    assert words.where(np.full((4, 4), 0.1, np.float32)) == ""


@pytest.mark.parametrize("text", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x1b", "\x85", "\ue000"])
def test_unseen_characters_are_shown(text):
    code = f"U+{ord(text):04X}"
    assert words.escape(f"a{text}b") == f'a<mark class="code">{code}</mark>b'
    assert words.plain(f"a{text}b") == f"a[{code}]b"


def test_undecodable_bytes_are_shown():
    assert words.plain("a\udcffb") == "a[\\xFF]b"


def test_ordinary_text_stays():
    assert words.escape("Ünïcode 漢字 عربي 😀") == "Ünïcode 漢字 عربي 😀"
    assert words.escape("<&\"'>") == "&lt;&amp;&quot;&#x27;&gt;"


def test_clip_keeps_both_ends():
    told = words.clip("a" * 5000 + ".jpg", 100)
    assert len(told) <= 100
    assert told.startswith("aaa")
    assert told.endswith(".jpg")


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("fpr=0.05", "about 5 of 100"),
        ("fpr=0.001", "about 1 of 1,000"),
        ("fpr=.1", "about 10 of 100"),
        ("fpr=0.0", ""),
        ("eer", ""),
    ],
)
def test_false_alarms(point, told):
    assert words.false_alarms(point) == told


def test_count():
    assert words.count(0, "person", "people") == "0 people"
    assert words.count(1200, "face") == "1,200 faces"
