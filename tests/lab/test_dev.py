"""Splits follow people and sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data import dev

HEAD = "path\ttask\tlabel\tfamily\tset\tlicence\tidentity\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rows = []
    for person in range(200):
        for photo in range(3):
            rows.append(f"lfw/{person}_{photo}.jpg\tx\treal\tr\tlfw\tfree\tp{person}")
    rows += [f"c/{n}.jpg\tx\tfake\tf\tciplab_photoshop\tfree\t" for n in range(60)]
    rows += ["s/a.jpg\tx\tauthentic\tc\tcasia\tfree\t", "s/m.png\tx\tmask\tc\tcasia\tfree\t"]
    (tmp_path / "LABELS.tsv").write_text(HEAD + "\n".join(rows) + "\n")
    return tmp_path


def test_a_person_is_in_one_split(root: Path) -> None:
    splits: dict[str, set[str]] = {}
    for sample in dev.samples(root):
        splits.setdefault(sample.unit, set()).add(sample.split)
    assert all(len(found) == 1 for found in splits.values())
    people = [next(iter(s)) for unit, s in splits.items() if unit.startswith("lfw")]
    assert 0.6 < people.count("train") / len(people) < 0.8
    assert {"val", "test"} <= set(people)


def test_unseen_sources_are_never_trained_on(root: Path) -> None:
    unseen = [s for s in dev.samples(root) if s.set in dev.UNSEEN_SETS]
    assert {s.split for s in unseen} == {"val", "test"}
    assert all(s.label == 1 for s in unseen)


def test_scenes_and_masks_are_no_samples(root: Path) -> None:
    assert all(s.set != "casia" for s in dev.samples(root))
    assert dev.backgrounds(root) == [root / "s/a.jpg"]


def test_a_folder_without_labels_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="data_missing"):
        dev.samples(tmp_path)
