"""RetinaFace with a quarter-width MobileNet (weights: MIT), loaded into our own network."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.lab import weights
from unmask.types import Face, Pixels

Floats = npt.NDArray[np.float32]
FILE = "retinaface_mnet025_orig/mobilenet0.25_Final.pth"
ANCHORS = {8: (16, 32), 16: (64, 128), 32: (256, 512)}
MEAN_BGR = np.array([104.0, 117.0, 123.0], np.float32)
VARIANCE = (0.1, 0.2)


def _conv(
    into: int, out: int, kernel: int, stride: int = 1, leak: float | None = None
) -> nn.Module:
    layers = [
        nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out),
    ]
    return nn.Sequential(*layers, *([] if leak is None else [nn.LeakyReLU(leak)]))


def _separable(into: int, out: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(into, into, 3, stride, 1, groups=into, bias=False),
        nn.BatchNorm2d(into),
        nn.LeakyReLU(0.1),
        nn.Conv2d(into, out, 1, bias=False),
        nn.BatchNorm2d(out),
        nn.LeakyReLU(0.1),
    )


class _Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        first = [(8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
        self.stage1 = nn.Sequential(_conv(3, 8, 3, 2, 0.1), *(_separable(*s) for s in first))
        second = [(64, 128, 2), *[(128, 128, 1)] * 5]
        self.stage2 = nn.Sequential(*(_separable(*s) for s in second))
        self.stage3 = nn.Sequential(_separable(128, 256, 2), _separable(256, 256, 1))


class _Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv(c, 64, 1, 1, 0.1) for c in (64, 128, 256))
        self.merge1, self.merge2 = _conv(64, 64, 3, 1, 0.1), _conv(64, 64, 3, 1, 0.1)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> list[Tensor]:
        coarse = self.output3(coarse)
        middle = self.output2(middle)
        middle = self.merge2(middle + F.interpolate(coarse, middle.shape[2:]))
        fine = self.output1(fine)
        return [self.merge1(fine + F.interpolate(middle, fine.shape[2:])), middle, coarse]


class _Context(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv3X3 = _conv(64, 32, 3)
        self.conv5X5_1, self.conv5X5_2 = _conv(64, 16, 3, 1, 0.1), _conv(16, 16, 3)
        self.conv7X7_2, self.conv7x7_3 = _conv(16, 16, 3, 1, 0.1), _conv(16, 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        near = self.conv5X5_1(x)
        parts = [self.conv3X3(x), self.conv5X5_2(near), self.conv7x7_3(self.conv7X7_2(near))]
        return F.relu(torch.cat(parts, 1))


class _Head(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Conv2d(64, 2 * channels, 1)
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        rows: Tensor = self.conv1x1(x).permute(0, 2, 3, 1)
        return rows.reshape(len(x), -1, self.channels)


class Network(nn.Module):
    """Boxes, face-or-not and five points for two anchors a cell at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fpn = _Body(), _Pyramid()
        self.ssh1, self.ssh2, self.ssh3 = _Context(), _Context(), _Context()
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(_Head(channels) for _ in range(3)) for channels in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x`: (N, 3, H, W) BGR minus its mean; gives (N, A, 2), (N, A, 4), (N, A, 10)."""
        fine = self.body.stage1(x)
        middle = self.body.stage2(fine)
        levels = self.fpn(fine, middle, self.body.stage3(middle))
        levels = [ssh(x) for ssh, x in zip((self.ssh1, self.ssh2, self.ssh3), levels, strict=True)]
        classes, boxes, points = (
            torch.cat([head(x) for head, x in zip(heads, levels, strict=True)], 1)
            for heads in (self.ClassHead, self.BboxHead, self.LandmarkHead)
        )
        return classes, boxes, points


class RetinaFace:
    """Finds faces with boxes and five points.

    Attributes:
        floor: Least confidence of a face.
    """

    def __init__(self, floor: float = 0.5, overlap: float = 0.4) -> None:
        """Load the weights; `overlap` is the intersection over union of two faces that are one.

        Raises:
            LabError: `weights_missing`.
        """
        self.floor, self.overlap = floor, overlap
        state = torch.load(weights.find(FILE), map_location="cpu", weights_only=True)
        self.network = Network().eval()
        wanted = self.network.state_dict()
        state = {k.removeprefix("module."): v for k, v in state.items()}
        self.network.load_state_dict({k: v for k, v in state.items() if k in wanted})

    @torch.no_grad()
    def find(self, pixels: Pixels, scale: float = 1.0) -> list[Face]:
        """Faces of an RGB picture that is shown to the network at `scale` times its size."""
        height, width = (max(32, round(side * scale)) for side in pixels.shape[:2])
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        blob = small[:, :, ::-1].astype(np.float32) - MEAN_BGR
        answer = self.network(torch.from_numpy(blob).permute(2, 0, 1)[None])
        classes, boxes, points = (part[0] for part in answer)
        scores = classes.softmax(1)[:, 1].numpy()
        keep = scores >= self.floor
        anchors = _anchors(height, width)[keep]
        unit = np.array([pixels.shape[1], pixels.shape[0]], np.float32)
        found = _decode(anchors, boxes.numpy()[keep], points.numpy()[keep], unit)
        return self._suppress(*found, scores[keep])

    def _suppress(self, boxes: Floats, points: Floats, scores: Floats) -> list[Face]:
        if not len(scores):
            return []
        sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
        kept = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), self.floor, self.overlap)
        return [
            Face(
                box=(float(b[0]), float(b[1]), float(b[2]), float(b[3])),
                confidence=float(scores[i]),
                points=points[i],
            )
            for i in np.asarray(kept).ravel()
            for b in (boxes[i],)
        ]


def _anchors(height: int, width: int) -> Floats:
    rows = []
    for stride, sizes in ANCHORS.items():
        ys, xs = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centre = (np.stack([xs, ys], -1).reshape(-1, 1, 2) + 0.5) * stride / (width, height)
        side = np.array(sizes).reshape(1, -1, 1) / (width, height)
        rows.append(np.concatenate(np.broadcast_arrays(centre, side), 2).reshape(-1, 4))
    return np.concatenate(rows).astype(np.float32)


def _decode(anchors: Floats, boxes: Floats, points: Floats, unit: Floats) -> tuple[Floats, Floats]:
    centre, side = anchors[:, :2], anchors[:, 2:]
    middle = centre + boxes[:, :2] * VARIANCE[0] * side
    half = side * np.exp(boxes[:, 2:] * VARIANCE[1]) / 2
    spots = centre[:, None] + points.reshape(-1, 5, 2) * VARIANCE[0] * side[:, None]
    corners = np.concatenate([(middle - half) * unit, (middle + half) * unit], 1)
    return corners, (spots * unit).astype(np.float32)
