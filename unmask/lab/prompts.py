"""Texts as an image-text model sees them, no further than it has to look.

In a causal text tower a token sees only those before it, and the feature is read at the end token;
so nothing behind the last end token of a batch has to be computed. Towers that see in both
directions, as SigLIP's, are computed at full length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unmask.errors import LabError
from unmask.lab import towers
from unmask.lab.backbones import Backbone
from unmask.lab.towers import Past


def tokenise(backbone: Backbone, texts: Sequence[str]) -> Tensor:
    """Token numbers, shape (n, context), padded behind the end token.

    Raises:
        LabError: `bad_recipe` when a text is too long, or the backbone knows no texts.
    """
    tokenizer, length = _text(backbone).tokenizer, context(backbone)
    rows = tokenizer(list(texts))["input_ids"]
    longest = max(range(len(rows)), key=lambda i: len(rows[i]))
    if len(rows[longest]) > length:
        raise LabError("bad_recipe", f"over {length} tokens: {texts[longest]!r}")
    padded = [list(row) + [tokenizer.pad_token_id] * (length - len(row)) for row in rows]
    return torch.tensor(padded, device=next(backbone.parameters()).device)


def context(backbone: Backbone) -> int:
    """Tokens that the text tower takes at most, 77 for CLIP."""
    return int(_text(backbone).text.config.max_position_embeddings)


def ends(backbone: Backbone, ids: Tensor) -> Tensor:
    """Place of each text's end token, where its feature is read; shape (n,).

    Early checkpoints of CLIP state a wrong number for it; there it is the largest of the numbers.
    """
    end = int(_text(backbone).text.config.eos_token_id)
    found: Tensor = (ids if end == 2 else (ids == end).int()).argmax(1)
    return found


def where(backbone: Backbone, ids: Tensor, word: str) -> Tensor:
    """Place at which a word of one token first stands in each text; shape (n,).

    Raises:
        LabError: `bad_recipe` when it is several tokens, or misses in one of the texts.
    """
    tokens = _text(backbone).tokenizer(word, add_special_tokens=False)["input_ids"]
    found: Tensor = (ids == tokens[0]).int()
    if len(tokens) != 1 or not found.any(1).all():
        raise LabError("bad_recipe", f"{word!r} is not one token of every text")
    return found.argmax(1)


def token_embeddings(backbone: Backbone, ids: Tensor) -> Tensor:
    """Embeddings of tokens before their places are added, shape (n, l, d)."""
    out: Tensor = _text(backbone).text.embeddings.token_embedding(ids)
    return out


def encode_text(
    backbone: Backbone, ids: Tensor, embeddings: Tensor | None = None, past: Past | None = None
) -> Tensor:
    """Features of texts in the space shared with pictures, shape (n, joint); no unit norm.

    Args:
        backbone: With a text tower.
        ids: Shape (n, l), as `tokenise` gives them; (1, l) stands for all of `embeddings`.
        embeddings: Shape (n, l, d), taken for those of `ids` before their places are added; the
            places of the end tokens still come from `ids`.
        past: Of `begin`, for the first words; `embeddings` are then those of the others.
    """
    text, end = _text(backbone).text, ends(backbone, ids) if backbone.causal else None
    words = token_embeddings(backbone, ids) if embeddings is None else embeddings
    first = 0 if past is None else past[0][0].shape[2]
    length = ids.shape[1] if end is None else int(end.max()) + 1
    places = text.embeddings.position_embedding.weight[first:length]
    hidden = words[:, : length - first] + places
    if end is None:
        hidden = text.encoder(inputs_embeds=hidden, attention_mask=None)[0]
        read: Tensor = text.head(text.final_layer_norm(hidden)[:, -1])
        return read
    hidden = _read(text.encoder, hidden, (end - first).expand(hidden.shape[0]), past)
    out: Tensor = backbone.text_projection(text.final_layer_norm(hidden))
    return out


def begin(backbone: Backbone, embeddings: Tensor) -> Past | None:
    """What the words of a text see of those before them, which are always the same.

    Args:
        backbone: With a text tower.
        embeddings: Of the first words before their places are added, shape (1, l, d).

    Returns:
        For `encode_text`; None where the tower has to see the text as a whole.
    """
    text = _text(backbone).text
    if not (backbone.causal and towers.fits(text.encoder)):
        return None
    places = text.embeddings.position_embedding.weight[: embeddings.shape[1]]
    return towers.begin(text.encoder, embeddings + places)


def _read(encoder: Any, hidden: Tensor, end: Tensor, past: Past | None) -> Tensor:
    """What a causal encoder makes of the end tokens, shape (n, d)."""
    if towers.fits(encoder):
        return towers.read(encoder, hidden, end, past)
    mask = _causal(hidden.shape[1], hidden)
    hidden = encoder(inputs_embeds=hidden, attention_mask=mask)[0]
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), end]


def embed(backbone: Backbone, texts: Sequence[str]) -> Tensor:
    """Features of texts, shape (n, joint), of length one."""
    return torch.nn.functional.normalize(encode_text(backbone, tokenise(backbone, texts)), dim=1)


def _causal(length: int, like: Tensor) -> Tensor:
    """What is added to attention so that no token sees a later one: (1, 1, length, length)."""
    low = torch.finfo(like.dtype).min
    return torch.full((1, 1, length, length), low, dtype=like.dtype, device=like.device).triu(1)


def _text(backbone: Backbone) -> Backbone:
    if backbone.text is None:
        raise LabError("bad_recipe", f"backbone {backbone.name} knows no texts; name a CLIP")
    return backbone
