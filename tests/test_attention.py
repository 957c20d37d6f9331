"""Our attention gives what PyTorch's own gives: heads that share a key, a mask, a scale."""

from __future__ import annotations

import pytest
import torch

from index.attention import plain_attention


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scaling", [None, 0.5])
def test_it_is_scaled_dot_product_attention(masked: bool, scaling: float | None) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 6, 9, 4), torch.randn(2, 2, 9, 4), torch.randn(2, 2, 9, 4)
    mask = (torch.rand(2, 1, 9, 9) > 0.4) | torch.eye(9, dtype=torch.bool) if masked else None
    mixed, weights = plain_attention(torch.nn.Identity(), query, key, value, mask, scaling=scaling)
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=scaling, enable_gqa=True
    )
    assert weights is None
    assert torch.allclose(mixed, expected.transpose(1, 2), atol=1e-5)
