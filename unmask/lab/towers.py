"""Short cuts through CLIP's towers that lead to the same numbers.

A tower is read at one token: at the class token of a picture, at the end token of a text. So in the
last block only that token has to ask, to be projected and to pass the inner layers; all others only
answer, with their keys and values. Where a text begins with words that are always the same, no
later word changes what the first ones answer, and they are computed once.

What stands around or in place of a block's layers, detours of low rank for example, is called as
usual. An encoder of another make does not `fits`, and is left to its own `forward`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Past = list[tuple[Tensor, Tensor]]
"""Keys and values of the first tokens, by block; each of shape (1, heads, tokens, width)."""
STEEP = 1.702
"""CLIP's activation is x * sigmoid(STEEP * x)."""


def fits(encoder: Any) -> bool:
    """Whether an encoder is made of CLIP's own blocks, with nothing that listens to them."""
    from transformers.models.clip.modeling_clip import CLIPEncoderLayer

    layers = getattr(encoder, "layers", ())
    return bool(len(layers)) and all(
        type(layer) is CLIPEncoderLayer
        and not (layer._forward_hooks or layer._forward_pre_hooks)
        and not (layer.training and layer.self_attn.dropout)
        for layer in layers
    )


def pooled(vision: Any, pixels: Tensor) -> Tensor | None:
    """The pooled feature of CLIP's image tower, (n, d), or None for a tower of another make."""
    if not (fits(getattr(vision, "encoder", None)) and hasattr(vision, "pre_layrnorm")):
        return None
    hidden = vision.pre_layrnorm(vision.embeddings(pixels))
    out: Tensor = vision.post_layernorm(read(vision.encoder, hidden))
    return out


def read(
    encoder: Any, hidden: Tensor, ends: Tensor | None = None, past: Past | None = None
) -> Tensor:
    """What an encoder makes of one token of each row.

    Args:
        encoder: One that `fits`.
        hidden: Shape (n, l, d).
        ends: Place of that token in each row, shape (n,), if a token sees none after it; without,
            it is the first one, and each token sees all.
        past: Of the tokens before `hidden`; needs `ends`.

    Returns:
        Shape (n, d).
    """
    mask = None if ends is None else _earlier(hidden.shape[1], past, hidden.device)
    *layers, last = encoder.layers
    known: list[Any] = [None] * len(encoder.layers) if past is None else list(past)
    for layer, before in zip(layers, known, strict=False):
        hidden = _block(layer, hidden, hidden, before, mask)
    if ends is None or mask is None:
        return _block(last, hidden, hidden[:, :1], known[-1], None)[:, 0]
    rows = torch.arange(hidden.shape[0], device=hidden.device)
    asking = hidden[rows, ends][:, None]
    return _block(last, hidden, asking, known[-1], mask[ends][:, None, None])[:, 0]


def begin(encoder: Any, hidden: Tensor) -> Past:
    """What later tokens see of the first ones, shape (1, l, d), where these see none after them."""
    mask, found = _earlier(hidden.shape[1], None, hidden.device), []
    for layer in encoder.layers:
        found.append(_answers(layer, layer.layer_norm1(hidden)))
        hidden = _block(layer, hidden, hidden, None, mask)
    return found


def _block(layer: Any, hidden: Tensor, asking: Tensor, past: Any, mask: Tensor | None) -> Tensor:
    """One block for the tokens `asking`, (n, k, d), which are some or all of `hidden`."""
    attention, seen = layer.self_attn, layer.layer_norm1(hidden)
    wanted = seen if asking is hidden else layer.layer_norm1(asking)
    key, value = _answers(layer, seen)
    if past is not None:
        key, value = (_after(*pair) for pair in zip(past, (key, value), strict=True))
    query = _heads(attention, attention.q_proj(wanted))
    told = _attended(query, key, value, mask)
    asking = asking + attention.out_proj(told.transpose(1, 2).flatten(2))
    return asking + _inner(layer.mlp, layer.layer_norm2(asking))


