"""MobileNetV2 (Sandler et al., CVPR 2018, arXiv 1801.04381), whole or cut after any stage.

Can start from the Apache-2.0 ImageNet weights that Google Coral publishes as an 8-bit TFLite file
(here as safetensors: int8 kernels with a scale per channel). Their batch normalisation is folded
into the convolutions, which trains badly; `restore_batch_norm` puts it back without changing what
the network computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks, stride of the first block (paper, table 2)."""


class Halving(torch.autograd.Function):
    """Depthwise convolution of stride 2 whose gradient is another depthwise convolution.

    PyTorch's own gradient of it is twenty times slower in bfloat16 on the CPU, half of a training
    step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor) -> Tensor:
        """Shapes (n, c, h, w), odd h and w, and (c, 1, k, k) to (n, c, (h - k) / 2 + 1, ...)."""
        ctx.save_for_backward(x, kernel)
        return F.conv2d(x, kernel, stride=2, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Gradients of the picture and of the kernel."""
        x, kernel = ctx.saved_tensors
        before = after = None
        if ctx.needs_input_grad[0]:
            side, (n, c, h, w) = kernel.shape[-1], x.shape
            shape, layout = (n, c, h - side + 1, w - side + 1), torch.channels_last
            spread = torch.empty(
                shape, dtype=x.dtype, device=x.device, memory_format=layout
            ).zero_()
            spread[:, :, ::2, ::2] = gradient
            before = F.conv2d(spread, kernel.flip(2, 3), padding=side - 1, groups=c)
        if ctx.needs_input_grad[1]:
            _, after, _ = torch.ops.aten.convolution_backward(
                gradient,
                x,
                kernel,
                None,
                [2, 2],
                [0, 0],
                [1, 1],
                False,
                [0, 0],
                x.shape[1],
                [False, True, False],
            )
        return before, after


class Convolution(nn.Conv2d):
    """A convolution that trains fast where PyTorch's does not."""

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        if not (self.training and self.groups > 1 and self.stride == (2, 2)):
            return super().forward(x)
        kernel = self.weight
        if torch.is_autocast_enabled(x.device.type):
            kernel = kernel.to(torch.get_autocast_dtype(x.device.type))
        out: Tensor = Halving.apply(x.to(kernel.dtype), kernel)  # type: ignore[no-untyped-call]
        return out


class Unit(nn.Sequential):
    """Convolution, batch normalisation, ReLU6; pads like TensorFlow, as the weights expect."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        act: bool = True,
    ) -> None:
        layers: list[nn.Module] = []
        if stride == 2:
            layers.append(nn.ZeroPad2d((0, 1, 0, 1)))
        padding = kernel // 2 if stride == 1 else 0
        layers.append(
            Convolution(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        )
        layers.append(nn.BatchNorm2d(outputs))
        if act:
            layers.append(nn.ReLU6(inplace=True))
        super().__init__(*layers)


class Block(nn.Module):
    """Inverted residual (paper, section 3.3)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        first = [Unit(inputs, hidden, 1)] if expansion > 1 else []
        self.body = nn.Sequential(
            *first, Unit(hidden, hidden, 3, stride, hidden), Unit(hidden, outputs, 1, act=False)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, inputs, h, w) to (n, outputs, h/stride, w/stride)."""
        out: Tensor = self.body(x)
        return x + out if self.residual else out


class MobileNetV2(nn.Module):
    """The trunk without its classifier.

    Attributes:
        stem: 3 to 32 channels at stride 2.
        stages: Seven sequences of blocks; strides 2, 4, 8, 16, 16, 32, 32.
        top: 1x1 to 1280 channels, or `None` when the trunk is cut.
    """

    def __init__(self, stages: int = 7, top: bool = True) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, 2)
        sequences, channels = [], 32
        for expansion, outputs, blocks, stride in STAGES[:stages]:
            sequence = [Block(channels, outputs, stride, expansion)]
            sequence += [Block(outputs, outputs, 1, expansion) for _ in range(blocks - 1)]
            sequences.append(nn.Sequential(*sequence))
            channels = outputs
        self.stages = nn.ModuleList(sequences)
        self.top = Unit(channels, 1280, 1) if top else None
        self.channels = 1280 if top else channels

    def features(self, x: Tensor) -> list[Tensor]:
        """Outputs of every stage, finest first, then of the top if there is one.

        Args:
            x: Shape (n, 3, h, w), colours -1..1.
        """
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        if self.top is not None:
            maps.append(self.top(x))
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, channels, h/32, w/32)."""
        return self.features(x)[-1]


def load_quantised(network: MobileNetV2, path: Path) -> dict[str, Tensor]:
    """Fill the convolutions from the 8-bit file; returns each unit's folded bias by unit name.

    The network is not usable until `restore_batch_norm` was run with these biases.
    """
    tensors = load_file(path)
    folded = []
    for prefix in sorted({name.split(".")[0] for name in tensors}):
        kernel = next(v for k, v in tensors.items() if k.startswith(prefix) and "int8" in k)
        scale = tensors[f"{prefix}.scale"].float().view(-1, 1, 1, 1)
        folded.append((kernel.float() * scale, tensors[f"{prefix}.bias"].float()))
    return load_folded(network, folded)


@torch.no_grad()
def load_folded(network: MobileNetV2, folded: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Fill the convolutions from kernels and biases that normalisation was folded into.

    Args:
        network: Not usable until `restore_batch_norm` was run with the biases.
        folded: In the order of the units; what is more than there are units is left.

    Returns:
        Each unit's bias by unit name.
    """
    units = [(name, m) for name, m in network.named_modules() if isinstance(m, Unit)]
    biases = {}
    for (name, unit), (kernel, bias) in zip(units, folded, strict=False):
        next(m for m in unit if isinstance(m, nn.Conv2d)).weight.copy_(kernel)
        biases[name] = bias
    return biases


@torch.no_grad()
def restore_batch_norm(network: MobileNetV2, biases: dict[str, Tensor], images: Tensor) -> None:
    """Give every normalisation the statistics of `images` and the scale and shift that undo them.

    One pass is enough: each layer's output is exact as soon as its own normalisation is set, so
    the next layer sees what it will always see.

    Args:
        network: Filled by `load_quantised` or `load_folded`.
        biases: What that returned.
        images: Shape (n, 3, h, w), colours -1..1; a few dozen ordinary pictures.
    """

    def measure(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        x = inputs[0].float()
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        module.running_mean.copy_(mean)  # type: ignore[union-attr]
        module.running_var.copy_(variance)  # type: ignore[union-attr]
        module.weight.copy_((variance + module.eps).sqrt())
        module.bias.copy_(mean + biases[owner[module]])

    owner: dict[nn.Module, str] = {}
    hooks = []
    for name, unit in network.named_modules():
        if isinstance(unit, Unit):
            norm = next(m for m in unit if isinstance(m, nn.BatchNorm2d))
            owner[norm] = name
            hooks.append(norm.register_forward_pre_hook(measure))
    training = network.training
    network.eval()(images)
    network.train(training)
    for hook in hooks:
        hook.remove()
