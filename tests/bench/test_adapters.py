from __future__ import annotations

import doctest
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from unmask.bench import adapters
from unmask.errors import BundleError, ConfigError
from unmask.judge.bundle import Bundle
from unmask.types import Face, Pixels

FACE = Face((20, 20, 70, 80), 1.0, np.zeros((5, 2), np.float32))


def _grey(level: int) -> Pixels:
    return np.full((100, 100, 3), level, np.uint8)


def _together(bundles: list[Bundle], place: Path) -> Path:
    """Bundles in a folder of theirs."""
    folder = place / "pair"
    folder.mkdir()
    for bundle in bundles:
        bundle.folder.rename(folder / bundle.card.name)
    return folder


def _fit(folder: Path, bundles: list[Bundle], weight: float) -> None:
    """A fusion for all of them."""
    fit = {
        "models": {bundle.card.name: bundle.card.model.sha256 for bundle in bundles},
        "weights": {bundle.card.name: weight for bundle in bundles},
        "strongest": 0.0,
        "intercept": 0.0,
        "operating_points": [{"fpr": 0.05, "threshold": 0.8}],
    }
    (folder / "fusion.json").write_text(json.dumps(fit))


def _raw(judge: adapters.Judge, level: int) -> float:
    said = judge.score(_grey(level), FACE)
    assert said
    return said.raw


def test_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(adapters).failed == 0


def test_a_bundle_folder(tiny_bundle: Any) -> None:
    bundle = tiny_bundle("seer", scale=2.0)
    judge = adapters.judge(str(bundle.folder))
    assert judge.name == "seer"
    assert judge.alarm == 0.7
    dark, bright = _raw(judge, 0), _raw(judge, 255)
    assert (dark, bright) == (pytest.approx(-4), pytest.approx(4))
    assert judge.probability(0.0) == 0.5


def test_the_same_network_under_another_crop_has_another_sum(tiny_bundle: Any) -> None:
    one = adapters.BundleJudge(tiny_bundle("a"))
    two = adapters.BundleJudge(tiny_bundle("b", crop={"margin": 2.0}))
    assert one.sha256 != two.sha256


def test_fused_detectors_know_what_any_of_them_learnt(tiny_bundle: Any) -> None:
    told = {"name": "d", "licence": "MIT", "sources": ["here"]}
    one = tiny_bundle("one", training_data=[told, told | {"sources": []}])
    two = tiny_bundle("two", training_data=[told | {"sources": ["there", "here"]}])
    judge = adapters.FusedJudge([one, two])
    assert (judge.seen, judge.told) == (("here", "there"), True)
    half = tiny_bundle("half", training_data=[told, {"name": "d", "licence": "MIT"}])
    for bundles in ([one, half], [one, tiny_bundle("silent")]):
        judge = adapters.FusedJudge(bundles)
        assert (judge.seen, judge.told) == (("here",), False)


@pytest.mark.parametrize("card", ["card.json", "mine.json"])
def test_an_onnx_file_with_a_card_beside_it(tiny_bundle: Any, tmp_path: Path, card: str) -> None:
    bundle = tiny_bundle()
    shutil.copy(bundle.model, tmp_path / "mine.onnx")
    document = json.loads((bundle.folder / "card.json").read_text())
    document["model"]["file"] = "mine.onnx"
    (tmp_path / card).write_text(json.dumps(document))
    judge = adapters.judge(str(tmp_path / "mine.onnx"))
    assert judge.score(_grey(255), FACE) == (pytest.approx(2), None)


def test_a_folder_of_bundles_is_fused_by_its_own_weights(tiny_bundle: Any, tmp_path: Path) -> None:
    bundles = [tiny_bundle(name, scale=s) for name, s in (("one", 4.0), ("two", -1.0))]
    folder = _together(bundles, tmp_path)
    judge = adapters.judge(str(folder))
    assert judge.name == "one+two"
    assert judge.alarm == 0.7, "the highest of their own"
    plain = _raw(judge, 200)
    _fit(folder, bundles, weight=2.0)
    fitted = adapters.judge(str(folder))
    assert fitted.alarm == 0.8
    assert fitted.sha256 != judge.sha256
    assert fitted.score(_grey(200), FACE) == (pytest.approx(2 * plain, rel=1e-3), None)


