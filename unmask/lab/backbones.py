"""Published image and image-text models that detectors are built on, read through `transformers`.

A backbone is named as its hub calls it, or by the folder its files lie in. Nothing is downloaded
unless the caller says so, weights are read from safetensors only, and no code of a checkpoint runs.
CLIP, what OpenCLIP converted to its layout, SigLIP, DINOv2, DINOv3 and ViT are known to work.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

import unmask.models
from unmask.errors import ConfigError, LabError
from unmask.judge.bundle import home
from unmask.lab import packed, towers
from unmask.lab.method import Recipe, build

FACE_LANGUAGE: Final = "unmask/face-language"
SHIPPED: Final = Path(unmask.models.__path__[0]) / "face-language"
VARIABLE: Final = "UNMASK_FACE_LANGUAGE"
"""Names another folder for the face-language model."""
PREPROCESSOR: Final = "preprocessor_config.json"
SHUT: Final = {"local_files_only": True, "trust_remote_code": False}
READING: Final = {"use_safetensors": True, "output_loading_info": True}
END: Final = 1 << 20
WANTED: Final = ("*.json", "*.safetensors", "*.txt", "*.model")


class Given(nn.Module):
    """Around a published model: its colours, and no second copy of weights that nobody trains.

    `given()` freezes and marks what was read from the checkpoint. Once anything is written, loaded
    or copied, what is marked and needs no gradient stays the checkpoint's: `state_dict` leaves it
    out, `load_state_dict` takes it from this module, a deep copy shares it. So a run's file holds
    what is a method's own, and a sum that tells which checkpoint it belongs to.

    Attributes:
        size: Side of the square that the model looks at, in pixels.
        mark: `fingerprint` of the checkpoint.
    """

    mean: Tensor
    std: Tensor
    mark: Tensor

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.size = side(folder)
        mean, std = colours(folder)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.register_buffer("mark", torch.tensor(list(fingerprint(folder)), dtype=torch.uint8))
        self.names: frozenset[str] | None = None
        self.register_state_dict_post_hook(_leave_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_fill_in)  # type: ignore[no-untyped-call]

    def given(self) -> None:
        """Freeze all parameters that it has by now, and mark them as the checkpoint's."""
        for parameter in self.parameters():
            parameter.requires_grad_(False)
            parameter.is_given = True  # type: ignore[attr-defined]

    def kept(self) -> dict[str, nn.Parameter]:
        """The checkpoint's parameters that nobody trains, by their names in this module."""
        marked = {n: p for n, p in self.named_parameters() if hasattr(p, "is_given")}
        frozen = {n: p for n, p in marked.items() if not p.requires_grad}
        if self.names is None:
            self.names = frozenset(frozen)
        return {n: p for n, p in frozen.items() if n in self.names}

    @property
    def tower(self) -> nn.Module:
        """What looks at pictures."""
        return self

    def rounded(self, dtype: torch.dtype) -> None:
        """Hold the frozen weights of the image tower's linear layers as mixed precision uses them.

        There, every use rounds them anew: a sixth of a training step through a frozen tower.

        Args:
            dtype: Of the mixed precision, outside of which the tower is of no use from now on.
        """
        for layer in self.tower.modules():
            if isinstance(layer, nn.Linear):
                for parameter in layer.parameters(recurse=False):
                    if hasattr(parameter, "is_given") and not parameter.requires_grad:
                        parameter.data = parameter.data.to(dtype)

    def normalise(self, image: Tensor) -> Tensor:
        """Colours -1..1, shape (n, 3, h, w), to the model's own: (n, 3, size, size)."""
        if image.shape[-2:] != (self.size, self.size):
            image = F.interpolate(image, (self.size, self.size), mode="bilinear", antialias=True)
        return (image * 0.5 + 0.5 - self.mean) / self.std

    def __deepcopy__(self, memo: dict[int, Any]) -> Given:
        memo.update({id(value): value for value in self.kept().values()})
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__dict__ = copy.deepcopy(self.__dict__, memo)
        return made


