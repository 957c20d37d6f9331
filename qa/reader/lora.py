"""Reader network: the embedder with LoRA on its upper layers and three heads.

LoRA (Hu et al. 2021, arXiv:2106.09685): a linear layer's W x becomes W x + B A x, and only A and B are trained. W stays
the embedder's, the very same tensor in memory; the embedder itself sees nothing of A and B. The head for spans is that
of BERT on SQuAD 2.0 (Devlin et al. 2019, arXiv:1810.04805): a logit for "the answer starts here" and one for "it ends
here" for every token, where the first token stands for "not here". A second head says whether the excerpt answers at
all, as the front verifier of Retro-Reader does (Zhang et al. 2021, arXiv:2001.09694). A third says of a yes-or-no
question whether the excerpt says yes, no, or neither (the answer types of Alberti et al. 2019, arXiv:1901.08634).
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

VERDICTS = 3
"""Yes, no, neither."""
_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_HEADS = ("head.", "answerable.", "verdict.")


@dataclass(frozen=True)
class LoRAConfig:
    """Number of upper layers that are adapted, and the rank of the corrections."""

    layers: int
    rank: int


class Logits(NamedTuple):
    """Logits of a batch, float32.

    `spans` (start, end) have shape (batch, tokens, 2), `answerable` (batch,), `verdict` (yes, no, neither) (batch, 3).
    """

    spans: torch.Tensor
    answerable: torch.Tensor
    verdict: torch.Tensor


class LoRALinear(nn.Module):
    """Frozen linear layer with a trained low-rank correction."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        flat = states.reshape(-1, states.shape[-1])
        low = nn.functional.linear(flat, self.down.to(states.dtype))
        # One product adds to the other: a sum of its own would be a pass over memory more.
        corrected = torch.addmm(self.linear(flat), low, self.up.to(states.dtype).t())
        return corrected.view(*states.shape[:-1], -1)


class ReaderNetwork(nn.Module):
    """`encoder` is a transformer with `embed_tokens`, `layers` and `norm`, whose weights are shared, not copied."""

    def __init__(self, encoder: nn.Module, shape: LoRAConfig) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = sharing_copy(encoder)
        for parameter in self.encoder.parameters():
            parameter.requires_grad_(False)
        width = 0
        for layer in list(self.encoder.get_submodule("layers").children())[-shape.layers :]:
            for name, module in list(layer.named_modules()):
                if name.rpartition(".")[2] in _LINEARS and isinstance(module, nn.Linear):
                    setattr(
                        layer.get_submodule(name.rpartition(".")[0]),
                        name.rpartition(".")[2],
                        LoRALinear(module, shape.rank),
                    )
                    width = max(width, module.in_features) if name.endswith("q_proj") else width
        self.head = nn.Linear(width, 2)
        self.answerable = nn.Linear(width, 1)
        self.verdict = nn.Linear(width, VERDICTS)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, allowed: torch.Tensor) -> Logits:
        """Compute the logits of a batch; all have shape (batch, tokens).

        `allowed` are the tokens at which an answer may begin: those of the excerpt, and the first, for no answer.
        """
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        spans = self.head(states)
        # The verdict is read where the deciding words begin, or at the first token where there are none.
        begins = spans[..., 0].masked_fill(~allowed, -torch.inf).softmax(-1)
        deciding = torch.einsum("bt,btw->bw", begins, states)
        return Logits(spans, self.answerable(states[:, 0]).squeeze(-1), self.verdict(deciding))

    def heads(self) -> list[nn.Parameter]:
        """Parameters of the heads, which learn faster than the corrections."""
        return [*self.head.parameters(), *self.answerable.parameters(), *self.verdict.parameters()]

    @property
    def device(self) -> torch.device:
        return self.head.weight.device

    def eval_mode(self) -> ReaderNetwork:
        """Switch to inference: no gradients, corrections in the encoder's own dtype."""
        for module in self.encoder.modules():
            if isinstance(module, LoRALinear):
                module.to(module.linear.weight.dtype)
        return self.eval().requires_grad_(False)

    def adapter_state(self) -> dict[str, torch.Tensor]:
        """Trained parameters by name: the corrections and the heads."""
        return {name: parameter for name, parameter in self.named_parameters() if _is_adapter_parameter(name)}

    def load_adapter_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """Load what `adapter_state` returned. Raises `ValueError` if it belongs to another network."""
        adapter = self.adapter_state()
        if {name: tuple(t.shape) for name, t in tensors.items()} != {
            name: tuple(t.shape) for name, t in adapter.items()
        }:
            raise ValueError("these tensors belong to another network")
        with torch.no_grad():
            for name, parameter in adapter.items():
                parameter.copy_(tensors[name])


def sharing_copy(module: nn.Module) -> nn.Module:
    """Copy a module without copying its tensors."""
    tensors = itertools.chain(module.parameters(), module.buffers())
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})


def _is_adapter_parameter(name: str) -> bool:
    return name.startswith(_HEADS) or name.endswith((".down", ".up"))
