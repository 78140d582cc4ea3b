import json
from pathlib import Path

import numpy as np
import pytest

from unmask.errors import BundleError, ConfigError
from unmask.judge import runtime
from unmask.judge.bundle import Bundle, load
from unmask.judge.runtime import BATCH, Detector, Model
from unmask.types import Crop


def crops(values: list[int], size: int = 32) -> list[Crop]:
    return [Crop(np.full((size, size, 3), v, np.uint8), np.eye(2, 3)) for v in values]


def batch(n: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def test_run_normalises_as_the_card_says(tiny_bundle) -> None:
    recipe = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 1.0, 2.0]}
    model = Model(tiny_bundle(scale=3.0, crop=recipe))
    pixels = batch(5)
    wanted = 3 * ((pixels / 255 - recipe["mean"]) / recipe["std"]).mean((1, 2, 3))
    found = model.run(pixels)
    assert found["logit"].dtype == np.float32
    assert np.allclose(found["logit"], wanted, atol=1e-5)
    assert model.provider == "CPUExecutionProvider"


def test_many_crops_are_run_in_parts_and_equal_their_singles(tiny_bundle) -> None:
    model = Model(tiny_bundle(heat=True))
    pixels = batch(2 * BATCH + 3)
    together = model.run(pixels)
    assert together["heat"].shape == (len(pixels), 4, 4)
    for i in (0, BATCH, len(pixels) - 1):
        alone = model.run(pixels[i : i + 1])
        assert np.allclose(alone["logit"][0], together["logit"][i], atol=1e-6)
        assert np.allclose(alone["heat"][0], together["heat"][i], atol=1e-6)


def test_the_same_input_gives_the_same_bytes(tiny_bundle) -> None:
    model = Model(tiny_bundle(), threads=2)
    assert np.array_equal(model.run(batch(9))["logit"], model.run(batch(9))["logit"])


def test_a_session_is_made_once(tiny_bundle) -> None:
    bundle = tiny_bundle()
    assert Model(bundle)._session is Model(load(bundle.folder))._session
    assert Model(bundle, threads=2)._session is not Model(bundle)._session


@pytest.mark.parametrize(
    "pixels",
    [
        batch(1, 31),
        batch(1).astype(np.float32),
        batch(1)[0],
        batch(0),
        batch(1)[..., :2],
    ],
    ids=["size", "type", "rank", "none", "channels"],
)
def test_crops_by_another_recipe_are_refused(tiny_bundle, pixels: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="takes uint8 crops") as caught:
        Model(tiny_bundle()).run(pixels)
    assert caught.value.code == "bad_option"


def test_a_network_for_any_size_takes_what_comes(bundle_of) -> None:
    from onnx import helper

    node = helper.make_node("ReduceMean", ["image", "axes"], ["logit"], keepdims=0)
    axes = helper.make_tensor("axes", 7, [3], [1, 2, 3])
    shape = ["n", 3, "h", "w"]
    model = [[node], [("image", F, shape)], [("logit", F, ["n"])], (axes,)]
    free = Model(bundle_of(*model, options={"free_size": True}))
    assert free.run(np.zeros((2, 40, 24, 3), np.uint8))["logit"].shape == (2,)
    with pytest.raises(ConfigError, match="takes uint8 crops"):
        Model(bundle_of(*model)).run(np.zeros((2, 40, 24, 3), np.uint8))


def test_a_provider_that_is_not_there_is_an_error_not_a_fallback(tiny_bundle) -> None:
    with pytest.raises(ConfigError, match="NoSuchExecutionProvider") as caught:
        Model(tiny_bundle(), provider="NoSuchExecutionProvider")
    assert caught.value.code == "bad_option"


def test_a_provider_that_does_not_start_is_an_error(tiny_bundle, monkeypatch) -> None:
    import onnxruntime

    class OnCpuAfterAll:
        def __init__(self, *_, **__) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnCpuAfterAll)
    with pytest.raises(ConfigError, match="could not be started"):
        Model(tiny_bundle(), provider="CUDAExecutionProvider")


def test_a_score_is_calibrated(tiny_bundle) -> None:
    platt = {"kind": "platt", "parameters": {"slope": 2.0, "intercept": -1.0}}
    detector = Detector(tiny_bundle("seer", calibration=platt))
    dark, bright = detector.score([crops([0]), crops([255])])
    assert detector.name == dark.detector == "seer"
    assert dark.raw == pytest.approx(-2, abs=1e-5)
    assert bright.raw == pytest.approx(2, abs=1e-5)
    assert bright.probability == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-5)
    assert bright.interval[0] < bright.probability < bright.interval[1]
    assert bright.heat is None


def test_a_calibration_by_quality_gets_each_faces_own(tiny_bundle) -> None:
    told = {"slope": 2.0, "intercept": 0.0, "middle": 0.5, "steepness": 10.0}
    detector = Detector(tiny_bundle(calibration={"kind": "quality", "parameters": told}))
    blurred, none, sharp = detector.score([crops([255]), [], crops([255])], [0.5, 0.7, 1.0])
    assert none is None
    assert blurred.raw == sharp.raw == pytest.approx(2, abs=1e-5)
    assert blurred.probability == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)
    assert sharp.probability == pytest.approx(1 / (1 + np.exp(-4 / (1 + np.exp(-5)))), abs=1e-5)
    with pytest.raises(ConfigError, match="needs the quality"):
        detector.score([crops([255])])


