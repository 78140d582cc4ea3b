from __future__ import annotations

from pathlib import Path

import pytest

from unmask.errors import LabError
from unmask.lab.data import dev, layout
from unmask.lab.data.layout import Sample
from unmask.lab.data.sets import labels_tsv

COLUMNS = ("path", "task", "label", "family", "set", "licence", "identity", "sha256")
ROWS = (
    ("web/real/a.jpg", "faces", "real", "real_web", "web", "CC0", "anna", "01"),
    ("web/fake/b.mp4", "faces", "fake", "swap_web", "web", "CC0", "", "02"),
    ("m/c.png", "morph", "morph", "morph_own", "ciplab_photoshop", "", "", "03"),
    ("s/Au_1.jpg", "tamper_loc", "authentic", "casia", "scenes", "", "", ""),
    ("s/Sp_2.jpg", "tamper_loc", "tampered", "casia", "scenes", "", "", ""),
    ("s/mask/Sp_2_gt.png", "tamper_loc", "mask", "casia", "scenes", "", "", ""),
    ("web/mask/a_mask.jpg", "portrait_seg", "mask", "pvt", "web", "", "", ""),
)


def build(root: Path) -> None:
    lines = ["\t".join(line) for line in (COLUMNS, *ROWS)]
    (root / "LABELS.tsv").write_text("\n".join(lines) + "\n")


def test_samples(tmp_path: Path) -> None:
    build(tmp_path)
    assert layout.recognise(tmp_path) == "labels_tsv"
    units = (
        ("web", "web/anna"),
        ("web", "web/web/fake/b.mp4"),
        ("ciplab_photoshop", "ciplab_photoshop/m/c.png"),
        ("scenes", "scenes/s/Au_1.jpg"),
        ("scenes", "scenes/s/Sp_2.jpg"),
    )
    a, b, c, d, e = ((u, dev.split_of(s, u)) for s, u in units)
    web, scenes = "labels_tsv/web", "labels_tsv/scenes"
    kept = {"task": "faces", "licence": "CC0"}
    assert list(labels_tsv.samples(tmp_path)) == [
        Sample(
            *(tmp_path / "web/real/a.jpg", 0, "", web, *a),
            labels={
                **kept,
                "sha256": "01",
                "genuine": "real_web",
                "outline": "web/mask/a_mask.jpg",
            },
        ),
        Sample(
            *(tmp_path / "web/fake/b.mp4", 1, "swap_web", web, *b, "clip"),
            labels={**kept, "sha256": "02"},
        ),
        Sample(
            *(tmp_path / "m/c.png", 1, "morph_own", "labels_tsv/ciplab_photoshop", *c),
            labels={"task": "morph", "sha256": "03"},
        ),
        Sample(
            *(tmp_path / "s/Au_1.jpg", 0, "", scenes, *d),
            labels={"task": "tamper_loc", "genuine": "casia"},
        ),
        Sample(
            *(tmp_path / "s/Sp_2.jpg", 1, "casia", scenes, *e),
            mask=tmp_path / "s/mask/Sp_2_gt.png",
            labels={"task": "tamper_loc"},
        ),
    ]


def test_units_and_splits_are_those_of_dev(tmp_path: Path) -> None:
    build(tmp_path)
    read = {s.path: (s.identity, s.split) for s in labels_tsv.samples(tmp_path)}
    assert all(read[s.path] == (s.unit, s.split) for s in dev.samples(tmp_path))


def test_without_the_file(tmp_path: Path) -> None:
    assert not labels_tsv.recognises(tmp_path)
    with pytest.raises(LabError, match=r"LABELS\.tsv"):
        list(labels_tsv.samples(tmp_path))


def test_missing_columns_are_told(tmp_path: Path) -> None:
    (tmp_path / "LABELS.tsv").write_text("path\tlabel\tset\na.jpg\treal\tweb\n")
    with pytest.raises(LabError, match="has no family, identity"):
        list(labels_tsv.samples(tmp_path))
