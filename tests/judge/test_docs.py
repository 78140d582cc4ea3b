"""What docs/bundles.md says must hold, and its code must run."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from unmask.errors import BundleError
from unmask.judge.calibrate import fit
from unmask.judge.card import CropKind, schema
from unmask.judge.conformal import Conformal
from unmask.judge.domain import FEATURES
from unmask.judge.runtime import Detector
from unmask.types import Crop

PAGE = Path(__file__).parents[2].joinpath("docs", "bundles.md").read_text("utf-8")


def test_the_code_makes_a_bundle_that_runs(tiny_bundle, tmp_path, monkeypatch, capsys) -> None:
    made = tiny_bundle("source", crop={"size": [128, 128]})
    folder = tmp_path / "my-detector"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(made.read())
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = {"raw": rng.normal(2 * labels - 1, 1.5), "labels": labels}
    exec(code, found)
    assert capsys.readouterr().out == "My detector\n"
    detector = Detector(found["load"](folder))
    crop = Crop(np.full((128, 128, 3), 255, np.uint8), np.eye(2, 3))
    (score,) = detector.score([[crop]])
    assert score.interval[0] < score.probability < score.interval[1]


def test_every_key_crop_kind_calibration_and_code_is_explained() -> None:
    words = set(re.findall(r"`([a-z_/0-9.]+)`", PAGE))
    assert set(schema().root["properties"]) <= words
    assert set(schema().root["properties"]["crop"]["properties"]) - {"colour"} <= words
    for section in ("conformal", "domain"):
        keys = set(schema().root["properties"][section]["properties"])
        assert keys - {"fitted_on", "n"} <= words | set(re.findall(r'"(\w+)"', PAGE))
    assert set(FEATURES) <= words
    assert set(get_args(CropKind)) <= words
    assert words >= BundleError.CODES


@pytest.mark.parametrize("kind", ["temperature", "platt", "beta", "quality", "isotonic"])
def test_the_parameters_of_each_calibration_are_named(kind: str) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \|(.*?)\|", PAGE, re.MULTILINE)
    found = fit(kind, [-1, 0, 1, 2, -2, 0], [0, 1, 1, 1, 0, 0], quality=[1] * 6).parameters
    assert set(re.findall(r"`(\w+)`", row)) == set(found) - {"covariance"}


def test_the_promise_in_the_page_is_one() -> None:
    (text,) = re.findall(r'```json\n"conformal": (.*?)```', PAGE, re.DOTALL)
    stated = Conformal.of(json.loads(text))
    assert stated.at(0.05).genuine == 0.81
    assert stated.at(0.1).manipulated == 0.35
