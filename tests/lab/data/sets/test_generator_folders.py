from __future__ import annotations

from pathlib import Path

import pytest

from unmask.lab.data import layout
from unmask.lab.data.layout import Sample, Split
from unmask.lab.data.sets import generator_folders

FILES = (
    "BigGAN/imagenet_ai_0419_biggan/train/ai/000_biggan_00000.png",
    "BigGAN/imagenet_ai_0419_biggan/train/nature/n01440764_1.JPEG",
    "BigGAN/imagenet_ai_0419_biggan/val/ai/000_biggan_00001.png",
    "deepfake/0_real/000.png",
    "deepfake/1_fake/000.png",
    "progan/car/1_fake/1.png",
    "progan/train/0_real/2.png",
    "progan_train/car/0_real/3.png",
)


def expected(
    root: Path, name: str, label: int, generator: str, split: Split = "", object_: str = ""
) -> Sample:
    family, source = generator * label, f"generator_folders/{generator}"
    labels = {"class": object_} if object_ else {}
    identity = name.rpartition(".")[0]
    return Sample(root / name, label, family, source, identity, split, labels=labels)


def test_samples(tree: Path) -> None:
    assert layout.recognise(tree) == "generator_folders"
    assert list(generator_folders.samples(tree)) == [
        expected(tree, FILES[0], 1, "BigGAN", "train"),
        expected(tree, FILES[1], 0, "BigGAN", "train"),
        expected(tree, FILES[2], 1, "BigGAN", "val"),
        expected(tree, FILES[3], 0, "deepfake"),
        expected(tree, FILES[4], 1, "deepfake"),
        expected(tree, FILES[5], 1, "progan", "", "car"),
        expected(tree, FILES[6], 0, "progan", "", "train"),
        expected(tree, FILES[7], 0, "progan", "train", "car"),
    ]


@pytest.mark.parametrize(
    ("name", "generator", "split", "object_"),
    [
        ("train/car/1_fake/a.png", "progan", "train", "car"),
        ("train/train/1_fake/a.png", "progan", "train", "train"),
        ("val/glide/1_fake/a.png", "glide", "val", ""),
        ("test/stylegan/cat/1_fake/a.png", "stylegan", "test", "cat"),
        ("train/ai/a.png", "sdv4", "train", ""),
        ("1_fake/a.png", "sdv4", "", ""),
    ],
)
def test_places(tmp_path: Path, name: str, generator: str, split: Split, object_: str) -> None:
    root = tmp_path / "sdv4"
    (root / name).parent.mkdir(parents=True)
    (root / name).touch()
    assert list(generator_folders.samples(root)) == [
        expected(root, name, 1, generator, split, object_)
    ]


def test_ai_without_a_split_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "midjourney" / "ai").mkdir(parents=True)
    assert not generator_folders.recognises(tmp_path)
