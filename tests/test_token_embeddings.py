"""Token embeddings read row by row from their file equal those of the table in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers.models.gemma3.modeling_gemma3 import Gemma3TextScaledWordEmbedding

from index.runtime.token_embeddings import read_rows_from_file

ROWS, WIDTH = 50, 8
NAME = "embed_tokens.weight"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def table(rows: int = ROWS, width: int = WIDTH, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(rows, width).to(dtype)


def embedding_of(weights: torch.Tensor, padding: int | None = None) -> torch.nn.Embedding:
    rows, width = weights.shape
    embedding = torch.nn.Embedding(rows, width, padding, dtype=weights.dtype).requires_grad_(False)
    embedding.weight.copy_(weights)
    return embedding


def forget_weights(embedding: torch.nn.Embedding) -> None:
    """Zero the table in memory, so that rows can only come from the file."""
    embedding.weight.data.zero_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("padding", [None, 0, ROWS - 1])
@pytest.mark.parametrize(
    "ids", [[[3]], [[0, 1, 2], [2, 1, 0]], [[7] * 9], [list(range(ROWS))], [[49, 0, 0], [49, 1, 0]]]
)
def test_rows_from_file_equal_table(ids: list[list[int]], padding: int | None, dtype: torch.dtype, file: Path) -> None:
    weights = table(dtype=dtype)
    save_file({"first": table(3, 3), NAME: weights, "last": table(5, 1)}, file)
    embedding = embedding_of(weights, padding)
    expected = embedding(torch.tensor(ids))
    assert read_rows_from_file(embedding, file)
    forget_weights(embedding)
    for _ in range(2):
        assert torch.equal(embedding(torch.tensor(ids)), expected)


def test_gemma_embedding_keeps_its_scale(file: Path) -> None:
    weights = table(dtype=torch.bfloat16)
    save_file({f"model.{NAME}": weights}, file)
    embedding = Gemma3TextScaledWordEmbedding(ROWS, WIDTH, 0, embed_scale=27.7).to(torch.bfloat16)
    embedding.weight.data.copy_(weights)
    ids = torch.tensor([[5, 9, 5, 0]])
    expected = embedding(ids)
    assert not torch.equal(expected, weights[ids])
    assert read_rows_from_file(embedding, file)
    forget_weights(embedding)
    assert torch.equal(embedding(ids), expected)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"other.weight": table()},
        {NAME: table(ROWS + 1)},
        {NAME: table(ROWS, WIDTH + 1)},
        {NAME: table(WIDTH, ROWS)},
        {NAME: table(dtype=torch.float16)},
        {NAME: table(dtype=torch.bfloat16)},
        {f"encoder.{NAME}": table(), f"decoder.{NAME}": table()},
    ],
)  # fmt: skip
def test_mismatched_tensor_is_not_used(tensors: dict[str, torch.Tensor], file: Path) -> None:
    save_file(tensors or {"nothing": torch.zeros(1)}, file)
    weights = table()
    embedding = embedding_of(weights)
    assert not read_rows_from_file(embedding, file)
    assert "forward" not in vars(embedding)
    assert torch.equal(embedding(torch.tensor([4, 2])), weights[[4, 2]])


def test_token_out_of_range_raises(file: Path) -> None:
    weights = table()
    save_file({NAME: weights, "z": table()}, file)
    embedding = embedding_of(weights)
    assert read_rows_from_file(embedding, file)
    with pytest.raises(IndexError):
        embedding(torch.tensor([ROWS]))
