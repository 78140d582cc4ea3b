from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unmask.errors import ConfigError, LabError
from unmask.lab.data import layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import manifest

TABLE = """\
path,label,family,source,identity,split,kind,video,compression,mask,sha256,maker
a/1.png,1,swap,mine/web,anna,train,frame,v1,c23,m/1.png,ab12,tool
b.mp4,real,,,,,,,,,,
c.png,fake,gan,,,validation,,v2,,,,
"""


def build(root: Path) -> None:
    (root / "manifest.csv").write_text(TABLE)


def expected(root: Path) -> list[Sample]:
    labels = {"sha256": "ab12", "maker": "tool"}
    return [
        Sample(
            *(root / "a/1.png", 1, "swap", "mine/web", "anna", "train", "frame", "v1", "c23"),
            mask=root / "m/1.png",
            labels=labels,
        ),
        Sample(root / "b.mp4", 0, "", "manifest", "b.mp4", kind="clip"),
        Sample(root / "c.png", 1, "gan", "manifest", "c.png", "val", "frame", "v2"),
    ]


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "manifest"
    assert list(manifest.samples(tmp_path)) == expected(tmp_path)
    assert list(manifest.samples(tmp_path / "manifest.csv")) == expected(tmp_path)


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.jsonl"])
def test_round_trip_from_another_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "lists").mkdir()
    samples = expected(tmp_path)
    manifest.write(samples, tmp_path / "lists" / name)
    for was, read in zip(samples, manifest.samples(tmp_path / "lists"), strict=True):
        assert read.path.resolve() == was.path
        assert (read.mask and read.mask.resolve()) == was.mask
        assert read.labels == was.labels
        assert (read.identity, read.kind, read.split) == (was.identity, was.kind, was.split)


def test_parquet(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    rows = {"path": ["1.png", "2.png"], "label": [0, 1], "family": [None, "gan"]}
    polars.DataFrame(rows).write_parquet(tmp_path / "manifest.parquet")
    assert layout.recognise(tmp_path) == "manifest"
    assert list(manifest.samples(tmp_path)) == [
        Sample(tmp_path / "1.png", 0, "", "manifest", "1.png"),
        Sample(tmp_path / "2.png", 1, "gan", "manifest", "2.png"),
    ]


def test_parquet_without_polars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    (tmp_path / "manifest.parquet").touch()
    with pytest.raises(ConfigError) as caught:
        list(manifest.samples(tmp_path))
    assert caught.value.code == "not_installed"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.csv", "path,family\n1.png,gan\n", "row 1: 'label'"),
        ("manifest.csv", "path,label\n1.png,0\n2.png,7\n", "row 2: '7' is no label"),
        ("manifest.jsonl", "{", "cannot be read"),
    ],
)
def test_what_is_no_sample_is_said(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(LabError, match=said):
        list(manifest.samples(tmp_path))


def test_two_lists_are_not_chosen_from(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "manifest.jsonl").touch()
    assert not manifest.recognises(tmp_path)
    with pytest.raises(LabError, match="2 manifests"):
        list(manifest.samples(tmp_path))


def test_other_endings_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.csv or \.jsonl"):
        manifest.write([], tmp_path / "manifest.xml")
