"""Every planted fault is found, under its own name and no other; a clean tree has none."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmask.errors import LabError
from unmask.lab.data import inspect as inspection
from unmask.lab.data import layout, look
from unmask.lab.data.sets import manifest
from unmask.types import Pixels

SIDE = 48
SPLITS = ("train", "val", "test")
COLUMNS = ("path", "label", "identity", "split", "video", "mask", "sha256")


def picture(seed: int, sharp: bool) -> Pixels:
    """Coarse blobs, with fine grain on genuine ones only."""
    random = np.random.default_rng(seed)
    blobs = random.integers(30, 226, (6, 6, 3)).astype(np.float32)
    pixels = cv2.resize(blobs, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    if sharp:
        pixels += random.normal(0, 12, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(path.suffix, pixels)
    assert ok
    path.write_bytes(data.tobytes())


@dataclass
class Tree:
    """A data set with a manifest, and means to spoil it."""

    root: Path
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, path: str, label: int, split: str, **more: str) -> None:
        save(self.root / path, picture(len(self.rows), not label))
        row = {"path": path, "label": str(label), "identity": path, "split": split}
        self.rows[path] = row | more

    def finish(self) -> Path:
        with (self.root / "manifest.csv").open("w", newline="") as stream:
            table = csv.DictWriter(stream, COLUMNS)
            table.writeheader()
            table.writerows(self.rows.values())
        return self.root


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Nine photos of each kind in each split, a forged video of eight frames, masks of two."""
    made = Tree(tmp_path / "set")
    for split in SPLITS:
        for number in range(9):
            made.add(f"{split}/real/{number}.png", 0, split)
            made.add(f"{split}/fake/{number}.png", 1, split)
    for number in range(8):
        made.add(f"videos/v/{number:03}.png", 1, "train", video="v", identity="anna")
    for number in range(2):
        mask = f"masks/{number}.png"
        save(made.root / mask, np.zeros((SIDE, SIDE), np.uint8))
        made.rows[f"train/fake/{number}.png"]["mask"] = mask
    for row in made.rows.values():
        content = (made.root / row["path"]).read_bytes()
        row["sha256"] = hashlib.sha256(content).hexdigest()
    return made


def missing_file(tree: Tree) -> None:
    (tree.root / "val/real/3.png").unlink()


def missing_listed_frame(tree: Tree) -> None:
    (tree.root / "videos/v/004.png").unlink()


def missing_unlisted_frame(tree: Tree) -> None:
    (tree.root / "videos/v/004.png").unlink()
    del tree.rows["videos/v/004.png"]


def missing_mask(tree: Tree) -> None:
    (tree.root / "masks/1.png").unlink()


def empty_file(tree: Tree) -> None:
    (tree.root / "test/fake/0.png").write_bytes(b"")
    tree.rows["test/fake/0.png"]["sha256"] = ""


def truncated_file(tree: Tree) -> None:
    path = tree.root / "test/fake/0.png"
    path.write_bytes(path.read_bytes()[:-400])
    tree.rows["test/fake/0.png"]["sha256"] = ""


def unreadable_file(tree: Tree) -> None:
    (tree.root / "test/fake/0.png").write_bytes(b"<html>Too many requests</html>")
    tree.rows["test/fake/0.png"]["sha256"] = ""


def altered_file(tree: Tree) -> None:
    save(tree.root / "test/fake/0.png", picture(9999, False))


def video_in_two_splits(tree: Tree) -> None:
    tree.rows["videos/v/007.png"].update(split="test", identity="berta")


def identity_in_two_splits(tree: Tree) -> None:
    tree.rows["val/real/0.png"]["identity"] = "carl"
    tree.rows["test/real/0.png"]["identity"] = "carl"


def duplicate_in_two_splits(tree: Tree) -> None:
    pixels = cv2.resize(picture(2, True), (SIDE * 2, SIDE * 2), interpolation=cv2.INTER_LINEAR)
    save(tree.root / "test/real/0.jpg", pixels)
    tree.rows["test/real/0.png"].update(path="test/real/0.jpg", sha256="")
    (tree.root / "test/real/0.png").unlink()
    assert np.array_equal(cv2.imread(str(tree.root / "train/real/1.png")), picture(2, True))


def same_file_with_both_labels(tree: Tree) -> None:
    shutil.copy(tree.root / "val/real/0.png", tree.root / "val/fake/0.png")
    tree.rows["val/fake/0.png"]["sha256"] = ""


def swapped_folders(tree: Tree) -> None:
    (tree.root / "test/real").rename(tree.root / "aside")
    (tree.root / "test/fake").rename(tree.root / "test/real")
    (tree.root / "aside").rename(tree.root / "test/fake")
    for row in tree.rows.values():
        row["sha256"] = ""


def names_that_say_the_opposite(tree: Tree) -> None:
    for number in range(9):
        row = tree.rows[f"val/real/{number}.png"]
        row["path"] = f"val/real/fake_{number}.png"
        (tree.root / f"val/real/{number}.png").rename(tree.root / row["path"])


def empty_folder(tree: Tree) -> None:
    (tree.root / "train/real/more/parts").mkdir(parents=True)


def mask_of_no_picture(tree: Tree) -> None:
    save(tree.root / "masks/77.png", np.zeros((SIDE, SIDE), np.uint8))