def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention, shape (n, heads, k, width)."""
    slow = query.requires_grad and query.dtype is torch.bfloat16 and query.device.type == "cpu"
    if not slow or mask is not None:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    told: Tensor = _Attention.apply(query, key, value)  # type: ignore[no-untyped-call]
    return told


class _Attention(torch.autograd.Function):
    """Attention by plain products, one picture at a time, whose weights then stay in the cache.

    PyTorch's own gradient takes three times as long in bfloat16 on the CPU.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        told, weights = torch.empty_like(query), []
        with torch.autocast("cpu", enabled=False):  # which would turn weights into float32
            for row, asked in enumerate(query * query.shape[-1] ** -0.5):
                weights.append((asked @ key[row].transpose(-1, -2)).softmax(-1))
                told[row] = weights[-1] @ value[row]
        ctx.save_for_backward(query, key, value, told, *weights)
        return told

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, told, *weights = ctx.saved_tensors
        found = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        alike = (gradient * told).sum(-1, keepdim=True)  # raising all weights changes nothing
        for row, weight in enumerate(weights):
            close = (gradient[row] @ value[row].transpose(-1, -2)).sub_(alike[row]).mul_(weight)
            found[0][row] = close @ key[row]
            found[1][row] = close.transpose(-1, -2) @ query[row]
            found[2][row] = weight.transpose(-1, -2) @ gradient[row]
        scale = query.shape[-1] ** -0.5
        return found[0].mul_(scale), found[1].mul_(scale), found[2]


def _answers(layer: Any, seen: Tensor) -> tuple[Tensor, Tensor]:
    attention = layer.self_attn
    key, value = attention.k_proj(seen), attention.v_proj(seen)
    return _heads(attention, key), _heads(attention, value)


def _heads(attention: Any, x: Tensor) -> Tensor:
    """Shape (n, l, d) to (n, heads, l, width)."""
    return x.view(*x.shape[:2], attention.num_heads, -1).transpose(1, 2)


def _after(past: Tensor, new: Tensor) -> Tensor:
    return torch.cat([past.to(new).expand(new.shape[0], -1, -1, -1), new], 2)


def _earlier(length: int, past: Past | None, device: torch.device) -> Tensor:
    """Which tokens each of `length` sees: those of the past, itself and those before it."""
    before = 0 if past is None else past[0][0].shape[2]
    seen = torch.ones(length, before + length, dtype=torch.bool, device=device)
    return seen.tril(before)


def _inner(mlp: Any, x: Tensor) -> Tensor:
    """The layers after attention.

    CLIP's activation takes three passes over its values. It is the usual SiLU of `STEEP` times x,
    divided by it; both factors go into the products on either side, where they cost nothing.
    """
    if not _quick(mlp) or torch.onnx.is_in_onnx_export():  # runtimes know the three passes
        out: Tensor = mlp(x)
        return out
    rows = x.flatten(0, -2)
    rows = torch.addmm(mlp.fc1.bias, rows, mlp.fc1.weight.T, beta=STEEP, alpha=STEEP)
    rows = F.silu(rows, inplace=not rows.requires_grad)
    rows = torch.addmm(mlp.fc2.bias, rows, mlp.fc2.weight.T, alpha=1 / STEEP)
    return rows.view(*x.shape[:-1], -1)


def _quick(mlp: Any) -> bool:
    """Whether these are CLIP's own layers, with nothing that listens to them."""
    from transformers.activations import QuickGELUActivation
    from transformers.models.clip.modeling_clip import CLIPMLP

    if type(mlp) is not CLIPMLP or type(mlp.activation_fn) is not QuickGELUActivation:
        return False
    layers = (mlp, mlp.fc1, mlp.fc2, mlp.activation_fn)
    heard = any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)
    return type(mlp.fc1) is type(mlp.fc2) is nn.Linear and not heard
