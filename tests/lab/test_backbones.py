"""Backbones: equal to transformers run directly, offline, safetensors only, frozen, kept once."""

from __future__ import annotations

import copy
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tests.lab.backbones_tiny import KINDS, tiny
from unmask.errors import ConfigError, LabError
from unmask.lab import backbones
from unmask.lab.export import compare, write_onnx
from unmask.lab.method import read_recipe


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("backbones")
    return {kind: tiny(kind, folder=base / kind) for kind in KINDS}


@pytest.fixture
def clip(folders: dict[str, Path]) -> backbones.Backbone:
    return backbones.load(str(folders["clip"]))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNMASK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("UNMASK_FACE_LANGUAGE", raising=False)
    return tmp_path / "home"


def pictures(count: int = 3, side: int = 32) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(5)) * 2 - 1


@torch.no_grad()
def directly(kind: str, folder: Path, image: Tensor) -> Tensor:
    """The pooled feature as the library gives it for colours that NumPy normalised."""
    asked = json.loads((folder / "preprocessor_config.json").read_text())
    mean, std = (np.reshape(asked[k], (3, 1, 1)) for k in ("image_mean", "image_std"))
    pixels = torch.from_numpy(((image.double().numpy() + 1) / 2 - mean) / std).float()
    if kind == "vit":
        model = transformers.ViTForImageClassification.from_pretrained(folder).eval()
        return model.vit(pixels).last_hidden_state[:, 0]
    model = transformers.AutoModel.from_pretrained(folder).eval()
    vision = getattr(model, "vision_model", model)
    return vision(pixel_values=pixels).pooler_output


def test_features_are_the_library_s(kind: str, folders: dict[str, Path]) -> None:
    backbone = backbones.load(str(folders[kind]))
    with torch.no_grad():
        found = backbone(pictures())
    assert found.shape == (3, backbone.width)
    torch.testing.assert_close(
        found, directly(kind, folders[kind], pictures()), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_projected_features_are_the_library_s(kind: str, folders: dict[str, Path]) -> None:
    backbone = backbones.load(str(folders[kind]))
    model = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    with torch.no_grad():
        found = backbone.project(backbone(pictures()))
        wanted = model.get_image_features(backbone.normalise(pictures())).pooler_output
    assert found.shape == (3, backbone.joint)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["dinov2", "dinov3", "vit"])
def test_without_texts_there_is_no_shared_space(kind: str, folders: dict[str, Path]) -> None:
    backbone = backbones.load(str(folders[kind]))
    assert (backbone.joint, backbone.text, backbone.tokenizer, backbone.scale) == (None,) * 4
    with pytest.raises(LabError, match="bad_recipe"):
        backbone.project(torch.zeros(1, backbone.width))


def test_pictures_of_another_size_are_resized(clip: backbones.Backbone) -> None:
    flat = torch.full((1, 3, 50, 40), 0.25)
    found = clip.normalise(flat)
    assert found.shape == (1, 3, 32, 32)
    wanted = (0.625 - torch.tensor([0.48145466, 0.4578275, 0.40821073])) / torch.tensor(
        [0.26862954, 0.26130258, 0.27577711]
    )
    torch.testing.assert_close(found[0].mean((1, 2)), wanted)


class Graph(nn.Module):
    def __init__(self, backbone: backbones.Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.backbone(image),)