def mask_of_another_size(tree: Tree) -> None:
    save(tree.root / "masks/0.png", np.zeros((SIDE, SIDE // 2), np.uint8))


@pytest.mark.parametrize(
    ("plant", "kind", "where"),
    [
        (missing_file, "missing_file", "val/real/3.png"),
        (missing_listed_frame, "missing_frame", "videos/v/004.png"),
        (missing_unlisted_frame, "missing_frame", "videos/v"),
        (missing_mask, "missing_mask", "masks/1.png"),
        (empty_file, "empty_file", "test/fake/0.png"),
        (truncated_file, "truncated_file", "test/fake/0.png"),
        (unreadable_file, "unreadable_file", "test/fake/0.png"),
        (altered_file, "sum_differs", "test/fake/0.png"),
        (video_in_two_splits, "video_in_splits", "manifest: v"),
        (identity_in_two_splits, "identity_in_splits", "manifest: carl"),
        (duplicate_in_two_splits, "duplicate_across_splits", "train/real/1.png"),
        (same_file_with_both_labels, "label_conflict", "val/real/0.png"),
        (swapped_folders, "label_swapped", "test"),
        (names_that_say_the_opposite, "label_swapped", "val/real"),
        (empty_folder, "empty_folder", "train/real/more"),
        (mask_of_no_picture, "mask_without_picture", "masks/77.png"),
        (mask_of_another_size, "mask_size_differs", "masks/0.png"),
    ],
)
def test_a_planted_fault_is_found(
    tree: Tree, plant: Callable[[Tree], None], kind: str, where: str
) -> None:
    plant(tree)
    faults = inspection.inspect(tree.finish()).faults
    assert [(fault.kind, fault.where) for fault in faults] == [(kind, where)]


def test_a_clean_tree_has_no_fault(tree: Tree) -> None:
    found = inspection.inspect(tree.finish(), threads=2)
    assert (found.layout, found.faults) == ("manifest", ())
    assert found.document() == {
        "layout": "manifest",
        "samples": 62,
        "by_split_and_label": {
            "test/0": 9,
            "test/1": 9,
            "train/0": 9,
            "train/1": 17,
            "val/0": 9,
            "val/1": 9,
        },
        "faults": [],
    }


def test_counts_are_held_against_the_published_ones(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = {"all": 55, "train/1": 11, "source:manifest/other": 4}
    monkeypatch.setattr(manifest, "FACTS", replace(manifest.FACTS, counts=published))
    (fault,) = inspection.inspect(tree.finish()).faults
    assert (fault.kind, fault.where) == ("count_differs", "train/1")
    assert fault.detail == "11 published, 10 found"


def test_manifest_holds_every_sum_and_can_be_read(tree: Tree, tmp_path: Path) -> None:
    for row in tree.rows.values():
        row["sha256"] = ""
    first = inspection.inspect(tree.finish())
    first.write(tmp_path / "lists.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "lists.jsonl").read_text().splitlines()]
    content = (tree.root / "train/real/0.png").read_bytes()
    assert rows[0]["path"] == "set/train/real/0.png"
    assert rows[0]["sha256"] == hashlib.sha256(content).hexdigest()
    again = list(manifest.samples(tmp_path / "lists.jsonl"))
    assert [s.labels["sha256"] for s in again] == [s.labels["sha256"] for s in first.samples]


@pytest.mark.parametrize("name", layout.readers())
def test_every_layout_can_be_inspected(
    name: str, tmp_path: Path, builder: Callable[[str], Callable[[Path], None]]
) -> None:
    (tmp_path / "set").mkdir()
    builder(name)(tmp_path / "set")
    found = inspection.inspect(tmp_path / "set")
    assert found.layout == name
    # The trees hold files of no bytes, or none at all.
    unusable = {f.where for f in found.faults if f.kind.startswith(("empty_", "missing_"))}
    files = {s.path.relative_to(tmp_path / "set").as_posix() for s in found.samples}
    assert files <= unusable
    found.write(tmp_path / "manifest.csv")
    assert len(list(manifest.samples(tmp_path))) == len(found.samples)


def test_an_unknown_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="unknown_layout"):
        inspection.inspect(tmp_path)


def test_members_of_archives_are_looked_at(tmp_path: Path) -> None:
    archive = tmp_path / "1.tar.gz"
    save(tmp_path / "a.png", picture(1, True))
    with tarfile.open(archive, "w:gz") as stream:
        stream.add(tmp_path / "a.png", "./1/a.png")
        stream.addfile(tarfile.TarInfo("./1/empty.png"), io.BytesIO())
    names = ("1/a.png", "1/empty.png", "1/missing.png")
    found = dict(look.looks([archive / name for name in names]))
    alone = look.look(tmp_path / "a.png")
    assert found[archive / names[0]] == alone
    assert [found[archive / name].error for name in names] == ["", "empty", "not_found"]


def test_members_of_an_lmdb_are_looked_at(tmp_path: Path) -> None:
    lmdb = pytest.importorskip("lmdb")
    save(tmp_path / "a.png", picture(1, True))
    base = tmp_path / "X_lmdb"
    with lmdb.open(str(base), map_size=1 << 20) as env, env.begin(write=True) as view:
        view.put(rb"X\frames\a.png", (tmp_path / "a.png").read_bytes())
    assert look.look(base / "X/frames/a.png") == look.look(tmp_path / "a.png")
    assert look.look(base / "X/frames/b.png").error == "not_found"


def test_prints_outlive_scaling_and_compression_and_tell_pictures_apart() -> None:
    prints = []
    for seed in range(40):
        large = cv2.resize(picture(seed, False), (256, 256), interpolation=cv2.INTER_CUBIC)
        small = cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA)
        poor = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 1)
        first, second = look.fingerprint(large), look.fingerprint(np.asarray(poor, np.uint8))
        assert first is not None
        assert second is not None
        assert (first ^ second).bit_count() <= 12
        prints.append(first)
    assert min((a ^ b).bit_count() for a in prints for b in prints if a != b) > 40


def test_plain_pictures_have_no_print() -> None:
    assert look.fingerprint(np.full((32, 32, 3), 200, np.uint8)) is None
