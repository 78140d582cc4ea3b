"""Face2Text: two classes in words, one of which may name the very face that is looked at.

The prompts are "A real photo of a person" and "A fake photo of a FE person", where FE is no word
but a face embedding, brought to the width of a word by a fixed random projection. Lin et al.,
"Standing on the Shoulders of Giants: Reprogramming Visual-Language Model for General Deepfake
Detection", AAAI 2025, arXiv 2409.02664, section on Face2Text prompts; words, place and projection
as in its published code.

Nothing here learns. So a prompt without a face is the same for every picture and computed once; and
since each word of a CLIP prompt sees only those before it, nothing after the end token is computed,
and what stands before the face only once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unmask.lab.backbones import Backbone
from unmask.lab.prompts import begin, encode_text, token_embeddings, tokenise, where
from unmask.lab.towers import Past

FACE = "FE"
"""Stands in a template where the face embedding belongs."""


class Prompt(nn.Module):
    """A sentence, with or without a place for a word that is no word.

    Attributes:
        ids: Its tokens, shape (1, length).
        tokens: Their embeddings, shape (1, length, text width).
        place: Number of the token that a vector stands in for; `None` without one.
    """

    ids: Tensor
    tokens: Tensor
    known: Tensor | None
    begun: Past | None

    def __init__(self, backbone: Backbone, template: str) -> None:
        super().__init__()
        ids = tokenise(backbone, [template])
        self.place = int(where(backbone, ids, FACE)) if FACE in template.split() else None
        self.register_buffer("ids", ids, persistent=False)
        tokens = token_embeddings(backbone, ids).detach()
        self.register_buffer("tokens", tokens, persistent=False)
        self.register_buffer("known", None, persistent=False)
        self.begun = None
        self.register_load_state_dict_post_hook(_forget)  # type: ignore[no-untyped-call]

    def forward(self, backbone: Backbone, word: Tensor | None = None) -> Tensor:
        """Direction in the space that texts and images share.

        Args:
            backbone: Frozen, with a text tower.
            word: Shape (n, text width); only where there is a place for it.

        Returns:
            Unit vectors, shape (n, joint), or (1, joint) without a place.
        """
        if self.place is None:
            return F.normalize(encode_text(backbone, self.ids), dim=-1)
        assert word is not None
        if self.begun is None:
            self.begun = _always(begin, backbone, self.tokens[:, : self.place])
        tokens = self.tokens.expand(word.shape[0], -1, -1)
        parts = [word[:, None].to(tokens.dtype), tokens[:, self.place + 1 :]]
        if self.begun is None:
            parts = [tokens[:, : self.place], *parts]
        found = encode_text(backbone, self.ids, torch.cat(parts, 1), self.begun)
        return F.normalize(found, dim=-1)

    def once(self, backbone: Backbone, word: Tensor | None = None) -> Tensor:
        """As `forward` for what never changes: computed at the first call, and kept."""
        if self.known is None:
            self.known = _always(self, backbone, word)
        return self.known


class Face2Text(nn.Module):
    """The words for genuine and manipulated.

    Attributes:
        real: Prompt of genuine pictures.
        fake: Of manipulated ones.
        projection: Of a face embedding to a word; only where a face is named.
        word: A random word in its place; only where one is wanted.
    """

    word: Tensor | None

    def __init__(self, backbone: Backbone, templates: Sequence[str], face: int = 0) -> None:
        """Set the words.

        Args:
            backbone: Frozen, with a text tower.
            templates: Of genuine and manipulated; either may hold the word FE.
            face: Numbers of a face embedding; 0 where FE is a random word instead.
        """
        super().__init__()
        self.real, self.fake = (Prompt(backbone, template) for template in templates)
        width = self.fake.tokens.shape[-1]
        named = (self.real.place, self.fake.place) != (None, None)
        self.projection: nn.Linear | None = None
        self.register_buffer("word", None)
        if named and face:
            self.projection = nn.Linear(face, width, bias=False)
            nn.init.normal_(self.projection.weight, std=1 / width).requires_grad_(False)
        elif named:
            spread = token_embeddings(backbone, torch.arange(backbone.text.config.vocab_size)).std()
            self.word = torch.randn(1, width) * spread

    @torch.no_grad()
    def forward(self, backbone: Backbone, embedding: Tensor | None = None) -> Tensor:
        """Directions of both classes.

        Args:
            backbone: As at the start.
            embedding: Of the faces, shape (n, face); only where there is a projection.

        Returns:
            Unit vectors, shape (n, 2, joint), or (1, 2, joint) where no face is named.
        """
        prompts = (self.real, self.fake)
        if self.projection is None:
            return torch.stack([prompt.once(backbone, self.word) for prompt in prompts], 1)
        assert embedding is not None
        word = self.projection(embedding)
        both = [
            prompt.once(backbone).expand(word.shape[0], -1)
            if prompt.place is None
            else prompt(backbone, word)
            for prompt in prompts
        ]
        return torch.stack(both, 1)


def _always(make: Callable[..., Any], backbone: Backbone, *given: Any) -> Any:
    """What is made once and kept, whatever the first call was for."""
    kind = next(backbone.parameters()).device.type
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(kind, enabled=False):
        return make(backbone, *given)


def _forget(prompt: Any, _: Any) -> None:
    """New weights may mean new words."""
    prompt.known = prompt.begun = None
