from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")

from unmask.bench import cases, perturb, protocol
from unmask.errors import ConfigError, LabError
from unmask.lab.data.layout import readers

COLUMNS = "path,label,family,source,identity,split,kind,video,compression,method"
GROUND = {"title": "T", "question": "Q?"}


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(protocol).failed == 0


@pytest.mark.parametrize("name", protocol.names())
def test_every_protocol_is_sound_and_names_layouts_that_exist(name: str) -> None:
    found = protocol.read(name)
    assert found.title
    assert found.question.endswith("?")
    for part in (found.train, found.dev, found.test, *(case.part for case in found.cases)):
        assert set(part.layouts) <= set(readers())


def test_the_promised_protocols() -> None:
    assert set(protocol.names()) >= {
        *("within_set", "cross_set", "cross_manipulation", "compression_shift"),
        *("df40_p1", "df40_p2", "df40_p3", "df40_p4"),
        *("forgerynet_2way", "forgerynet_3way", "forgerynet_nway"),
        *("universal", "few_shot", "dev_leave_one_source_out"),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": None},
        {"colour": "red"},
        {"title": 3},
        {"each": "person"},
        {"leave_out": "compression"},
        {"aggregation": "median"},
        {"metrics": ["auc", "luck"]},
        {"frames": 0},
        {"test": {"splits": "test"}},
        {"test": {"people": ["x"]}},
        {"dev": {"shots": -1}},
        {"perturbations": ["jpeg:9"]},
        {"case": [{"sources": ["a"]}]},
        {"case": [{"name": "a"}, {"name": "a"}]},
    ],
)
def test_a_wrong_entry_is_told(wrong: dict[str, Any]) -> None:
    values = {key: value for key, value in (GROUND | wrong).items() if value is not None}
    with pytest.raises(LabError, match="protocol p:") as caught:
        protocol.parse("p", values)
    assert caught.value.code == "bad_recipe"


