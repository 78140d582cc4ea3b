from __future__ import annotations

import doctest
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("sklearn")

from unmask.bench import metrics, shortcut


def _jpeg(seed: int, quality: int, side: int = 64) -> bytes:
    rng = np.random.default_rng(seed)
    stream = io.BytesIO()
    pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(shortcut).failed == 0


def test_sees_compression() -> None:
    rows = [shortcut.features(_jpeg(seed, 75 if seed % 2 else 94)) for seed in range(40)]
    labels = [seed % 2 for seed in range(40)]
    scores = shortcut.Shortcut().fit(rows[:20], labels[:20]).score(rows[20:])
    assert metrics.auc(labels[20:], scores) == 1.0


def test_sees_size_blur_and_colour_but_nothing_else() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(noise[::-1])
    np.testing.assert_allclose(
        shortcut.pixel_features(noise), shortcut.pixel_features(turned), atol=1e-6
    )
    smooth = np.repeat(np.repeat(noise[::2, ::2], 2, 0), 2, 1)
    assert shortcut.spectrum(smooth)[-1] < shortcut.spectrum(noise)[-1] - 0.1


def test_a_pure_wave_falls_into_its_ring() -> None:
    wave = np.rint(127 + 100 * np.sin(2 * np.pi * np.arange(96) / 4)).astype(np.uint8)
    picture = np.repeat(np.broadcast_to(wave, (96, 96))[..., None], 3, 2)
    rings = shortcut.spectrum(np.ascontiguousarray(picture))
    assert int(np.argmax(rings)) in (shortcut.BINS // 2 - 1, shortcut.BINS // 2)


def test_cannot_tell_one_source_from_itself() -> None:
    rows = [shortcut.features(_jpeg(seed, 90)) for seed in range(80)]
    labels = [seed % 2 for seed in range(80)]
    scores = shortcut.Shortcut().fit(rows[:40], labels[:40]).score(rows[40:])
    assert 0.2 < metrics.auc(labels[40:], scores) < 0.8


def test_reads_files(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(_jpeg(0, 75))
    assert shortcut.read([tmp_path / "a.jpg"]).shape == (1, 157)
