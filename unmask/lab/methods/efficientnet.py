"""Manipulated faces, by a plain EfficientNet-B4 on the crop of a face.

Looks for nothing in particular: whatever separates genuine from manipulated faces in training.
Mingxing Tan and Quoc V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", ICML 2019, arXiv 1905.11946. Its size B4 is the trunk of many published forgery detectors
and a baseline of its own in Zhiyuan Yan, Yong Zhang, Xinhang Yuan, Siwei Lyu and Baoyuan Wu,
"DeepfakeBench", NeurIPS 2023, arXiv 2307.01426.

What differs from there, and why:

* It learns from the same pairs as the embedded detectors, self-blends and simulated up-sampling
  among them, with the same wear: it stands beside them in tables.
* 128 pixels instead of 380 (or the bench's 256), so that it trains on a processor; one logit.
* Random weights unless `initial` names ImageNet weights, from which those baselines start.
* Batch statistics move by a tenth a step instead of a hundredth: runs are short.

Fails where published comparisons show it to fail: on forgeries and sources that training did not
hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import EfficientNetConfig, EfficientNetModel

from unmask.errors import LabError
from unmask.lab.method import Data
from unmask.lab.methods import _plain
from unmask.lab.networks.mobilenet import Convolution

CARD = {
    "title": "EfficientNet-B4",
    "authors": "Mingxing Tan, Quoc V. Le",
    "venue": "ICML",
    "year": 2019,
    "arxiv": "1905.11946",
    "task": "face-forgery",
}


@dataclass(frozen=True)
class Config(_plain.Config):
    """Settings; the paper's crop is 380 pixels.

    Attributes:
        width: Factor on the channels of EfficientNet-B0; 1.4 is B4.
        depth: Factor on its blocks; 1.8 is B4.
        initial: Name on the Hugging Face hub or local folder of weights of this width and depth,
            as safetensors; empty for random ones.
    """

    dropout: float = 0.4
    width: float = 1.4
    depth: float = 1.8
    initial: str = ""


class Depthwise(Convolution):
    """A convolution within channels that trains fast where PyTorch's does not.

    In bfloat16 on the CPU, the gradient of a 5x5 kernel takes five times as long as in float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        kind = x.device.type
        if not (self.training and self.kernel_size == (5, 5) and torch.is_autocast_enabled(kind)):
            return super().forward(x)
        with torch.autocast(kind, enabled=False):
            return super().forward(x.float()).to(x.dtype)


class Trunk(nn.Module):
    """The network without its pooling, which fits one size only."""

    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        self.channels = 8 * round(1280 * width / 8)
        self.net = EfficientNetModel(
            EfficientNetConfig(
                width_coefficient=width,
                depth_coefficient=depth,
                hidden_dim=self.channels,
                depthwise_padding=[6],
                batch_norm_momentum=0.1,
            )
        )
        for module in self.net.modules():
            # The library's random normalisation nearly silences every layer.
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
                module.reset_parameters()
            if isinstance(module, nn.Conv2d) and module.groups > 1:
                module.__class__ = Depthwise

    def forward(self, image: Tensor) -> Tensor:
        """Shape (n, 3, h, w), colours -1..1, to (n, channels, h/32, w/32), within one."""
        out: Tensor = self.net.encoder(self.net.embeddings(image)).last_hidden_state
        return out


class EfficientNet(_plain.Plain):
    """EfficientNet-B4, one logit."""

    config: Config

    def network(self) -> _plain.Classifier:
        trunk = Trunk(self.config.width, self.config.depth)
        return _plain.Classifier(trunk, trunk.channels, self.config.dropout)

    def initialise(self, network: nn.Module, data: Data) -> None:
        if not self.config.initial:
            return
        trunk, name = network.trunk, self.config.initial
        assert isinstance(trunk, Trunk)
        try:
            found = EfficientNetModel.from_pretrained(name, use_safetensors=True)
            trunk.net.load_state_dict(found.state_dict())
        except (OSError, RuntimeError) as error:
            words = f"{name} holds no such EfficientNet: {error}"
            raise LabError("weights_missing", words) from error
