from __future__ import annotations

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from unmask.report import render
from unmask.report.json import VERSION, schema


def sealed(part):
    """The schema, but without room for a field that it does not describe."""
    if isinstance(part, dict):
        if "properties" in part:
            part.setdefault("additionalProperties", False)
        for inner in part.values():
            sealed(inner)
    elif isinstance(part, list):
        for inner in part:
            sealed(inner)
    return part


STRICT = Draft202012Validator(sealed(copy.deepcopy(schema())))


def test_schema_is_one():
    Draft202012Validator.check_schema(schema())


def test_report_validates(make):
    document = json.loads(render(make(), ".json"))
    STRICT.validate(document)
    assert document["schema"] == VERSION
    assert document["exit_code"] == 1
    assert [f["path"] for f in document["findings"]] == [f.path for f in make().findings]


def test_empty_report_validates(make):
    STRICT.validate(json.loads(render(type(make())(make().run), ".json")))


def test_hostile_report_validates(hostile):
    raw = render(hostile, ".json")
    assert raw.isascii()
    assert "NaN" not in raw
    assert "Infinity" not in raw
    # A made-up hash of a detector is the one thing that the schema may refuse.
    document = json.loads(raw)
    document["run"]["detectors"][0]["sha256"] = "0" * 64
    STRICT.validate(document)
    assert document["findings"][0]["path"].endswith("gpj\\xff\x00\n")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "unmask.report/2"),
        (("findings", 0, "verdict"), "authentic"),
        (("findings", 0, "probability"), 1.5),
        (("findings", 0, "faces", 0, "box"), [0, 0, 1]),
        (("findings", 0, "sha256"), "xyz"),
        (("run", "threads"), "two"),
    ],
)
def test_schema_refuses_what_is_wrong(make, place, value):
    document = json.loads(render(make(), ".json"))
    part = document
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    assert not Draft202012Validator(schema()).is_valid(document)


def test_published_schema_leaves_room_for_new_fields(make):
    document = json.loads(render(make(), ".json"))
    document["findings"][0]["new"] = 1
    assert Draft202012Validator(schema()).is_valid(document)
    assert not STRICT.is_valid(document)
