"""Options for answering."""

from __future__ import annotations

from dataclasses import dataclass

from qa.confidence import THRESHOLD
from qa.evidence import MAX_EVIDENCE_TOKENS
from qa.reader.extractive_qa import BUDGET


@dataclass(frozen=True)
class Options:
    """Options for answering: passages shown, token limits of the reader and of the LLM's evidence, and the minimum
    probability to answer."""

    passages: int = 10
    reader_tokens: int = BUDGET
    evidence_tokens: int = MAX_EVIDENCE_TOKENS
    threshold: float = THRESHOLD
