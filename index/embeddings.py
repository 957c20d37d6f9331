"""Embedders: unit vectors of questions and passages, and a vector for every sentence at no extra cost.

A passage goes through the network once. Its own vector is the mean of its tokens; a sentence's vector is the mean of
that sentence's tokens, in the passage's context ("late chunking", Günther et al. 2024, arXiv:2409.04701). Evidence can
therefore be selected by sentence without embedding any sentence at question time.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from index.articles import Span
from index.errors import EmbedderFailed
from index.runtime.attention import register_plain_attention
from index.runtime.bfloat16_copy import bfloat16_copy
from index.runtime.memory import release_free_memory, require_memory
from index.runtime.onednn import limit_primitive_cache
from index.runtime.openmp import limit_spin_wait
from index.runtime.priority_executor import Priority, PriorityExecutor
from index.runtime.query_batcher import QueryBatcher
from index.runtime.token_embeddings import read_rows_from_file

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int], None]

BATCH_SIZE = 4
"""Passages a batch. On a CPU padding costs more than small batches do: 1,600 tokens/s at 4, 1,200 at 8."""
MAX_TOKENS = 2048
_TOKENIZER_BYTES = 300_000_000


@dataclass(frozen=True)
class PassageText:
    """Input of the embedder: a passage, its article's title, and the spans of its sentences in `text`."""

    title: str
    text: str
    sentences: tuple[Span, ...]


@dataclass(frozen=True)
class PassageEmbedding:
    """`passage` has shape (dimension,), `sentences` (number of sentences, dimension); all rows unit length."""

    passage: Vectors
    sentences: Vectors


class Embedder(Protocol):
    """Turns text into unit vectors whose inner product is the cosine."""

    @property
    def name(self) -> str:
        """The model's name, as in the answer record."""

    @property
    def fingerprint(self) -> str:
        """Identifier stored in the index; it changes whenever the vectors would."""

    @property
    def dimension(self) -> int: ...

    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        """Return vectors of shape (len(queries), dimension)."""

    def embed_passages(self, texts: Sequence[PassageText], progress: Progress | None = None) -> list[PassageEmbedding]:
        """Return a `PassageEmbedding` for each text, in order; `progress` is called with the number of texts done."""


