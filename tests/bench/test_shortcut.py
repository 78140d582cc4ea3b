from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("sklearn")

from unmask.bench import metrics, shortcut


def _jpeg(folder: Path, seed: int, quality: int) -> np.ndarray:
    path = folder / f"{seed}.jpg"
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", quality=quality)
    return shortcut.features(*shortcut.read(path))


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(shortcut).failed == 0


def test_sees_compression(tmp_path: Path) -> None:
    rows = [_jpeg(tmp_path, seed, 75 if seed % 2 else 94) for seed in range(40)]
    labels = [seed % 2 for seed in range(40)]
    scores = shortcut.Shortcut().fit(rows[:20], labels[:20]).score(rows[20:])
    assert metrics.auc(labels[20:], scores) == 1.0


def test_sees_size_blur_and_colour_but_nothing_else() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(noise[::-1])
    np.testing.assert_allclose(shortcut.features(noise), shortcut.features(turned), atol=1e-6)
    smooth = np.repeat(np.repeat(noise[::2, ::2], 2, 0), 2, 1)
    assert shortcut.spectrum(smooth)[-1] < shortcut.spectrum(noise)[-1] - 0.1


def test_a_pure_wave_falls_into_its_ring() -> None:
    wave = np.rint(127 + 100 * np.sin(2 * np.pi * np.arange(96) / 4)).astype(np.uint8)
    picture = np.repeat(np.broadcast_to(wave, (96, 96))[..., None], 3, 2)
    rings = shortcut.spectrum(np.ascontiguousarray(picture))
    assert int(np.argmax(rings)) in (shortcut.BINS // 2 - 1, shortcut.BINS // 2)


def test_cannot_tell_one_source_from_itself(tmp_path: Path) -> None:
    rows = [_jpeg(tmp_path, seed, 90) for seed in range(80)]
    labels = [seed % 2 for seed in range(80)]
    scores = shortcut.Shortcut().fit(rows[:40], labels[:40]).score(rows[40:])
    assert 0.2 < metrics.auc(labels[40:], scores) < 0.8


def test_a_picture_that_was_no_jpeg_has_no_tables(tmp_path: Path) -> None:
    Image.new("L", (20, 10), 51).save(tmp_path / "a.png")
    pixels, tables = shortcut.read(tmp_path / "a.png")
    assert tables == {}
    row = shortcut.features(pixels, tables)
    assert row.shape == (157,)
    assert row[:2] == pytest.approx(np.log([20, 10]))
    assert not row[2:130].any()


def test_a_handful_of_samples_is_no_error() -> None:
    rows = [[float(n)] for n in range(6)]
    scores, how = shortcut.rival(([], []), (rows, [0, 1] * 3), [str(n) for n in range(6)])
    assert how == "cross-fitted"
    assert len(scores) == 6
    alone, _ = shortcut.rival(([], []), (rows[:2], [0, 1]), ["a", "b"])
    assert alone.tolist() == [0.5, 0.5]
