from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from unmask.report import plain


@pytest.mark.parametrize(
    ("text", "told"),
    [("straße", "straße"), ("a\udcffb", r"a\xffb"), ("\ud800", r"\ud800"), ("😀", "😀")],
)
def test_text_can_be_encoded(text, told):
    assert plain.text(text) == told
    plain.text(text).encode("utf-8")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_number_that_is_none(value):
    assert plain.number(value) is None


def test_numbers_stand_or_fall_together():
    assert plain.numbers((0.1234567, 1.0)) == [0.123457, 1.0]
    assert plain.numbers((0.1, math.nan)) is None
    assert plain.numbers(None) is None
    assert plain.numbers(()) is None


def test_zero_is_a_number():
    assert plain.numbers((0.0, 0.0)) == [0.0, 0.0]


def test_finding_has_the_promised_fields(make):
    found = plain.finding(make().findings[1])
    assert found["path"] == "a.jpg"
    assert found["verdict"] == "likely_manipulated"
    assert found["error"] is None
    face = found["faces"][0]
    assert face["box"] == [10.0, 12.0, 40.0, 50.0]
    assert face["points"] == [[1.0, 1.0]] * 5
    assert face["time"] is None
    assert face["quality"]["parts"] == {"size": 0.8, "sharpness": 0.4}
    assert face["scores"]["forgery"] == {
        "raw": -1.25,
        "probability": 0.9,
        "interval": [0.8, 0.95],
    }
    assert [fact["value"] for fact in found["media"]["facts"]] == ["Paint <3", 87, 0.25, False]


def test_abstention_and_error(make):
    abstained = plain.finding(make().findings[1])["faces"][1]
    assert abstained["scores"] == {}
    assert abstained["probability"] is None
    failed = plain.finding(make().findings[-1])
    assert failed["error"] == {"code": "truncated", "message": "The file ends too early."}
    assert failed["media"] is None


def test_face_without_quality(make):
    finding = make().findings[1]
    bare = replace(finding.faces[0], face=replace(finding.faces[0].face, quality=None))
    assert plain.finding(replace(finding, faces=(bare,)))["faces"][0]["quality"] is None


def test_nothing_non_finite_is_left(hostile):
    for finding in hostile.findings:
        json.dumps(plain.finding(finding), allow_nan=False).encode("ascii")
