"""Readers are found, told apart, and each reads a tree of its own layout.

`conftest.py` tells where the small trees come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from unmask.errors import LabError
from unmask.lab.data import layout, sets
from unmask.lab.data.layout import Facts

Builder = Callable[[str], Callable[[Path], None]]
COUNTED = re.compile(r"all|(train|val|test)/[01]|(family|source):.+")
FALLBACKS = {n for n, r in layout.readers().items() if getattr(r, "FALLBACK", False)}


def test_readers_are_the_modules_without_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {p.stem for p in Path(*sets.__path__).glob("*.py") if p.name[0] != "_"}
    other = SimpleNamespace(FACTS=None)
    points = [SimpleNamespace(name=n, load=lambda: other) for n in ("zoo", "dfdc")]
    monkeypatch.setattr(layout, "entry_points", lambda group: points * (group == "unmask.layouts"))
    found = layout.readers.__wrapped__()
    assert list(found) == [*sorted(modules), "zoo"]
    assert found["zoo"] is other
    assert found["dfdc"] is not other


@pytest.mark.parametrize("name", layout.readers())
def test_facts_are_well_formed(name: str) -> None:
    facts = layout.readers()[name].FACTS
    assert isinstance(facts, Facts)
    assert facts.name == name
    assert all((facts.title, facts.licence))
    assert all(COUNTED.fullmatch(key) for key in facts.counts), facts.counts
    assert all(count > 0 for count in facts.counts.values())


@pytest.mark.parametrize("name", layout.readers())
def test_a_tree_is_recognised_by_its_reader_alone(
    name: str, tmp_path: Path, builder: Builder
) -> None:
    builder(name)(tmp_path)
    assert layout.recognise(tmp_path) == name
    fitting = {n for n, reader in layout.readers().items() if reader.recognises(tmp_path)}
    assert fitting - FALLBACKS == {name} - FALLBACKS


@pytest.mark.parametrize("name", layout.readers())
def test_samples_keep_the_contract(name: str, tmp_path: Path, builder: Builder) -> None:
    builder(name)(tmp_path)
    found = list(layout.read(tmp_path))
    assert found == list(layout.read(tmp_path, name))
    for sample in found:
        assert sample.label in (0, 1)
        assert sample.source
        assert sample.identity
        assert sample.label or not sample.family
        assert bool(sample.video) == (sample.kind == "frame") or sample.kind == "clip"
    assert {s.label for s in found} == {0, 1}


@pytest.mark.parametrize("name", layout.readers())
def test_an_empty_folder_is_no_layout(name: str, tmp_path: Path) -> None:
    assert not layout.readers()[name].recognises(tmp_path)


def test_unknown_layouts_are_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no known layout.*unknown_layout"):
        layout.recognise(tmp_path)
    with pytest.raises(LabError, match=r"no layout 'ffppp'.*unknown_layout"):
        layout.read(tmp_path, "ffppp")


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="data_missing"):
        layout.recognise(tmp_path / "nowhere")


def asked(monkeypatch: pytest.MonkeyPatch, **answers: tuple[bool, bool]) -> None:
    """Replace the readers by some that recognise anything or nothing, and are fallbacks or not."""
    readers = {
        name: SimpleNamespace(FALLBACK=last, recognises=lambda _, yes=yes: yes)
        for name, (yes, last) in answers.items()
    }
    monkeypatch.setattr(layout, "readers", lambda: readers)


def test_two_that_fit_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, a=(True, False), b=(False, False), c=(True, False))
    with pytest.raises(LabError, match=r"several layouts: a, c\..*unknown_layout"):
        layout.recognise(tmp_path)


def test_fallbacks_are_asked_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, a=(True, True), b=(True, False))
    assert layout.recognise(tmp_path) == "b"
    asked(monkeypatch, a=(True, True), b=(False, False))
    assert layout.recognise(tmp_path) == "a"


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("celeb_df_v2", "Celeb-real/frames/id20_0003/0.png Celeb-synthesis/videos/id0_id1_0.mp4"),
        ("deeperforensics", "source_videos/W136/light_up/W136_light_up.mp4"),
        ("df40", "blendface/frames/001_870/0.png"),
        ("df40", "StyleGAN3/001/seed1.png"),
        ("df40", "stargan/fake/0.png stargan/real/0.png"),
        ("dfdc", "test/labels.csv test/a.mp4"),
        ("dfdc", "train_sample_videos/metadata.json train_sample_videos/a.mp4"),
        ("dfdc_preview", "dataset.json method_A/frames/a/0.png original_videos/frames/b/0.png"),
        ("ffiw", "source/val/videos/a.mp4 target/val/videos/a.mp4"),
        ("ffpp", "train.json test.json original_sequences/youtube/c23/frames/000/000.png"),
        ("forgerynet", "Training/image_list.txt Training/image/train_release/1/a/0.jpg"),
        ("forgerynet", "list/Training/image_list.txt Training/image/train_release/1/a/0.jpg"),
        ("wild_deepfake", "real_train/1/real/103/0.png fake_train/1/fake/131/0.png"),
    ],
)
def test_variants_are_recognised(name: str, files: str, tmp_path: Path) -> None:
    for file in files.split():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert layout.recognise(tmp_path) == name