class Backbone(Given):
    """A frozen image tower, with its text tower where the checkpoint has one.

    Attributes:
        name: As asked for.
        width: Values of the pooled feature.
        joint: Values of the space that pictures and texts share; None without a text tower.
        vision: The image tower, as `transformers` builds it.
        text: The text tower, or None.
        visual_projection, text_projection: From the towers' features into the shared space.
        tokenizer: Turns words into numbers; None without a text tower.
        scale: Logarithm of the factor on cosines, or None.
        causal: Whether a token sees only those before it.
    """

    def __init__(self, name: str, folder: Path, model: nn.Module, tokenizer: Any = None) -> None:
        super().__init__(folder)
        config: Any = model.config
        looks = getattr(config, "vision_config", config)
        if not isinstance(getattr(looks, "hidden_size", None), int):
            raise LabError("unknown_layout", f"{folder}: no image tower of one width")
        self.name, self.width = name, looks.hidden_size
        self.vision: Any = getattr(model, "vision_model", model)
        self.text: Any = getattr(model, "text_model", None)
        self.causal = hasattr(model, "text_projection")
        self.visual_projection: nn.Module = getattr(model, "visual_projection", nn.Identity())
        self.text_projection: nn.Module = getattr(model, "text_projection", nn.Identity())
        self.scale: Tensor | None = getattr(model, "logit_scale", None)
        self.tokenizer: Any = tokenizer
        self.joint: int | None = None
        if self.text is not None:
            self.joint = int(config.projection_dim if self.causal else self.width)
        self.given()

    @property
    def tower(self) -> nn.Module:
        """The image tower alone; texts are read in full precision where their answer is kept."""
        tower: nn.Module = self.vision
        return tower

    def encode(self, x: Tensor) -> Tensor:
        """Normalised pixels, shape (n, 3, size, size), to the pooled feature, (n, width)."""
        short = towers.pooled(self.vision, x)
        if short is not None:
            return short
        out = self.vision(pixel_values=x)
        pooled: Tensor | None = getattr(out, "pooler_output", None)
        return out.last_hidden_state[:, 0] if pooled is None else pooled

    def project(self, pooled: Tensor) -> Tensor:
        """Pooled features, (n, width), into the space shared with texts, (n, joint); no unit norm.

        Raises:
            LabError: `bad_recipe` when the backbone has no text tower.
        """
        out: Tensor = self.need_texts().visual_projection(pooled)
        return out

    def need_texts(self) -> Backbone:
        """The same backbone, if it has a text tower.

        Raises:
            LabError: `bad_recipe` when it has none.
        """
        if self.joint is None:
            raise LabError("bad_recipe", f"backbone {self.name} knows no texts; name a CLIP")
        return self

    @property
    def breadth(self) -> int:
        """Values of `feature`."""
        return self.joint or self.width

    def feature(self, image: Tensor) -> Tensor:
        """Colours -1..1, shape (n, 3, h, w), to (n, breadth); no unit norm.

        In the space shared with texts, or pooled where there is none.
        """
        pooled: Tensor = self(image)
        return pooled if self.joint is None else self.project(pooled)

    def forward(self, image: Tensor) -> Tensor:
        """Colours -1..1, shape (n, 3, h, w), to the pooled feature, (n, width)."""
        return self.encode(self.normalise(image))

    def __deepcopy__(self, memo: dict[int, Any]) -> Given:
        memo[id(self.tokenizer)] = self.tokenizer
        return super().__deepcopy__(memo)


def load(name: str, *, cache: Path | None = None, online: bool = False) -> Backbone:
    """A backbone with its published weights, in evaluation mode and without gradients.

    What a method trains it switches on itself, by `requires_grad_`.

    Args:
        name: As the hub calls it, or a folder.
        cache: The hub's cache, where that is not in its usual place.
        online: Whether the hub may be asked for what is missing.

    Raises:
        LabError: `weights_missing` when there are no such files, or some of the weights;
            `unknown_layout` for what is no image model.
    """
    from transformers import AutoModel

    folder = locate(name, cache=cache, online=online)
    model = pretrained(AutoModel, folder, fresh=("pooler.",))
    if isinstance(getattr(model, "pooler", None), nn.Module):
        model.pooler = None  # often random, since classifiers are published without it
    tokenizer = _tokenizer(folder) if hasattr(model, "text_model") else None
    return Backbone(name, folder, model, tokenizer).eval()


def chosen(recipe: Recipe, name: str) -> Recipe:
    """The recipe with another backbone; a folder is noted by its full path.

    Raises:
        ConfigError: `bad_option` when the recipe's method uses none.
    """
    settings = dataclasses.fields(build(recipe.method, recipe.config).config)
    if "backbone" not in [field.name for field in settings]:
        raise ConfigError("bad_option", f"method {recipe.method} has no backbone to choose")
    where = Path(name).expanduser()
    config = {**recipe.config, "backbone": str(where.resolve()) if where.is_dir() else name}
    return dataclasses.replace(recipe, config=config)


