"""Reader over the embedder's network and a weights file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from index.runtime.priority_executor import Priority, PriorityExecutor
from index.text.folding import Folded, to_plain_form
from qa.cancellation import check_cancelled
from qa.reader.base import Context, ReaderOutput, ScoredSpan, Verdict
from qa.reader.span_decoding import top_spans
from qa.reader.tokenization import ReaderInput, encode

if TYPE_CHECKING:
    import torch

    from index.embeddings import SentenceTransformerEmbedder
    from qa.reader.lora import ReaderNetwork

FORMAT = "jawab-reader-4"
"""Format version of the weights file; changes with the input format and the network."""
BATCH = 4
"""Excerpts per batch; on a CPU padding costs more than small batches."""


class LoRAReader:
    """Reader that loads its network and the embedder's tokenizer on first use.

    `thread` is the one that computes. `titled` is whether the network was trained with titles and dates; one that was
    not is given none.
    """

    def __init__(
        self,
        name: str,
        network: Callable[[], ReaderNetwork],
        tokenizer: Callable[[], Any],
        thread: PriorityExecutor,
        titled: bool = True,
    ) -> None:
        self.name = name
        self._titled = titled
        self._make_network = network
        self._make_tokenizer = tokenizer
        self._thread = thread
        # How a tokenizer pads and cuts is a state of its own, which every call sets.
        self._tokenizer_lock = threading.Lock()

    @classmethod
    def of(cls, file: Path, embedder: SentenceTransformerEmbedder, name: str) -> LoRAReader | None:
        """Create the reader of a weights file; `None` if the file is for another embedder."""
        metadata = read_header(file, FORMAT)
        if metadata.get("base") != base_fingerprint(embedder):
            return None
        titled = metadata.get("titled") == "true"
        return cls(name, lambda: load(file, embedder.encoder), lambda: embedder.tokenizer, embedder.thread, titled)

    @cached_property
    def _network(self) -> ReaderNetwork:
        return self._make_network()

    @cached_property
    def _tokenizer(self) -> Any:
        return self._make_tokenizer()

    def prepare(self) -> None:
        self.read(self.name, [Context(self.name)])

    def count_tokens(self, text: str) -> int:
        with self._tokenizer_lock:
            return len(self._tokenizer(to_plain_form(text).text, add_special_tokens=False)["input_ids"])

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        """Read in small batches, so that searches can run in between. Raises `Cancelled`."""
        texts = [to_plain_form(context.text) for context in contexts]
        if not texts:
            return []
        plain_contexts = [
            Context(text.text, to_plain_form(context.title).text, context.date) if self._titled else Context(text.text)
            for context, text in zip(contexts, texts, strict=True)
        ]
        inputs = self._thread.do(lambda: self._encode(question, plain_contexts), Priority.READING)
        readings: dict[int, ReaderOutput] = {}
        order = sorted(range(len(inputs)), key=lambda at: len(inputs[at].ids))
        for first in range(0, len(order), BATCH):
            check_cancelled()
            batch = order[first : first + BATCH]
            work = partial(self._logits, [inputs[at] for at in batch])
            for at, scores in zip(batch, self._thread.do(work, Priority.READING), strict=True):
                reading = top_spans(scores.spans, inputs[at], texts[at].text)
                reading = replace(reading, answerable=scores.answerable, verdict=scores.verdict)
                readings[at] = _in_original(reading, texts[at])
        return [readings[at] for at in range(len(inputs))]

    def _encode(self, question: str, contexts: Sequence[Context]) -> list[ReaderInput]:
        with self._tokenizer_lock:
            return encode(self._tokenizer, to_plain_form(question).text, contexts)

    def _logits(self, batch: Sequence[ReaderInput]) -> list[_Scores]:
        import torch

        with torch.inference_mode():
            logits = self._network(*pad_batch(batch, self._network.device))
        spans, answerable = logits.spans.cpu().numpy(), logits.answerable.cpu().tolist()
        verdicts = logits.verdict.softmax(-1).cpu().tolist()
        return [
            _Scores(spans[row, : len(reader_input.ids)], answerable[row], Verdict(*verdicts[row]))
            for row, reader_input in enumerate(batch)
        ]


class _Scores(NamedTuple):
    """Scores of one input: logits of its tokens (tokens, 2), log-odds that it answers, and the verdict."""

    spans: np.ndarray[Any, np.dtype[np.float32]]
    answerable: float
    verdict: Verdict


def pad_batch(batch: Sequence[ReaderInput], device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pad a batch: ids, attention mask, and mask of the tokens at which an answer may begin.

    All have shape (batch, tokens of the longest).
    """
    import torch

    longest = max(len(reader_input.ids) for reader_input in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros(len(batch), longest, dtype=torch.long)
    allowed = torch.zeros(len(batch), longest, dtype=torch.bool)
    allowed[:, 0] = True
    for row, reader_input in enumerate(batch):
        allowed[row, : len(reader_input.ids)] |= torch.tensor([place is not None for place in reader_input.offsets])
        ids[row, : len(reader_input.ids)] = torch.tensor(reader_input.ids)
        mask[row, : len(reader_input.ids)] = 1
    return ids.to(device), mask.to(device), allowed.to(device)


def save(network: ReaderNetwork, file: Path, embedder: SentenceTransformerEmbedder) -> None:
    """Write the trained parameters of `network`, which adapt the weights of `embedder`."""
    import torch
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().to("cpu", torch.bfloat16) for name, tensor in network.adapter_state().items()}
    metadata = {
        "format": FORMAT,
        "base": base_fingerprint(embedder),
        "shape": json.dumps(asdict(network.shape)),
        "titled": "true",
    }
    save_file(tensors, file, metadata=metadata)


def load(file: Path, encoder: torch.nn.Module) -> ReaderNetwork:
    """Load a weights file over the embedder's `encoder`. Raises `ValueError` if the two do not fit."""
    from safetensors.torch import load_file

    from qa.reader.lora import LoRAConfig, ReaderNetwork

    network = ReaderNetwork(encoder, LoRAConfig(**json.loads(read_header(file, FORMAT)["shape"])))
    network.load_adapter_state(load_file(file))
    return network.eval_mode()


def read_header(file: Path, expected_format: str) -> dict[str, str]:
    """Read the metadata of a weights file. Raises `ValueError` if it has another format."""
    from safetensors import safe_open

    with safe_open(file, framework="np") as weights:
        metadata: dict[str, str] = weights.metadata() or {}
    if metadata.get("format") != expected_format:
        raise ValueError(f"not weights of the form {expected_format}")
    return metadata


def base_fingerprint(embedder: SentenceTransformerEmbedder) -> str:
    """Fingerprint of the embedder's weights, without its name."""
    return embedder.fingerprint.rpartition("/")[2]


def _in_original(reading: ReaderOutput, text: Folded) -> ReaderOutput:
    spans, items = (
        tuple(ScoredSpan(text.to_original(scored.span.start, scored.span.end), scored.score) for scored in found)
        for found in (reading.spans, reading.items)
    )
    return replace(reading, spans=spans, items=items)
