"""A face-language model as `transformers` and `unmask.lab.backbones` read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unmask.lab.language.network import Network
from unmask.lab.language.vocabulary import own


def write(network: Network, card: Mapping[str, Any], folder: Path) -> None:
    """Write weights, settings, tokeniser, what pictures need, and a README with the licences.

    Weights are written as 16-bit floats, half as large; whoever reads them computes with 32.

    Args:
        network: As trained.
        card: Of the bundle.
        folder: Exists.
    """
    halves = {name: value.half() for name, value in network.clip.state_dict().items()}
    network.clip.save_pretrained(folder, state_dict=halves)
    own().write(folder)
    side = network.clip.config.vision_config.image_size
    half, square = [0.5, 0.5, 0.5], {"height": side, "width": side}
    looks = {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": square,
        "resample": 3,
        "do_center_crop": False,
        "crop_size": square,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": half,
        "image_std": half,
    }
    text = json.dumps(looks, indent=1) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(readme(card), encoding="utf-8")


def readme(card: Mapping[str, Any]) -> str:
    """The card in words.

    Example:
        >>> card = {"title": "T", "description": "D.", "licence": "CC0", "crop": {"margin": 1.3}}
        >>> readme(card | {"training_data": [], "limits": ["L."], "results": []}).splitlines()[5]
        '# T'
    """
    sources = [
        f"| {row['name']} | {row['licence']} | {row.get('use', '')} |"
        for row in card["training_data"]
    ]
    results = [
        f"| {row['data']} | {row['metric']} | {row['value']:.3f} | {row['n']} |"
        for row in card["results"]
    ]
    lines = [
        "---",
        "license: other",
        f"license_name: {json.dumps(card['licence'])}",
        "library_name: transformers",
        "---",
        f"# {card['title']}",
        "",
        card["description"],
        "",
        f"Pictures are square crops, {card['crop']['margin']} times as wide as the face.",
        "",
        f"Licence: {card['licence']}",
        "",
        "| training data | licence | use |",
        "|-|-|-|",
        *sources,
        "",
        *(["| data | measure | value | faces |", "|-|-|-|-|", *results, ""] if results else []),
        *(f"- {limit}" for limit in card["limits"]),
    ]
    return "\n".join(lines) + "\n"
