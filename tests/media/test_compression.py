import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from unmask.media import compression


def reopened(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")), np.array(image.quantization[0]).reshape(8, 8)


def facts(data: bytes) -> dict:
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"))
        return {fact.name: fact.value for fact in compression.facts(image, pixels)}


@pytest.fixture(scope="module")
def natural() -> np.ndarray:
    """Like a photo: its spectrum falls with the frequency, and it was never compressed."""
    rng = np.random.default_rng(5)
    picture = sum(
        cv2.resize(
            rng.normal(0, 40 / 1.6**octave, (4 << octave, 4 << octave)), (320, 320), interpolation=3
        )
        for octave in range(7)
    )
    return np.repeat(np.clip(128 + picture, 0, 255).astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("level", [1, 30, 50, 75, 90, 100])
def test_quality_is_found_exactly(drawn: Callable, encoded: Callable, level: int) -> None:
    found = facts(encoded(drawn(), "JPEG", quality=level))
    assert found["jpeg.quality"] == level
    assert "jpeg.tables" not in found


def test_other_tables_are_named_so(drawn: Callable, encoded: Callable) -> None:
    table = (compression._LUMINANCE * 0.31 + np.arange(64).reshape(8, 8) / 20).astype(int) + 1
    found = facts(encoded(drawn(), "JPEG", qtables=[table.ravel().tolist()]))
    assert 78 <= found["jpeg.quality"] <= 88
    assert found["jpeg.tables"] == "non-standard tables"


def test_a_table_with_zeros_has_no_quality() -> None:
    assert compression._quality(np.zeros((8, 8), int)) == []


@pytest.mark.parametrize(("number", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_subsampling(drawn: Callable, encoded: Callable, number: int, name: str) -> None:
    assert facts(encoded(drawn(), "JPEG", subsampling=number))["jpeg.subsampling"] == name


@pytest.mark.parametrize("level", [50, 75, 90, 97])
def test_one_compression_is_not_called_two(
    natural: np.ndarray, encoded: Callable, level: int
) -> None:
    assert facts(encoded(natural, "JPEG", quality=level))["jpeg.double_compression"] is False


@pytest.mark.parametrize(("first", "second"), [(50, 75), (60, 85), (75, 90), (85, 97)])
def test_a_coarser_first_compression_is_seen(
    natural: np.ndarray, encoded: Callable, first: int, second: int
) -> None:
    once, _ = reopened(encoded(natural, "JPEG", quality=first))
    assert facts(encoded(once, "JPEG", quality=second))["jpeg.double_compression"] is True


def test_a_drawing_is_not_called_twice_compressed(encoded: Callable) -> None:
    picture = Image.new("RGB", (320, 320), "white")
    pen = ImageDraw.Draw(picture)
    for i in range(40):
        pen.ellipse((i * 7, i * 5, i * 7 + 40, i * 5 + 60), outline="black", fill=(i * 6, 90, 120))
        pen.text((10, i * 8), f"line {i}", fill="black")
    for level in (60, 75, 90, 95):
        pixels, table = reopened(encoded(picture, "JPEG", quality=level))
        gain = compression.twice(pixels, table)
        assert gain is not None
        assert gain < compression.THRESHOLD


def test_a_small_picture_is_not_judged(drawn: Callable, encoded: Callable) -> None:
    assert "jpeg.double_compression" not in facts(encoded(drawn(size=(96, 96)), "JPEG"))


def test_only_the_middle_is_looked_at(natural: np.ndarray, encoded: Callable) -> None:
    large = np.zeros((1200, 1600, 3), np.uint8)
    middle = (slice(408, 408 + 384), slice(608, 608 + 384))
    once, _ = reopened(encoded(np.tile(natural, (2, 2, 1))[:384, :384], "JPEG", quality=60))
    large[middle] = once
    assert facts(encoded(large, "JPEG", quality=90))["jpeg.double_compression"] is True


def test_a_file_without_tables_has_no_facts() -> None:
    with Image.new("RGB", (9, 9)) as image:
        assert compression.facts(image, np.zeros((9, 9, 3), np.uint8)) == []


def test_a_table_of_huge_steps_costs_nothing(natural: np.ndarray) -> None:
    """Steps of 16 bits are legal, and a table of every value under them would fill the memory."""
    assert compression.twice(natural, np.full((8, 8), 65535)) == 0.0