def test_what_is_no_protocol(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cross_set"):
        protocol.read("no_such")
    (tmp_path / "p.toml").write_text("title = ")
    with pytest.raises(LabError, match="bad_recipe"):
        protocol.read(tmp_path / "p.toml")


def test_perturbations_by_name_severity_family_and_all() -> None:
    assert protocol.steps(["jpeg:3", "jpeg:3"]) == [("jpeg", 3)]
    assert protocol.steps(["jpeg"]) == [("jpeg", level) for level in (1, 2, 3, 4, 5)]
    assert {name for name, _ in protocol.steps(["resize:2"])} == set(perturb.names("resize"))
    assert len(protocol.steps(["all:1"])) == sum(map(perturb.available, perturb.names()))
    with pytest.raises(ConfigError, match="bad_option"):
        protocol.steps(["nothing"])


def _manifest(folder: Path, rows: list[str]) -> Path:
    folder.mkdir()
    (folder / "manifest.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return folder


def _drawn(folder: Path, values: dict[str, Any], **options: Any) -> dict[str, cases.TestSet]:
    found = cases.draw(protocol.parse("p", GROUND | values), [folder], **options)
    return {one.name: one for one in found.sets}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two forging methods and genuine videos of twelve people, six frames each."""
    rows = []
    for n in range(12):
        split = ("train", "val", "test")[n % 3]
        for family in ("", "A", "B"):
            label, source = int(bool(family)), f"m/{family or 'real'}"
            rows += [
                f"{source}/{n}_{f}.png,{label},{family},{source},p{n},{split},frame,v{n},c23,"
                f"{len(family)}"
                for f in range(6)
            ]
    return _manifest(tmp_path / "set", rows)


SPLITS = {
    "train": {"splits": ["train"]},
    "dev": {"splits": ["val"]},
    "test": {"splits": ["test"]},
}


def test_one_family_left_out_shares_the_genuine(folder: Path) -> None:
    found = _drawn(folder, SPLITS | {"each": "family", "leave_out": "family"})
    assert sorted(found) == ["A", "B"]
    for name, other in (("A", "B"), ("B", "A")):
        case = found[name]
        assert {s.family for s in case.test} == {"", name}
        assert {s.family for s in (*case.train, *case.dev)} == {"", other}
        assert {s.split for s in case.test} == {"test"}
        assert {s.split for s in case.dev} == {"val"}
        assert case.shared == 0


def test_frames_are_spread_evenly_and_never_the_first_ones(folder: Path) -> None:
    case = _drawn(folder, SPLITS | {"frames": 3})["all"]
    first = [s.path.stem.partition("_")[2] for s in case.test if s.video == "v2" and not s.label]
    assert first in (["0", "2", "5"], ["0", "3", "5"])


def test_who_is_tested_is_in_no_other_part(folder: Path) -> None:
    case = _drawn(folder, {"test": {"splits": ["test"]}})["all"]
    tested = {s.identity for s in case.test}
    assert not tested & {s.identity for s in (*case.train, *case.dev)}
    assert case.shared == 2 * 4 * 3 * 6


def test_a_limit_takes_whole_videos_and_grows_by_adding(folder: Path) -> None:
    one = _drawn(folder, SPLITS, limit=1)["all"]
    two = _drawn(folder, SPLITS, limit=2)["all"]
    assert len(one.test) == 2 * 6
    assert len({(s.label, s.source, s.video) for s in two.test}) == 4
    assert {s.path for s in one.test} < {s.path for s in two.test}
    others = {
        tuple(s.path for s in _drawn(folder, SPLITS, limit=1, seed=n)["all"].test) for n in range(5)
    }
    assert len(others) > 1


def test_shots_come_from_the_test_set_and_leave_it(folder: Path) -> None:
    case = _drawn(folder, {"dev": {"shots": 1}, "test": {"splits": ["test"]}})["all"]
    assert sorted(s.label for s in case.dev) == [0, 1]
    assert not {s.identity for s in case.dev} & {s.identity for s in case.test}
    assert {s.label for s in case.test} == {0, 1}


def test_by_label_and_by_named_case(folder: Path) -> None:
    assert set(_drawn(folder, SPLITS | {"each": "label:method"})) == {"1"}
    named = [
        {"name": "first", "sources": ["m/A"], "genuine": ["m/real"]},
        {"name": "no", "sources": ["x"]},
    ]
    found = cases.draw(protocol.parse("p", GROUND | SPLITS | {"case": named}), [folder])
    assert [one.name for one in found.sets] == ["first"]
    assert found.left_out == ("no",)
    assert {s.family for s in found.sets[0].test} == {"", "A"}


def test_a_source_left_out_takes_its_genuine_samples_along(tmp_path: Path) -> None:
    rows = [
        f"{s}{label}{n}.png,{label},{'F' if label else ''},m/{s},{s}{n},{split},photo,,,"
        for s in "ab"
        for label in (0, 1)
        for n, split in enumerate(("train", "val", "test"))
    ]
    found = _drawn(
        _manifest(tmp_path / "m", rows), SPLITS | {"each": "source", "leave_out": "source"}
    )
    assert {s.source for s in (*found["m/a"].train, *found["m/a"].dev)} == {"m/b"}
    assert {s.source for s in found["m/a"].test} == {"m/a"}


def test_without_both_classes_there_is_no_test_set(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="both classes") as caught:
        _drawn(folder, {"test": {"families": ["Z"]}})
    assert caught.value.code == "data_missing"
    with pytest.raises(LabError, match="both classes"):
        _drawn(folder, {"dev": {"shots": 9}})
    with pytest.raises(LabError, match="data_missing"):
        _drawn(tmp_path / "nowhere", SPLITS)


def test_a_layout_may_be_named(folder: Path) -> None:
    found = cases.draw(protocol.parse("p", GROUND | SPLITS), [f"manifest={folder}"])
    assert len(found.sets) == 1