def test_a_face_that_only_some_could_judge_is_held_to_their_own_threshold(
    tiny_bundle: Any, tmp_path: Path
) -> None:
    bundles = [tiny_bundle("one", scale=4.0), tiny_bundle("shy", crop={"min_face": 500})]
    folder = _together(bundles, tmp_path)
    _fit(folder, bundles, weight=1.0)
    judge = adapters.judge(str(folder))
    said = judge.score(_grey(255), FACE)
    assert said
    assert (judge.alarm, said.alarm) == (0.8, 0.7)


def test_bundles_fused_as_the_runtime_does(tiny_bundle: Any) -> None:
    small = {"min_face": 500}
    one, two, shy = (
        str(tiny_bundle(name, scale=scale, crop=crop).folder)
        for name, scale, crop in (("a", 1.0, {}), ("b", 0.5, {}), ("c", 9.0, small))
    )
    judge = adapters.judge(f"{one}+{two}+{shy}")
    assert judge.name == "a+b+c"
    # Log odds of 2 and 1 add up; the third says nothing of a face that small.
    assert _raw(judge, 255) == pytest.approx(3, abs=1e-4)
    assert judge.probability(3.0) == pytest.approx(1 / (1 + np.exp(-3)))
    assert adapters.judge(f"{shy}+{shy}").score(_grey(255), FACE) is None


def test_an_onnx_file_without_its_card(tiny_bundle: Any, tmp_path: Path) -> None:
    bundle = tiny_bundle()
    shutil.copy(bundle.model, tmp_path / "mine.onnx")
    with pytest.raises(BundleError, match="bundle_missing"):
        adapters.judge(str(tmp_path / "mine.onnx"))
    shutil.copy(bundle.folder / "card.json", tmp_path / "card.json")
    with pytest.raises(BundleError, match=r"is the card of model\.onnx"):
        adapters.judge(str(tmp_path / "mine.onnx"))


def test_a_word_that_leads_nowhere() -> None:
    with pytest.raises(ConfigError, match="unknown_detector"):
        adapters.judge("no-such-detector")


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["Real", "Fake"], ([1], [0])),
        (["artificial", "human"], ([0], [1])),
        (["real", "FaceSwap_fake", "GAN generated"], ([1, 2], [0])),
        (["realFace", "aiGenerated"], ([1], [0])),
    ],
)
def test_labels_by_their_words(names: list[str], wanted: Any) -> None:
    assert adapters.sides(dict(enumerate(names))) == wanted


@pytest.mark.parametrize("names", [["LABEL_0", "LABEL_1"], ["fake", "ai"], ["real fake", "real"]])
def test_labels_that_say_nothing_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="id2label"):
        adapters.sides(dict(enumerate(names)))


def test_the_crop_of_a_classifier() -> None:
    plain = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5] * 3}
    assert adapters.recipe({"size": {"height": 32, "width": 32}, **plain}).size == (32, 32)
    middle = {"size": {"shortest_edge": 64}, "crop_size": 48, "do_center_crop": True, **plain}
    assert adapters.recipe(middle).size == (48, 48)
    assert adapters.recipe({"size": 8, "do_normalize": False}).mean == (0, 0, 0)
    with pytest.raises(ConfigError, match="lacks a size"):
        adapters.recipe(plain)
    with pytest.raises(ConfigError, match="lacks a size"):
        adapters.recipe({"size": 8})


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    """A tiny classifier of the usual kind, saved as its library saves it."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=32,
        patch_size=16,
        id2label={0: "Fake", 1: "Real"},
        label2id={"Fake": 0, "Real": 1},
    )
    folder = tmp_path / "vit"
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    preparation = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3}
    preparation |= {"image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation))
    return folder


def test_a_hugging_face_folder(classifier: Path) -> None:
    import torch

    judge = adapters.judge(str(classifier))
    assert isinstance(judge, adapters.Classifier)
    assert judge.name == "vit"
    raw = _raw(judge, 255)
    with torch.inference_mode():
        logits = judge._model(torch.ones(1, 3, 32, 32)).logits[0]
    assert raw == pytest.approx(float(logits[0] - logits[1]), abs=1e-5)
    assert judge.probability(raw) == pytest.approx(float(logits.softmax(0)[0]), abs=1e-5)
    next(classifier.glob("*.safetensors")).rename(classifier / "other.bin")
    with pytest.raises(ConfigError, match="safetensors"):
        adapters.judge(str(classifier))
