"""Attention for a CPU: plain matrix products in place of PyTorch's fused kernel.

For passages of some hundred tokens the scores of all heads fit into a cache, and the fused kernel saves memory at the
cost of time. Measured by `benchmarks/embedding.py`; docs/benchmarks.md has the figures.

For a question, computing the mask position by position took a tenth of the time: where every token may attend to every
other, only the padding is masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PLAIN_ATTENTION = "jawab_plain"
"""Name of the attention in transformers' registry."""


def register_plain_attention() -> str:
    """Register the attention with transformers and return the name to load a model with. Idempotent."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(PLAIN_ATTENTION, plain_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(PLAIN_ATTENTION, plain_mask)
    return PLAIN_ATTENTION


def plain_mask(
    *, attention_mask: torch.Tensor | None = None, config: Any = None, **mask_arguments: Any
) -> torch.Tensor | None:
    """Return transformers' own mask, computed faster where a text is no longer than the sliding window.

    `attention_mask` has shape (batch, tokens), true where there is a token. The result broadcasts to (batch, 1, tokens,
    tokens), true where a token may attend, and is `None` where every token may attend to every other.
    """
    from transformers.masking_utils import sdpa_mask

    if attention_mask is None or not _sees_all(
        config, attention_mask.shape[1], mask_arguments["q_length"], mask_arguments["kv_length"]
    ):
        # No mask means full attention here; the fused kernel would apply a causal model's mask by itself.
        mask_arguments["allow_is_causal_skip"] = False
        mask: torch.Tensor = sdpa_mask(attention_mask=attention_mask, config=config, **mask_arguments)
        return mask
    return None if attention_mask.all() else attention_mask[:, None, None, :]


def _sees_all(config: Any, *lengths: int) -> bool:
    """Return whether in every layer each token of such a text attends to all others."""
    window = getattr(config, "sliding_window", None)  # tokens to either side, itself included
    return bool(getattr(config, "use_bidirectional_attention", False)) and bool(
        len(set(lengths)) == 1 and (window is None or lengths[0] <= window)
    )


def plain_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762), heads in groups that share a key.

    `query` has shape (batch, heads, tokens, width), `key` and `value` (batch, key heads, tokens, width), the mask
    (batch, 1, tokens, tokens), true where a token may attend. Returns (batch, tokens, heads, width), and no weights.
    """
    import torch

    group_size = query.shape[1] // key.shape[1]
    if group_size > 1:
        key, value = key.repeat_interleave(group_size, 1), value.repeat_interleave(group_size, 1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query * scale, key.transpose(-1, -2))
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    return torch.matmul(torch.softmax(scores, dim=-1), value).transpose(1, 2).contiguous(), None
