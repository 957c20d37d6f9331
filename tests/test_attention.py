"""Plain attention equals PyTorch's scaled dot-product attention: grouped-query heads, a mask, a scale.

Its masks equal those of transformers in a small model like EmbeddingGemma, with a window of four tokens per side.
"""

from __future__ import annotations

import pytest
import torch
from transformers import Gemma3TextConfig, Gemma3TextModel

from index.runtime.attention import plain_attention, register_plain_attention


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scaling", [None, 0.5])
def test_matches_scaled_dot_product_attention(masked: bool, scaling: float | None) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 6, 9, 4), torch.randn(2, 2, 9, 4), torch.randn(2, 2, 9, 4)
    mask = (torch.rand(2, 1, 9, 9) > 0.4) | torch.eye(9, dtype=torch.bool) if masked else None
    mixed, weights = plain_attention(torch.nn.Identity(), query, key, value, mask, scaling=scaling)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling, enable_gqa=True
    )
    assert weights is None
    assert torch.allclose(mixed, expected.transpose(1, 2), atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("tokens", [1, 4, 5, 6, 30])
@pytest.mark.parametrize("padded", [False, True])
def test_masks_match_sdpa_implementation(bidirectional: bool, tokens: int, padded: bool) -> None:
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, sliding_window=8, layer_types=["sliding_attention", "full_attention"],
        use_bidirectional_attention=bidirectional,
    )  # fmt: skip
    model = Gemma3TextModel(config).eval()
    ids, there = torch.randint(1, 50, (3, tokens)), torch.ones(3, tokens, dtype=torch.bool)
    if padded:
        there[1, tokens // 2 + 1 :] = False
    states = []
    for way in ("sdpa", register_plain_attention()):
        model.set_attn_implementation(way)
        with torch.inference_mode():
            states.append(model(ids, attention_mask=there).last_hidden_state[there])
    theirs, ours = states
    assert torch.allclose(theirs, ours, atol=1e-5)
