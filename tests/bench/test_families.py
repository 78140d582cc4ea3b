from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("sklearn")

from unmask.bench import families
from unmask.lab.data import dev
from unmask.types import Pixels

COLUMNS = ("path", "label", "family", "set", "identity", "licence")
ROWS = [
    ("ffhq/r{n}.png", "real", "real_ffhq256", "ffhq256_vs_stylegan_140k", ""),
    ("ffhq/f{n}.png", "fake", "gan_stylegan_140k", "ffhq256_vs_stylegan_140k", ""),
    ("diff/f{n}.png", "fake", "diffusion", "diff_sfhq_t2i", ""),
    ("meso/r{n}.png", "real", "real_meso", "swap_meso", "video{n}"),
]


@pytest.fixture
def samples(tmp_path: Path) -> list[dev.Sample]:
    rng = np.random.default_rng(0)
    with (tmp_path / "LABELS.tsv").open("w", newline="") as stream:
        table = csv.writer(stream, delimiter="\t")
        table.writerow(COLUMNS)
        for n in range(6):
            for path, label, family, source, identity in ROWS:
                name = path.format(n=n)
                table.writerow([name, label, family, source, identity.format(n=n), "own"])
                (tmp_path / name).parent.mkdir(exist_ok=True)
                side = 256 if "ffhq" in name else 220
                picture = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
                cv2.imwrite(str(tmp_path / name), picture)
    return dev.samples(tmp_path)


def _forge(pixels: Pixels, rng: np.random.Generator) -> Pixels | None:
    return np.asarray(255 - pixels, np.uint8) if rng.random() < 2 else None


def _items(samples: list[dev.Sample], name: str) -> list[families.Item]:
    return list(families.FAMILIES[name](samples, _forge))


def test_stylegan_is_one_source_with_both_classes(samples: list[dev.Sample]) -> None:
    items = _items(samples, "stylegan")
    assert sorted(item.label for item in items) == [0] * 6 + [1] * 6
    assert all(item.key.startswith("ffhq256_vs_stylegan_140k/") for item in items)


def test_self_blends_come_from_genuine_photos_only(samples: list[dev.Sample]) -> None:
    items = _items(samples, "self_blend")
    assert len({item.unit for item in items}) == 6
    for genuine, forged in zip(items[::2], items[1::2], strict=True):
        assert (genuine.label, forged.label) == (0, 1)
        assert genuine.split == forged.split
        (forgery, none), (photo, tables) = forged.load(), genuine.load()  # type: ignore[misc]
        np.testing.assert_array_equal(forgery, 255 - photo)
        assert not none
        assert not tables, "JPEG tables would tell the untouched half"


def test_unlike_sources_are_brought_to_one_size(samples: list[dev.Sample]) -> None:
    items = _items(samples, "diffusion")
    assert {item.label for item in items} == {0, 1}
    pictures = [item.load() for item in items]
    assert {picture[0].shape for picture in pictures if picture} == {(families.SIDE,) * 2 + (3,)}
    assert all(picture and not picture[1] for picture in pictures), "tables would tell the source"


def test_wear_is_seeded_by_the_picture_and_keeps_the_item(samples: list[dev.Sample]) -> None:
    item = _items(samples, "stylegan")[0]
    one, two = families.worn(item), families.worn(item)
    assert (one.label, one.unit, one.split) == (item.label, item.unit, item.split)
    assert one.key != item.key
    np.testing.assert_array_equal(one.load()[0], two.load()[0])  # type: ignore[index]


def test_a_forgery_that_could_not_be_made_stays_missing(samples: list[dev.Sample]) -> None:
    items = list(families.FAMILIES["self_blend"](samples, lambda *_: None))
    assert items[1].load() is None
    assert families.worn(items[1]).load() is None


def test_every_family_has_a_sentence() -> None:
    assert all(maker.__doc__ for maker in families.FAMILIES.values())
