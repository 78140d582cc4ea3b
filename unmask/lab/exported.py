"""Weights of an exported network as floats, so that training can go on from a bundle.

An export folds batch normalisation into the convolutions and may make integers of them. What it
keeps is the order of the layers, and the names of those that had no normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from unmask.errors import LabError

NETWORK = "network."
"""What the exported module calls the network inside it."""
OUTPUT = "logit"


@dataclass(frozen=True)
class Layer:
    """A convolution or a dense layer.

    Attributes:
        name: Of the module in the network; "" for one whose normalisation was folded into it.
        weight: As the module holds it.
        bias: Likewise.
    """

    name: str
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Exported:
    """What an ONNX file holds.

    Attributes:
        layers: In the order in which they run.
        slope, shift: What its logit is multiplied with, and what is added then; see
            `unmask.lab.quantise.stretched`.
    """

    layers: tuple[Layer, ...]
    slope: float
    shift: float

    def named(self) -> dict[str, Tensor]:
        """The named layers' weights and biases, as a `state_dict` has them."""
        named = [layer for layer in self.layers if layer.name]
        weights = {f"{layer.name}.weight": layer.weight for layer in named}
        return weights | {f"{layer.name}.bias": layer.bias for layer in named}

    def folded(self) -> list[Layer]:
        """The others."""
        return [layer for layer in self.layers if not layer.name]


def read(path: Path) -> Exported:
    """The layers of an exported network.

    Raises:
        LabError: `unknown_layout` when a layer's weights are no constants.
    """
    graph = onnx.load(path).graph
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            constants[node.output[0]] = _floats(*(constants[name] for name in node.input))
    layers = []
    for node in graph.node:
        if node.op_type not in {"Conv", "Gemm"}:
            continue
        missing = [name for name in node.input[1:3] if name not in constants]
        if missing or len(node.input) < 3:
            raise LabError("unknown_layout", f"{path}: {node.name} has no constant weights")
        name = node.input[2]  # a bias keeps its name when it becomes integer
        known = name.removeprefix(NETWORK).removesuffix(".bias") if "." in name else ""
        weight, bias = (torch.tensor(constants[one]) for one in node.input[1:3])
        layers.append(Layer(known, weight.float(), bias.float()))
    slope, shift = (
        float(constants.get(f"{OUTPUT}_{name}", np.float32(usual)))
        for name, usual in (("slope", 1.0), ("shift", 0.0))
    )
    return Exported(tuple(layers), slope, shift)


def _floats(
    values: npt.NDArray[np.generic], scale: npt.NDArray[np.float32], zero: npt.NDArray[np.generic]
) -> npt.NDArray[np.float32]:
    """Integers of one scale, or of one a row, as floats."""
    shape = (-1, *[1] * (values.ndim - 1)) if scale.size > 1 else (1,) * values.ndim
    away = values.astype(np.float32) - zero.astype(np.float32).reshape(shape)
    return np.asarray(away * scale.reshape(shape), np.float32)
