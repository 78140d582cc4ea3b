from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from unmask.report import render
from unmask.report.csv import columns, safe


def rows(report):
    return list(csv.DictReader(io.StringIO(render(report, ".csv"))))


def test_one_row_per_input_and_face(make):
    found = rows(make())
    count = {f.path: max(len(f.faces), 1) for f in make().findings}
    assert {path: sum(row["path"] == path for row in found) for path in count} == count
    assert list(found[0]) == columns(["forgery", "trace"])


def test_values_of_a_face(make):
    row = rows(make())[2]
    assert row["path"] == "a.jpg"
    assert row["verdict"] == "likely_manipulated"
    assert row["face"] == "1"
    assert float(row["x1"]) == 40
    assert float(row["forgery.raw"]) == -1.25
    assert float(row["trace.high"]) == 0.7
    assert float(row["quality"]) == 0.4
    assert row["time"] == ""


def test_abstained_face_and_failed_input(make):
    found = rows(make())
    assert found[3]["face"] == "2"
    assert found[3]["forgery.raw"] == found[3]["face_probability"] == ""
    assert found[-1]["error_code"] == "truncated"
    assert found[-1]["face"] == found[-1]["verdict"] == ""


def test_score_of_a_detector_that_is_not_in_the_run_is_kept(make):
    report = make()
    bare = replace(report, run=replace(report.run, detectors=()))
    assert list(rows(bare)[0]) == columns(["forgery", "trace"])


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "x;", "x; "])
def test_no_cell_is_a_formula(make, sign, before):
    name = f"{before}{sign}cmd|' /C calc'!A0"
    assert safe(name).replace("'", "", 1) == name.replace("'", "", 1) or "'" in safe(name)
    finding = replace(make().findings[-1], path=name)
    for cell in rows(make(finding))[0]["path"].split(";"):
        assert not cell.strip().startswith(sign)


@pytest.mark.parametrize("name", ["\t=1", "\r=1", "\n=1", "a\n=1", "a\u2028b", "a\x85b", "a\0b"])
def test_a_row_is_a_line(make, name):
    raw = render(make(replace(make().findings[-1], path=name)), ".csv")
    assert len(raw.splitlines()) == 2
    path = rows(make(replace(make().findings[-1], path=name)))[0]["path"]
    assert path.startswith(("\\", "a\\"))


def test_plain_names_stay_as_they_are():
    for name in ("photo-1.jpg", "a=b.png", "straße.jpg", "x@y.jpg", "C:\\a\\b.jpg"):
        assert safe(name) == name


def test_quotes_and_commas_survive(make):
    name = 'a,"b", c.jpg'
    assert rows(make(replace(make().findings[-1], path=name)))[0]["path"] == name
