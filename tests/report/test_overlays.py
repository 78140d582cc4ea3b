from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from unmask.report import overlays


def lightness(colours):
    """CIE L* of sRGB colours."""
    channel = colours / 255
    linear = np.where(channel > 0.04045, ((channel + 0.055) / 1.055) ** 2.4, channel / 12.92)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def opened(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_palette_gets_evenly_lighter():
    steps = np.diff(lightness(overlays.palette()[::15].astype(float)))
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()


def test_heat_map_hides_nothing_where_it_is_cold():
    heat = np.array([[0.0, 0.14, 0.3, 0.6, 1.0, 2.0, np.nan]], np.float32)
    layer = overlays.heat_map(heat)
    assert layer.shape == (1, 7, 4)
    alpha = layer[0, :, 3].tolist()
    assert alpha[:2] == [0, 0]
    assert 0 < alpha[2] < alpha[3]
    assert alpha[4] == alpha[5] < 255
    assert alpha[6] == 0


def test_blend_changes_only_the_hot_part():
    pixels = np.full((8, 8, 3), 100, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[2:4, 2:4] = 1
    out = overlays.blend(pixels, heat)
    changed = (out != pixels).any(axis=2)
    assert (changed == (heat > 0)).all()


def test_boxed_leaves_its_input_and_marks_the_strong_one_in_red():
    pixels = np.full((100, 200, 3), 128, np.uint8)
    marks = [
        overlays.Mark((20, 30, 60, 80), "1", over=True),
        overlays.Mark((120, 30, 160, 80), "2", over=False),
    ]
    out = overlays.boxed(pixels, marks)
    assert (pixels == 128).all()
    assert out[60, 20].tolist() == [161, 42, 22]
    assert out[60, 120].tolist() == [255, 255, 255]
    assert (out[55, 40] == 128).all()


@pytest.mark.parametrize(
    "box", [(-50, -50, 500, 500), (50, 50, 10, 10), (5, 5, 5, 5), (900, 900, 990, 990)]
)
def test_boxed_stands_odd_boxes(box):
    pixels = np.zeros((60, 60, 3), np.uint8)
    assert overlays.boxed(pixels, [overlays.Mark(box, "1", True)]).shape == pixels.shape


@pytest.mark.parametrize(("shape", "size"), [((400, 200, 3), (100, 50)), ((50, 90, 4), (50, 90))])
def test_shrink_keeps_the_ratio_and_never_enlarges(shape, size):
    assert overlays.shrink(np.zeros(shape, np.uint8), 100).shape == (*size, shape[2])


def test_shrink_of_a_sliver():
    assert overlays.shrink(np.zeros((1, 5000, 3), np.uint8), 100).shape == (1, 100, 3)


@pytest.mark.parametrize("kind", ["webp", "png", "jpeg"])
def test_data_uri(kind):
    uri = overlays.data_uri(np.full((20, 30, 3), 77, np.uint8), kind)
    assert uri.startswith(f"data:image/{kind};base64,")
    image = opened(uri)
    assert image.size == (30, 20)
    assert abs(int(np.asarray(image.convert("RGB"))[10, 10, 0]) - 77) <= 3


def test_data_uri_keeps_alpha_and_is_small():
    y, x = np.mgrid[:96, :96] / 96
    heat = np.exp(-((x - 0.5) ** 2 + (y - 0.6) ** 2) * 20).astype(np.float32)
    uri = overlays.data_uri(overlays.heat_map(heat))
    assert opened(uri).mode == "RGBA"
    assert len(uri) < 6000
