"""Helpers that several rooms' tests share: tiny bundles, made on the spot."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from unmask.judge.bundle import Bundle, load

# A busy machine is no failure, and a suite says the same thing twice in a row.
settings.register_profile("unmask", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("unmask")


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that tests keep ends up among the user's own bundles and caches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASK_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _interrupts() -> None:
    """What a shell starts in the background ignores interrupts, and so would all processes here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _tiny_model(size: int, heat: bool, scale: float) -> bytes:
    """An ONNX network: logit = scale * mean of the normalised crop, heat = red, pooled by 8."""
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], ["logit"]),
    ]
    outputs = [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])]
    initial = [
        helper.make_tensor("axes", TensorProto.INT64, [3], [1, 2, 3]),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [scale]),
    ]
    if heat:
        nodes += [
            helper.make_node("Gather", ["image", "red"], ["channel"], axis=1),
            helper.make_node(
                "AveragePool", ["channel"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]
            ),
            helper.make_node("Sigmoid", ["pooled"], ["warm"]),
            helper.make_node("Squeeze", ["warm", "one"], ["heat"]),
        ]
        shape = ["n", size // 8, size // 8]
        outputs.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, shape))
        initial += [
            helper.make_tensor("red", TensorProto.INT64, [1], [0]),
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, size, size])
    graph = helper.make_graph(nodes, "tiny", [image], outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def _tiny_card(network: bytes, **changes: Any) -> dict[str, Any]:
    """A valid card for a detector; `changes` replace its entries, `None` removes one."""
    card: dict[str, Any] = {
        "schema": "unmask.card/1",
        "name": "tiny",
        "version": "1.0",
        "task": "face-forgery",
        "method": "mean",
        "title": "Tiny",
        "description": "Brighter is more manipulated.",
        "licence": "Apache-2.0",
        "model": {
            "file": "model.onnx",
            "sha256": hashlib.sha256(network).hexdigest(),
            "bytes": len(network),
        },
        "crop": {
            "kind": "box",
            "size": [32, 32],
            "margin": 1.3,
            "colour": "RGB",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
        },
        "outputs": {"logit": "logit"},
        "calibration": {"kind": "identity", "parameters": {}},
        "operating_points": [
            {"fpr": 0.01, "threshold": 0.9},
            {"fpr": 0.05, "threshold": 0.7},
            {"fpr": 0.1, "threshold": 0.6},
        ],
        "training_data": [],
        "results": [],
        "limits": [],
        "recipe": "none",
    }
    card |= changes
    return {key: value for key, value in card.items() if value is not None}


@pytest.fixture(scope="session")
def tiny_card() -> Callable[..., dict[str, Any]]:
    """Make the card of a detector: `tiny_card(network_bytes, name="b", licence=None, …)`."""
    return _tiny_card


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """Make a detector's bundle: `tiny_bundle(name="b", heat=True, scale=2.0, crop={…}, **card)`.

    Its logit is `scale` times the mean of the normalised crop; with `heat`, the heat map is the
    sigmoid of red. `crop` is merged into the default crop (box, 32 px); other words replace
    entries of the card.
    """

    def make(
        name: str = "tiny",
        *,
        heat: bool = False,
        scale: float = 1.0,
        crop: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Bundle:
        recipe = _tiny_card(b"")["crop"] | (crop or {})
        model = _tiny_model(recipe["size"][0], heat, scale)
        outputs = {"logit": "logit"} | ({"heat": "heat"} if heat else {})
        card = _tiny_card(model, **{"name": name, "crop": recipe, "outputs": outputs} | changes)
        folder = tmp_path / "bundles" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(model)
        (folder / "card.json").write_text(json.dumps(card))
        return load(folder)

    return make