class SentenceTransformerEmbedder:
    """A sentence-transformers model from a local folder; bfloat16 where the CPU has bfloat16 arithmetic.

    Raises `EmbedderFailed` for a folder that is not such a model.

    The network is loaded on first use: an update without changes needs no model. Loading raises `InsufficientMemory`
    where there is too little memory. `copies` is a folder for a copy of the weights in bfloat16; without it they are
    converted at every start.
    """

    def __init__(self, folder: Path, name: str | None = None, copies: Path | None = None) -> None:
        # Any other folder would be loaded as a bare transformer, with meaningless vectors.
        if not (folder / "modules.json").is_file():
            raise EmbedderFailed(folder=folder)
        limit_spin_wait()
        limit_primitive_cache()
        self._folder = folder
        self._copies = copies
        self.name = name or folder.name
        self.fingerprint = _fingerprint(folder, self.name)
        self.thread = PriorityExecutor("jawab-network")
        self._query_batcher: QueryBatcher[str, Vectors] = QueryBatcher(self.thread, self._embed_queries)

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension() or 0)

    @cached_property
    def _model(self) -> SentenceTransformer:
        import torch
        import transformers
        from sentence_transformers import SentenceTransformer

        # Transformers shows a progress bar for the weights of a model, which is of no use to a user.
        transformers.utils.logging.disable_progress_bar()
        folder, dtype = self._folder, torch.float32
        try:
            if computes_in_bfloat16():
                folder, dtype = bfloat16_copy(folder, self._copies) if self._copies else folder, torch.bfloat16
            require_memory(_memory_needed(folder), folder)
            model = SentenceTransformer(
                str(folder),
                device="cpu",
                local_files_only=True,
                model_kwargs={"dtype": dtype, "attn_implementation": register_plain_attention()},
            )
        except (OSError, ValueError) as error:  # raised for files that are missing or not a model's
            raise EmbedderFailed(folder=self._folder) from error
        # `<eos>` in an article's text is five characters, not the special token.
        model.tokenizer.split_special_tokens = True
        weights = folder / "model.safetensors"
        if weights.is_file():
            read_rows_from_file(model[0].auto_model.get_input_embeddings(), weights)
        release_free_memory()
        return model.eval()

    @property
    def encoder(self) -> torch.nn.Module:
        """The bare transformer: token ids to token states."""
        encoder: torch.nn.Module = self._model[0].auto_model
        return encoder

    @cached_property
    def tokenizer(self) -> Any:
        """A tokenizer for other components. Padding and truncation are mutable state that every call sets, so the
        model's own tokenizer is used in the network's thread only.
        """
        return _copy_tokenizer(self._model.tokenizer)

    @property
    def _prompts(self) -> dict[str, str]:
        return dict(self._model.prompts)

    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        rows = self._query_batcher.do(queries)
        return np.stack(rows) if rows else np.empty((0, self.dimension), dtype=np.float32)

    def _embed_queries(self, queries: Sequence[str]) -> list[Vectors]:
        rows = np.empty((len(queries), self.dimension), dtype=np.float32)
        for batch in _batches_by_length(list(map(len, queries))):
            rows[batch] = self._model.encode(
                [self._prompts.get("query", "") + queries[i] for i in batch],
                batch_size=BATCH_SIZE,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return list(rows)

    def token_states(self, text: str, layer: int) -> tuple[Vectors, list[tuple[int, int]]]:
        """Return the states of the text's tokens after a layer, of shape (tokens, width), and the tokens' spans."""
        return self.thread.do(lambda: self._token_states(text, layer), Priority.SEARCHING)

    def _token_states(self, text: str, layer: int) -> tuple[Vectors, list[tuple[int, int]]]:
        import torch

        encoded = self._model.tokenizer(
            text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt", return_offsets_mapping=True
        )
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.inference_mode():
            states = self.encoder(**encoded, output_hidden_states=True).hidden_states[layer][0]
        return states.float().numpy(), [(start, end) for start, end in offsets]

    def embed_passages(self, texts: Sequence[PassageText], progress: Progress | None = None) -> list[PassageEmbedding]:
        embedded: dict[int, PassageEmbedding] = {}
        for batch in _batches_by_length([len(text.text) for text in texts]):
            work = partial(self._embed_batch, [texts[i] for i in batch])
            for position, result in zip(batch, self.thread.do(work, Priority.INDEXING), strict=True):
                embedded[position] = result
            if progress:
                progress(len(batch))
        return [embedded[position] for position in range(len(texts))]

    def _embed_batch(self, batch: list[PassageText]) -> list[PassageEmbedding]:
        import torch

        heads = [self._head(text.title) for text in batch]
        encoded = self._model.tokenizer(
            [head + text.text for head, text in zip(heads, batch, strict=True)],
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
            return_offsets_mapping=True,
        )
        offsets = encoded.pop("offset_mapping")
        with torch.inference_mode():
            states = self._model[0](dict(encoded))["token_embeddings"]
            return [
                self._pool(
                    states[row][encoded["attention_mask"][row].bool()],
                    offsets[row][encoded["attention_mask"][row].bool()] - len(heads[row]),
                    text.sentences,
                )
                for row, text in enumerate(batch)
            ]

    def _head(self, title: str) -> str:
        """Return the document prompt; EmbeddingGemma's has a placeholder for the title."""
        prompt: str = self._prompts.get("document", "")
        return prompt.replace("title: none", f"title: {' '.join(title.split()) or 'none'}")

    def _pool(self, states: torch.Tensor, offsets: torch.Tensor, sentences: tuple[Span, ...]) -> PassageEmbedding:
        """Pool all token states, and those of each sentence, by mean, and apply the layers that follow the pooling."""
        import torch

        means = [states.float().mean(0)]
        for sentence in sentences:
            inside = (offsets[:, 0] < sentence.end) & (offsets[:, 1] > sentence.start)
            # A sentence past the token limit has no tokens: it gets the passage's vector.
            means.append(states[inside].float().mean(0) if inside.any() else means[0])
        features: dict[str, Any] = {"sentence_embedding": torch.stack(means).to(states.dtype)}
        for module in list(self._model)[2:]:
            features = module(features)
        rows = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=-1).numpy()
        return PassageEmbedding(passage=rows[0], sentences=rows[1:])


def _memory_needed(folder: Path) -> int:
    """Return the bytes of memory for the model's weights and tokenizer."""
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors")) + _TOKENIZER_BYTES


def _copy_tokenizer(tokenizer: Any) -> Any:
    """Return a tokenizer that shares its vocabulary with `tokenizer` (300 MB), and has its own state."""
    from tokenizers import Tokenizer

    original = tokenizer.backend_tokenizer
    backend = Tokenizer(original.model)
    for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        setattr(backend, part, getattr(original, part))
    backend.add_tokens([token for _, token in sorted(original.get_added_tokens_decoder().items())])
    duplicate = copy.copy(tokenizer)
    duplicate._tokenizer = backend
    return duplicate


def _fingerprint(folder: Path, name: str) -> str:
    """Return the model's name with a digest of its settings and weight sizes: cheap, and distinguishes models."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json" and path.stat().st_size < 100_000:
            digest.update(path.read_bytes())
        elif path.suffix in (".safetensors", ".bin"):
            digest.update(f"{path.relative_to(folder)} {path.stat().st_size}".encode())
    return f"{name}/{digest.hexdigest()[:12]}"


def computes_in_bfloat16() -> bool:
    """Return whether this CPU has bfloat16 arithmetic; without it bfloat16 is slower than float32."""
    import torch

    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))


def _batches_by_length(lengths: list[int]) -> list[list[int]]:
    """Return positions in batches of texts of similar length, so that there is little padding."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[i : i + BATCH_SIZE] for i in range(0, len(order), BATCH_SIZE)]