def test_onnx_gives_the_same_features(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    graph = Graph(backbones.load(str(folders[kind]))).eval()
    write_onnx(graph, tmp_path / "model.onnx", (32, 32), ["feature"])
    assert compare(graph, tmp_path / "model.onnx", (32, 32)) < 1e-4


def test_nothing_is_trained_unless_a_method_says_so(kind: str, folders: dict[str, Path]) -> None:
    backbone = backbones.load(str(folders[kind]))
    assert not backbone.training
    assert not any(p.requires_grad for p in backbone.parameters())
    assert all(p.dtype == torch.float32 for p in backbone.parameters())


def test_half_precision_checkpoints_are_read_as_float32(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    model = transformers.AutoModel.from_pretrained(folders["vit"]).half()
    model.save_pretrained(tmp_path)
    source = folders["vit"] / "preprocessor_config.json"
    (tmp_path / "preprocessor_config.json").write_text(source.read_text())
    backbone = backbones.load(str(tmp_path))
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}


# --- where they are looked for


def test_no_connection_is_opened(
    folders: dict[str, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert backbones.load(str(folders["clip"])).joint == 24
    with pytest.raises(LabError, match="weights_missing"):
        backbones.load("someone/something")


def test_what_is_missing_is_told_with_the_download(home: Path) -> None:
    with pytest.raises(LabError, match="weights_missing") as caught:
        backbones.load("openai/clip-vit-large-patch14")
    place = home / "backbones" / "openai" / "clip-vit-large-patch14"
    wanted = f"hf download openai/clip-vit-large-patch14 --local-dir {place}"
    assert wanted in caught.value.message


def test_names_are_found_in_the_data_folder(home: Path) -> None:
    tiny("vit", folder=home / "backbones" / "some" / "vit")
    tiny("vit", folder=home / "backbones" / "face-language")
    assert backbones.locate("some/vit") == home / "backbones" / "some" / "vit"
    assert backbones.locate("unmask/face-language") == home / "backbones" / "face-language"


def test_the_face_language_model_comes_with_the_package(home: Path) -> None:
    backbone = backbones.load("unmask/face-language")
    assert (backbone.width, backbone.joint, backbone.size) == (256, 192, 128)
    assert backbone(pictures()).std() > 0.1
    words = backbone.tokenizer(["a genuine photo"])["input_ids"][0]
    assert len(words) == 5  # each is a word of its own


def test_the_face_language_model_can_lie_elsewhere(
    folders: dict[str, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNMASK_FACE_LANGUAGE", str(folders["clip"]))
    assert backbones.locate("unmask/face-language") == folders["clip"]
    monkeypatch.setenv("UNMASK_FACE_LANGUAGE", str(home / "nowhere"))
    with pytest.raises(LabError, match=r"nowhere, which UNMASK_FACE_LANGUAGE names"):
        backbones.locate("unmask/face-language")


def test_names_are_found_in_the_hub_s_cache(home: Path, tmp_path: Path) -> None:
    store = tmp_path / "cache" / "models--some--vit"
    (store / "refs").mkdir(parents=True)
    (store / "refs" / "main").write_text("a" * 40)
    tiny("vit", folder=store / "snapshots" / ("a" * 40))
    found = backbones.load("some/vit", cache=tmp_path / "cache")
    assert found.width == 32


# --- what is refused


def test_pickled_weights_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(folders["clip"])
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(LabError, match=r"no \*\.safetensors.*weights_missing"):
        backbones.load(str(tmp_path))


def test_a_checkpoint_with_holes_is_refused(tmp_path: Path) -> None:
    folder = tiny("clip", folder=tmp_path)
    state = load_file(folder / "model.safetensors")
    del state["vision_model.post_layernorm.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(LabError, match=r"post_layernorm.*weights_missing"):
        backbones.load(str(folder))


def test_damaged_weights_and_unknown_models_are_refused(tmp_path: Path) -> None:
    folder = tiny("vit", folder=tmp_path)
    (folder / "model.safetensors").write_bytes(b"\x08" + b"\x00" * 7 + b"not json")
    with pytest.raises(LabError, match="unknown_layout"):
        backbones.load(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-model"}))
    with pytest.raises(LabError, match="unknown_layout"):
        backbones.load(str(folder))


def test_code_beside_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    folder = tiny("vit", folder=tmp_path)
    (folder / "own.py").write_text("raise SystemExit('ran')")
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.C", "AutoModel": "own.M"}}
    (folder / "config.json").write_text(json.dumps(config | {"image_size": 32}))
    with pytest.raises(LabError, match="unknown_layout"):
        backbones.load(str(folder))


def test_colours_have_to_be_told(tmp_path: Path) -> None:
    folder = tiny("vit", folder=tmp_path)
    (folder / "preprocessor_config.json").write_text("{}")
    with pytest.raises(LabError, match=r"image_mean.*weights_missing"):
        backbones.load(str(folder))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(LabError, match=r"preprocessor_config\.json.*weights_missing"):
        backbones.load(str(folder))


@pytest.mark.parametrize(
    ("config", "asked", "wanted"),
    [
        ({"vision_config": {"image_size": 336}}, {}, 336),
        ({"model_type": "dinov2", "image_size": 518}, {"crop_size": {"height": 224}}, 224),
        ({"model_type": "dinov3_vit", "image_size": 224}, {"size": {"shortest_edge": 256}}, 256),
        ({"model_type": "convnext"}, {"size": 384}, 384),
    ],
)
def test_the_size_is_told_without_weights(
    config: Any, asked: Any, wanted: int, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(asked))
    assert backbones.side(tmp_path) == wanted


# --- what a run keeps


def test_only_what_is_trained_is_written(clip: backbones.Backbone) -> None:
    clip.vision.post_layernorm.requires_grad_(True)
    names = {"mark", "vision.post_layernorm.weight", "vision.post_layernorm.bias"}
    assert set(clip.state_dict()) == names


def test_what_replaces_a_layer_is_written_though_frozen(clip: backbones.Backbone) -> None:
    clip.vision.encoder.layers[0].mlp.fc1 = nn.Linear(32, 48).requires_grad_(False)
    first = "vision.encoder.layers.0.mlp.fc1."
    assert set(clip.state_dict()) == {"mark", f"{first}weight", f"{first}bias"}


def test_a_copy_shares_what_nobody_trains_and_owns_the_rest(clip: backbones.Backbone) -> None:
    clip.vision.post_layernorm.requires_grad_(True)
    outer = nn.Sequential(clip, nn.Linear(32, 2))
    copied = copy.deepcopy(outer).requires_grad_(False)
    mine, theirs = copied[0].vision, clip.vision
    assert mine.embeddings.patch_embedding.weight is theirs.embeddings.patch_embedding.weight
    assert mine.post_layernorm.weight is not theirs.post_layernorm.weight
    assert set(copied.state_dict()) == set(outer.state_dict())
    with torch.no_grad():
        mine.post_layernorm.weight.zero_()
        assert theirs.post_layernorm.weight.abs().sum() > 0
    copied.load_state_dict(outer.state_dict())
    with torch.no_grad():
        assert torch.equal(copied(pictures()), outer(pictures()))


def test_a_frozen_copy_still_writes_what_was_trained(clip: backbones.Backbone) -> None:
    clip.vision.post_layernorm.requires_grad_(True)
    wanted = set(clip.state_dict())
    assert set(clip.requires_grad_(False).state_dict()) == wanted


def test_weights_of_another_checkpoint_are_refused(
    clip: backbones.Backbone, tmp_path: Path
) -> None:
    other = backbones.load(str(tiny("clip", seed=1, folder=tmp_path)))
    with pytest.raises(LabError, match="weights_missing"):
        other.load_state_dict(clip.state_dict())


# --- in place of a recipe's


def test_another_backbone_can_be_chosen(folders: dict[str, Path], tmp_path: Path) -> None:
    recipe = read_recipe("linear-probe")
    assert backbones.chosen(recipe, "a/b").config == {**recipe.config, "backbone": "a/b"}
    folder = folders["clip"]
    indirect = folder / ".." / folder.name
    assert backbones.chosen(recipe, str(indirect)).config["backbone"] == str(folder.resolve())
    with pytest.raises(ConfigError, match="bad_option"):
        backbones.chosen(read_recipe("peer-xception"), "a/b")


def test_weights_rounded_once_lead_where_mixed_precision_leads(clip: backbones.Backbone) -> None:
    def step() -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.rand(2, 3, clip.size, clip.size, generator=torch.Generator().manual_seed(2))
        x.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16):
            out = clip.encode(x)
        return out.detach(), torch.autograd.grad(out.float().square().sum(), x)[0]

    layers = clip.vision.encoder.layers
    layers[0].self_attn.q_proj.weight.requires_grad_(True)
    before = step()
    clip.rounded(torch.bfloat16)
    for ours, wanted in zip(step(), before, strict=True):
        assert torch.equal(ours, wanted)
    assert layers[0].self_attn.q_proj.weight.dtype is torch.float32  # it is trained
    assert layers[0].self_attn.k_proj.weight.dtype is torch.bfloat16
    assert clip.text_projection.weight.dtype is torch.float32
