from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from unmask.faces.opencv_yunet import YuNet

WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def toy_network() -> bytes:
    """YuNet's outputs, but a face is simply a red cell of 32 by 32 pixels."""
    nodes, initial, outputs = [], [], []
    for stride in (8, 16, 32):
        nodes.append(
            helper.make_node(
                "AveragePool",
                ["input"],
                [f"pool_{stride}"],
                kernel_shape=[stride] * 2,
                strides=[stride] * 2,
            )
        )
        for kind, width in WIDTHS.items():
            name = f"{kind}_{stride}"
            weights = np.zeros((width, 3, 1, 1), np.float32)
            if stride == 32 and kind in ("cls", "obj"):
                weights[0, 2] = 1 / 255
            if kind == "kps":
                bias = np.linspace(0.1, 0.9, 10, dtype=np.float32)
            else:
                bias = np.zeros(width, np.float32)
            initial += [
                helper.make_tensor(f"w_{name}", TensorProto.FLOAT, weights.shape, weights.ravel()),
                helper.make_tensor(f"b_{name}", TensorProto.FLOAT, bias.shape, bias),
                helper.make_tensor(f"s_{name}", TensorProto.INT64, [3], [1, -1, width]),
            ]
            nodes += [
                helper.make_node(
                    "Conv", [f"pool_{stride}", f"w_{name}", f"b_{name}"], [f"c_{name}"]
                ),
                helper.make_node("Transpose", [f"c_{name}"], [f"t_{name}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"t_{name}", f"s_{name}"], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "n", width]))
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    graph = helper.make_graph(nodes, "toy", [image], outputs, initial)
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


@pytest.fixture(scope="module")
def yunet() -> YuNet:
    card = SimpleNamespace(options={"threshold": 0.5, "nms": 0.3})
    bundle: Any = SimpleNamespace(card=card, read=toy_network)
    return YuNet(bundle)


def red(width: int, height: int, x: int, y: int, side: int = 32) -> np.ndarray:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[y : y + side, x : x + side, 0] = 255
    return pixels


def test_box_and_points_in_pixels_of_the_frame(yunet: YuNet) -> None:
    (face,) = yunet.find(red(320, 256, 96, 64))
    assert face.box == pytest.approx((80, 48, 112, 80))
    assert face.confidence == pytest.approx(1.0)
    assert face.points.shape == (5, 2)
    assert face.points[0] == pytest.approx((96 + 3.2, 64 + 32 * (0.1 + 0.8 / 9)), abs=0.1)
    assert face.points.dtype == np.float32


def test_no_face(yunet: YuNet) -> None:
    assert yunet.find(np.zeros((240, 320, 3), np.uint8)) == []


def test_blue_is_not_red(yunet: YuNet) -> None:
    assert yunet.find(red(320, 256, 96, 64)[..., ::-1]) == []


def test_large_frame_is_searched_small(yunet: YuNet) -> None:
    (face,) = yunet.find(red(2560, 2048, 768, 512, side=256))[:1]
    assert face.box == pytest.approx((640, 384, 896, 640), abs=1)


def test_largest_first_and_counted(yunet: YuNet) -> None:
    frame = np.maximum(red(640, 512, 64, 64, side=64), red(640, 512, 416, 320, side=32))
    faces = yunet.find(frame)
    areas = [(f.box[2] - f.box[0]) * (f.box[3] - f.box[1]) for f in faces]
    assert areas == sorted(areas, reverse=True)
    assert [f.track for f in faces] == list(range(len(faces)))


def test_threads_do_not_disturb_each_other(yunet: YuNet) -> None:
    frames = [red(320, 256, 96, 64), red(480, 320, 96, 64), red(256, 640, 96, 64)] * 4
    alone = [yunet.find(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(yunet.find, frames))
    for one, other in zip(alone, together, strict=True):
        assert [f.box for f in one] == [f.box for f in other]


def test_says_nothing_on_stderr(yunet: YuNet, capfd: pytest.CaptureFixture[str]) -> None:
    card = SimpleNamespace(options={})
    bundle: Any = SimpleNamespace(card=card, read=toy_network)
    YuNet(bundle).find(red(320, 256, 96, 64))
    assert capfd.readouterr().err == ""
