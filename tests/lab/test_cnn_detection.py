from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from unmask.lab.method import build, read_recipe
from unmask.lab.methods import _generated, cnn_detection, npr
from unmask.types import Face


def _face(side: float) -> Face:
    return Face((10.0, 20.0, 10.0 + side, 20.0 + side / 2), 1.0, np.zeros((5, 2), np.float32))


def test_what_is_scored_while_training_is_what_is_exported() -> None:
    torch.manual_seed(0)
    method = build("cnn_detection", {"initial": "", "size": 64})
    assert isinstance(method, cnn_detection.GeneratedFaces)
    network = method.network().eval()
    windows = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        told = method.logits(network, windows)
        (exported,) = method.graph(network)(_generated.prepared(windows))
    assert told.shape == (3,)
    torch.testing.assert_close(told, exported)


def test_it_judges_the_faces_that_its_companion_judges() -> None:
    """So that the two can be compared, and weighed together, on the same faces."""
    own = cnn_detection.GeneratedFaces(cnn_detection.Config()).crop()
    companion = npr.NeighbouringPixels(npr.Config()).crop()
    limits = ("min_face", "max_face")
    assert [own[name] for name in limits] == [companion[name] for name in limits]


def test_faces_that_are_not_kept_whole_measure_nothing() -> None:
    assert cnn_detection.whole(_face(_generated.LARGEST))
    assert not cnn_detection.whole(_face(_generated.LARGEST + 1))


def test_it_learns_from_generated_faces_alone() -> None:
    recipe = read_recipe("cnn-detection")
    config = cnn_detection.Config(**recipe.config)
    assert {"blend", "trace"} <= set(config.without)
    assert not set(_generated.GENERATED) & set(config.without)