def locate(name: str, *, cache: Path | None = None, online: bool = False) -> Path:
    """The folder in which a backbone's files lie; see `load`.

    A name is looked for as a folder, in `backbones` beside the imported bundles, and in the hub's
    cache. "unmask/face-language" comes with the package; one in `backbones` goes before, and one
    that `UNMASK_FACE_LANGUAGE` names before that.

    Raises:
        LabError: `weights_missing`, naming the download and the folder it belongs in.
    """
    place = home().parent / "backbones" / name.removeprefix("unmask/")
    chosen = os.environ.get(VARIABLE) if name == FACE_LANGUAGE else None
    shipped = [SHIPPED] if name == FACE_LANGUAGE else []
    for folder in [Path(chosen)] if chosen else [Path(name).expanduser(), place, *shipped]:
        if (folder / "config.json").is_file():
            return folder
    found = None if chosen or name.count("/") != 1 else _hub(name, cache, online)
    if found is None:
        raise LabError("weights_missing", _missing(name, Path(chosen) if chosen else place))
    return found


def pretrained(kind: Any, folder: Path, *, fresh: tuple[str, ...] = (), **options: Any) -> Any:
    """A model of `transformers` with all its weights, as float32 in evaluation mode.

    Args:
        kind: One of the library's classes with `from_pretrained`.
        folder: Holds config.json and safetensors.
        fresh: Beginnings of the names of weights that may be missing, and stay random then.
        options: For `from_pretrained`.

    Raises:
        LabError: `weights_missing`, or `unknown_layout` when the library cannot build it.
    """
    if not any(folder.glob("*.safetensors")):
        text = f"{folder} holds no *.safetensors; other kinds of weights can run code when read"
        raise LabError("weights_missing", text)
    try:
        with _quiet(), packed.plain(folder) as place:
            model, found = kind.from_pretrained(place, **READING, **SHUT, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise LabError("unknown_layout", f"no model can be read from {folder}: {error}") from error
    unlike = [key if isinstance(key, str) else key[0] for key in found["mismatched_keys"]]
    absent = sorted(n for n in [*found["missing_keys"], *unlike] if not n.startswith(fresh))
    if absent:
        raise LabError("weights_missing", f"{folder} lacks {', '.join(absent[:3])} …")
    return model.float().eval()


def side(folder: Path) -> int:
    """Side in pixels of the square that the backbone in a folder looks at; reads no weights.

    Raises:
        LabError: `weights_missing` when the folder does not tell.
    """
    config = _json(folder, "config.json")
    looks = config.get("vision_config", config)
    any_size = str(looks.get("model_type", "")).startswith("dino")
    if "image_size" in looks and not any_size:
        return int(looks["image_size"])
    asked = _json(folder, PREPROCESSOR)
    size = asked.get("crop_size") or asked.get("size") or looks.get("image_size", 224)
    return int(next(iter(size.values())) if isinstance(size, dict) else size)


def colours(folder: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation of the colours 0..1 that the backbone in a folder expects.

    Raises:
        LabError: `weights_missing` when the folder does not tell.
    """
    asked = _json(folder, PREPROCESSOR)
    if not asked.get("do_normalize", True):
        return [0.0] * 3, [1.0] * 3
    try:
        return list(asked["image_mean"]), list(asked["image_std"])
    except KeyError as error:
        raise LabError("weights_missing", f"{folder / PREPROCESSOR} lacks {error}") from error


def fingerprint(folder: Path) -> bytes:
    """Sixteen bytes that tell one checkpoint from another, from the ends of its files."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            digest.update(path.stat().st_size.to_bytes(8, "little") + stream.read(END))
            stream.seek(max(0, path.stat().st_size - END))
            digest.update(stream.read(END))
    return digest.digest()


def _hub(name: str, cache: Path | None, online: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            name, cache_dir=cache, local_files_only=not online, allow_patterns=list(WANTED)
        )
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError):
        return None
    return Path(found) if (Path(found) / "config.json").is_file() else None


def _missing(name: str, place: Path) -> str:
    if name == FACE_LANGUAGE:  # else the package's own was found
        return f"no backbone in {place}, which {VARIABLE} names"
    bring = shlex.join(["hf", "download", name, "--local-dir", str(place)])
    return f"no backbone {name}: no folder, nor in {place} or the hub's cache; bring it: {bring}"


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and no remarks of the library: what matters about loading is raised."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError("weights_missing", f"{folder} needs its {name}: {error}") from error
    return found


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, **SHUT)
    except (OSError, ValueError, ImportError) as error:
        raise LabError("weights_missing", f"{folder} has no usable tokenizer: {error}") from error


def _leave_out(module: Given, state: dict[str, Any], prefix: str, _: Any) -> None:
    for name in module.kept():
        state.pop(prefix + name, None)


def _fill_in(module: Given, state: dict[str, Any], prefix: str, *_: Any) -> None:
    mark = state.setdefault(f"{prefix}mark", module.mark)
    if not torch.equal(mark.cpu(), module.mark.cpu()):
        raise LabError("weights_missing", "the weights belong to another backbone's checkpoint")
    for name, value in module.kept().items():
        state.setdefault(prefix + name, value)
