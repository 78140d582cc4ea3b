"""Both networks, from random weights in Keras's layout, against Keras's arithmetic in NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from safetensors.numpy import save_file

from unmask.bench import peers
from unmask.errors import BundleError

Tensors = dict[str, np.ndarray]
MESO4 = dict(enumerate([(3, 3, 8), (5, 8, 8), (5, 8, 16), (5, 16, 16)], 5))


def _inception_shapes(into: int, *widths: int) -> list[tuple[int, int, int]]:
    first, *rest = widths
    pairs = [shape for width in rest for shape in ((1, into, width), (3, width, width))]
    return [(1, into, first), *pairs]


INCEPTION = dict(
    enumerate(
        [
            *_inception_shapes(3, 1, 4, 4, 2),
            *_inception_shapes(11, 2, 4, 4, 2),
            (5, 12, 16),
            (5, 16, 16),
        ],
        1,
    )
)
"""Number of the convolution to side, channels in and out."""


def _tensors(
    convolutions: dict[int, tuple[int, int, int]], norms: list[int], dense: int
) -> Tensors:
    rng = np.random.default_rng(0)
    made: Tensors = {}
    for number, (side, into, out) in convolutions.items():
        shape = (side, side, into, out)
        made[f"conv2d_{number}.kernel:0"] = rng.normal(0, (side * side * into) ** -0.5, shape)
        made[f"conv2d_{number}.bias:0"] = rng.normal(0, 0.1, out)
    first = len(convolutions) == 4
    for number, width in enumerate(norms, 5 if first else 1):
        name = f"batch_normalization_{number}"
        made[f"{name}.moving_variance:0"] = rng.uniform(0.01, 1, width)
        for role, mean in (("gamma", 1), ("beta", 0), ("moving_mean", 0)):
            made[f"{name}.{role}:0"] = rng.normal(mean, 0.3, width)
    for number, (into, out) in ((dense, (1024, 16)), (dense + 1, (16, 1))):
        made[f"dense_{number}.kernel:0"] = rng.normal(0, into**-0.5, (into, out))
        made[f"dense_{number}.bias:0"] = rng.normal(0, 0.1, out)
    return {name: np.ascontiguousarray(value, np.float32) for name, value in made.items()}


def _meso4() -> Tensors:
    return _tensors(MESO4, [8, 8, 16, 16], 3)


def _inception() -> Tensors:
    return _tensors(INCEPTION, [11, 12, 16, 16], 1)


def _conv(t: Tensors, number: int, x: np.ndarray, spread: int = 1) -> np.ndarray:
    kernel = t[f"conv2d_{number}.kernel:0"]
    side, (height, width) = kernel.shape[0], x.shape[:2]
    room = spread * (side // 2)
    padded = np.pad(x, ((room, room), (room, room), (0, 0)))
    total = np.zeros((height, width, kernel.shape[3])) + t[f"conv2d_{number}.bias:0"]
    for row in range(side):
        for column in range(side):
            y0, x0 = row * spread, column * spread
            total += padded[y0 : y0 + height, x0 : x0 + width] @ kernel[row, column]
    return np.maximum(total, 0)


def _inception_layer(t: Tensors, first: int, x: np.ndarray) -> np.ndarray:
    parts = [_conv(t, first, x)]
    for spread, number in enumerate((first + 1, first + 3, first + 5), 1):
        parts.append(_conv(t, number + 1, _conv(t, number, x), spread))
    return np.concatenate(parts, -1)


def _finish(t: Tensors, number: int, x: np.ndarray, pool: int) -> np.ndarray:
    name = f"batch_normalization_{number}."
    gamma, beta, mean, var = (
        t[f"{name}{role}:0"] for role in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    normed = (x - mean) / np.sqrt(var + 1e-3) * gamma + beta
    side = x.shape[0] // pool
    return normed.reshape(side, pool, side, pool, -1).max((1, 3))


def _genuine(t: Tensors, x: np.ndarray) -> float:
    """What Keras would print before the sigmoid."""
    if "conv2d_16.bias:0" in t:
        numbers, dense, norm = (15, 16), 1, 1
        x = _finish(t, norm, _inception_layer(t, 1, x), 2)
        x = _finish(t, norm + 1, _inception_layer(t, 8, x), 2)
    else:
        numbers, dense, norm = (7, 8), 3, 5
        x = _finish(t, norm, _conv(t, 5, x), 2)
        x = _finish(t, norm + 1, _conv(t, 6, x), 2)
    x = _finish(t, norm + 2, _conv(t, numbers[0], x), 2)
    x = _finish(t, norm + 3, _conv(t, numbers[1], x), 4)
    hidden = x.reshape(-1) @ t[f"dense_{dense}.kernel:0"] + t[f"dense_{dense}.bias:0"]
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
    last = hidden @ t[f"dense_{dense + 1}.kernel:0"] + t[f"dense_{dense + 1}.bias:0"]
    return float(last[0])


@pytest.mark.parametrize("tensors", [_meso4(), _inception()], ids=["meso4", "inception"])
def test_logits_are_those_of_keras_turned_round(tensors: Tensors, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "w.safetensors")
    score = peers.get("mesonet").load(tmp_path / "w.safetensors")
    batch = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3)).astype(np.uint8)
    found = score(batch)
    assert found.shape == (2,)
    assert found.dtype == np.float32
    assert found == pytest.approx([-_genuine(tensors, crop / 255) for crop in batch], abs=1e-4)
    assert found[1:] == pytest.approx(score(batch[1:]), abs=1e-5)


def test_a_tensor_too_few_or_too_many_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    without = {name: value for name, value in _meso4().items() if name != "conv2d_7.bias:0"}
    odd = {"batch_normalization_9.gamma:0": np.ones(8, np.float32)}
    foreign = {"conv2d_5.weight": np.ones(8, np.float32)}
    swapped = {"conv2d_5.bias:0": np.ones(9, np.float32)}
    for tensors in (without, _meso4() | odd, _meso4() | foreign, _meso4() | swapped):
        save_file(tensors, path)
        with pytest.raises(BundleError) as caught:
            peers.get("mesonet").load(path)
        assert caught.value.code == "bundle_invalid"
