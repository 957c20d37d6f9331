"""Fused element-wise work of the encoder, for training: on a CPU norms and gates cost as much as the matrix products.

With AMX the products are so fast that RMSNorm in float32, rotary embeddings and the gated activation, a pass over
memory for each of their operations, take most of a step. Compiled to one loop each, a step takes two thirds of the
time. Serving does not compile: it would cost every start a minute.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import nn


def fuse_elementwise(encoder: nn.Module) -> None:
    """Compile norms, rotary embeddings and gated activations of a Gemma encoder; others are left as they are."""
    if type(encoder).__name__ != "Gemma3TextModel":
        return
    from transformers.models.gemma3 import modeling_gemma3 as gemma

    # Compiled once for each number of dimensions and precision, with gradients and without.
    torch._dynamo.config.recompile_limit = 64
    norm = torch.compile(gemma.Gemma3RMSNorm.forward, dynamic=True)
    gate = torch.compile(_gated, dynamic=True)

    def feed_forward(self: Any, states: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = self.down_proj(gate(self.gate_proj(states), self.up_proj(states)))
        return product

    gemma.apply_rotary_pos_emb = torch.compile(gemma.apply_rotary_pos_emb, dynamic=True)
    for module in encoder.modules():
        if isinstance(module, gemma.Gemma3RMSNorm):
            module.forward = types.MethodType(norm, module)
        elif isinstance(module, gemma.Gemma3MLP):
            module.forward = types.MethodType(feed_forward, module)


def _gated(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return nn.functional.gelu(gate, approximate="tanh") * up
