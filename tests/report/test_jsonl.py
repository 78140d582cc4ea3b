from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from unmask.report import render
from unmask.report.json import schema
from unmask.report.jsonl import VERSION, line

LINE = Draft202012Validator({"$ref": "#/$defs/finding", "$defs": schema()["$defs"]})


def test_one_line_per_finding(make):
    lines = render(make(), ".jsonl").splitlines()
    assert lines == [line(finding) for finding in make().findings]
    for told in lines:
        LINE.validate(json.loads(told))


def test_line_tells_its_version(make):
    assert json.loads(line(make().findings[0]))["schema"] == VERSION


@pytest.mark.parametrize("index", range(4))
def test_line_is_one_line_whatever_the_name(hostile, index):
    told = line(hostile.findings[index])
    assert told.isascii()
    assert len(told.splitlines()) == 1
    LINE.validate(json.loads(told))


def test_least_fields(make):
    told = json.loads(line(make().findings[3]))
    assert {"path", "kind", "sha256", "verdict", "probability", "reasons", "faces"} <= set(told)
    face = told["faces"][5]
    assert face["time"] == 5.0
    assert set(face["scores"]["forgery"]) >= {"raw", "probability"}
    assert told["segments"] == [{"start": 5.0, "end": 10.0, "track": 0, "probability": 0.88}]