def test_windows_are_averaged_in_logits_and_faces_keep_their_order(tiny_bundle) -> None:
    detector = Detector(tiny_bundle(crop={"kind": "native", "windows": 3}))
    found = detector.score([crops([0, 255, 255]), [], crops([0])])
    assert found[0].raw == pytest.approx(2 / 3, abs=1e-5)
    assert found[1] is None
    assert found[2].raw == pytest.approx(-2, abs=1e-5)


def test_no_crops_no_scores(tiny_bundle) -> None:
    assert Detector(tiny_bundle()).score([[], []]) == [None, None]


def test_heat_comes_with_single_crops_only(tiny_bundle) -> None:
    detector = Detector(tiny_bundle(heat=True, crop={"kind": "native", "windows": 2}))
    one, two = detector.score([crops([255]), crops([0, 255])])
    assert one.heat.shape == (4, 4)
    assert one.heat == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-5)
    assert two.heat is None


def test_crops_of_several_sizes_are_refused(tiny_bundle) -> None:
    with pytest.raises(ConfigError, match="differ"):
        Detector(tiny_bundle()).score([crops([0]), crops([0], 16)])


def test_a_finder_is_no_detector(tiny_bundle) -> None:
    bundle = tiny_bundle(outputs={"boxes": "logit"}, calibration=None, operating_points=None)
    assert Model(bundle).run(batch(2))["boxes"].shape == (2,)
    with pytest.raises(ConfigError, match="no logit"):
        Detector(bundle)


def test_a_logit_that_is_no_number_is_refused(tiny_bundle) -> None:
    with pytest.raises(BundleError, match="finite"):
        Detector(tiny_bundle(scale=float("inf"))).score([crops([255])])


@pytest.fixture
def bundle_of(tiny_card, tmp_path: Path):
    """Make a bundle of any graph: nodes, inputs, outputs."""
    from onnx import helper

    def make(nodes, inputs, outputs, initial=(), domain="", **card) -> Bundle:
        infos = [
            [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in part]
            for part in (inputs, outputs)
        ]
        graph = helper.make_graph(nodes, "g", *infos, list(initial))
        sets = [helper.make_opsetid("", 18)] + ([helper.make_opsetid(domain, 1)] if domain else [])
        data = helper.make_model(graph, opset_imports=sets, ir_version=9).SerializeToString()
        (tmp_path / "model.onnx").write_bytes(data)
        (tmp_path / "card.json").write_text(json.dumps(tiny_card(data, **card)))
        return load(tmp_path)

    return make


F, D = 1, 11  # TensorProto.FLOAT, TensorProto.DOUBLE
SHAPE = ["n", 3, 32, 32]


@pytest.mark.parametrize(
    ("name", "kind", "shape", "out"),
    [
        ("picture", F, SHAPE, ("logit", F, ["n"])),
        ("image", D, SHAPE, ("logit", D, ["n"])),
        ("image", F, [1, 3, 32, 32], ("logit", F, [1])),
        ("image", F, ["n", 1, 32, 32], ("logit", F, ["n"])),
        ("image", F, ["n", 3, 16, 32], ("logit", F, ["n"])),
        ("image", F, ["n", 3, 32], ("logit", F, ["n"])),
        ("image", F, SHAPE, ("answer", F, ["n"])),
        ("image", F, SHAPE, ("logit", F, ["n", 1])),
    ],
)
def test_networks_that_are_not_what_the_card_says(bundle_of, name, kind, shape, out) -> None:
    from onnx import helper

    if len(out[2]) == 2:
        node = helper.make_node("Flatten", [name], [out[0]])
    else:
        initial = helper.make_tensor("axes", 7, [len(shape) - 1], list(range(1, len(shape))))
        node = helper.make_node("ReduceMean", [name, "axes"], [out[0]], keepdims=0)
    extra = () if len(out[2]) == 2 else (initial,)
    if len(out[2]) == 2:
        out = (out[0], F, ["n", "m"])
    bundle = bundle_of([node], [(name, kind, shape)], [out], extra)
    with pytest.raises(BundleError) as caught:
        Model(bundle)
    assert caught.value.code == "bundle_unsupported"


def test_an_operator_of_unknown_domain_is_refused(bundle_of) -> None:
    from onnx import helper

    node = helper.make_node("LoadCode", ["image"], ["logit"], domain="evil.ops")
    bundle = bundle_of([node], [("image", F, SHAPE)], [("logit", F, ["n"])], domain="evil.ops")
    with pytest.raises(BundleError, match="cannot be opened") as caught:
        Model(bundle)
    assert caught.value.code == "bundle_unsupported"


def test_a_network_that_fails_while_running(bundle_of) -> None:
    from onnx import helper

    initial = helper.make_tensor("shape", 7, [1], [7])
    node = helper.make_node("Reshape", ["image", "shape"], ["logit"])
    bundle = bundle_of([node], [("image", F, SHAPE)], [("logit", F, ["n"])], (initial,))
    with pytest.raises(BundleError, match="failed to run"):
        Model(bundle).run(batch(1))


def test_the_runtime_is_imported_only_when_needed() -> None:
    import subprocess
    import sys

    code = "import sys, unmask.judge.runtime; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert "onnxruntime" not in vars(runtime)
