"""LLM backend for a server with OpenAI's chat API (llama-server, llama-cpp-python, vLLM, Ollama).

Questions and the quoted sentences are sent there, because the user named it. Decoding is greedy, as in this process,
but a chat API offers less: neither the likelihood of a given phrase, nor the continuation of a given word. Missing
values are `None` or left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any
from urllib.parse import urlsplit

import httpx

from qa.errors import (
    LLMAddressInvalid,
    LLMBusy,
    LLMModelUnknown,
    LLMNoModels,
    LLMRequestRejected,
)
from qa.llm.base import Candidate, ChatTimeouts, Message, Prompt, TextStream
from qa.llm.openai_client import ChatClient, Completion

_BYTES_A_TOKEN = 3
"""An estimate, as most servers do not count tokens. 99 in 100 of the samples' sentences have fewer tokens with
Qwen2.5's and with Gemma's tokenizer; the median is two thirds of it."""
_CHARACTERS_A_TOKEN = 16
"""Limit on the length of the output, even if the server ignores `max_tokens`."""
_TOP_LOGPROBS = 20
"""Maximum number of alternatives to a token that servers report."""
_MAX_NAME_LENGTH = 200
_MAX_LISTED_MODELS = 10
"""Maximum number of models listed in an error."""

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TEMPLATE_MARKS = re.compile(r"<(?=[|｜/!A-Za-z_<])|\[(?=/?[A-Z_]+\])")
"""Beginnings of a chat template's marks: <|im_start|>, <start_of_turn>, <s>, [INST]."""


@dataclass(frozen=True)
class ServerAddress:
    """Address of a server and, optionally, the name of one of its models: `http://host:port/v1#model`."""

    url: str
    host: str
    model: str

    @classmethod
    def of(cls, text: str) -> ServerAddress:
        """Parse an address. Raises `LLMAddressInvalid`."""
        url, _, model = text.partition("#")
        try:
            parts = urlsplit(url)
            # A password in an address would be shown in every error.
            host = parts.hostname or ""
            if parts.port == 0 or not host or "@" in parts.netloc or re.search(r"[\s?]", url):
                raise ValueError(url)
            # Name resolution would raise this later.
            host.encode("idna")
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL) as error:
            raise LLMAddressInvalid from error
        return cls(url.rstrip("/"), host, model)


class OpenAICompatibleLLM:
    """LLM at an address. Nothing is sent before it is needed.

    All methods that send a request raise `LLMModelUnknown`, `LLMNoModels` and the errors of `ChatClient`.
    """

    def __init__(self, address: str, key: str = "", timeouts: ChatTimeouts | None = None) -> None:
        """Raises `LLMAddressInvalid`."""
        self._address = ServerAddress.of(address)
        self._server = ChatClient(self._address.url, key, timeouts)
        self._model_name: str | None = None

    @property
    def address(self) -> str:
        return self._address.url

    @property
    def host(self) -> str:
        return self._address.host

    @property
    def name(self) -> str:
        """The model's name; if the server names it by a path, the file's."""
        model = self._model
        return PureWindowsPath(model).stem if model.endswith(".gguf") else model

    @property
    def _model(self) -> str:
        """The server's name of the configured model, or else of its first; requested once."""
        if self._model_name is None:
            self._model_name = self._choose_model()
        return self._model_name

    def _choose_model(self) -> str:
        known = [name for name in self._server.models() if name.isprintable() and 0 < len(name) <= _MAX_NAME_LENGTH]
        if not known:
            raise LLMNoModels(address=self.address)
        requested = self._address.model or known[0]
        if requested not in known:
            raise LLMModelUnknown(address=self.address, name=requested, known=", ".join(known[:_MAX_LISTED_MODELS]))
        return requested

    def count_tokens(self, text: str) -> int:
        """Estimate the number of tokens, more often too high than too low."""
        return math.ceil(len(text.encode()) / _BYTES_A_TOKEN)

    def prepare(self, head: tuple[Message, ...]) -> None:
        """Request the model list, so that a missing server or model is reported at once.

        The head is not sent in advance: caching is up to the server, and a question would wait behind it.
        """
        _ = self._model

    def generate_candidate(self, prompt: Prompt, max_tokens: int, refusal: str) -> Candidate:
        """Return the server's line. A refusal cannot be prevented; it yields an empty draft."""
        request = self._request(prompt, max_tokens) | {"logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        text, tokens = self._complete(request)
        line = " ".join(_CONTROL_CHARACTERS.sub(" ", text.lstrip().partition("\n")[0]).split())
        line = line[: max_tokens * _CHARACTERS_A_TOKEN]
        return Candidate(
            "" if line.startswith(refusal) else line, _mean_log_prob(tokens), _refusal_log_prob(tokens, refusal)
        )

    def generate_candidates(
        self, prompt: Prompt, max_tokens: int, refusal: str, openings: frozenset[str], count: int
    ) -> list[Candidate]:
        """Return no drafts: the API cannot constrain the first word."""
        return []

    def score(self, prompt: Prompt, text: str) -> None:
        """Return `None`: not available from the API."""

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        request, max_characters = self._request(prompt, max_tokens), max_tokens * _CHARACTERS_A_TOKEN
        *versions, minimal = _request_versions(request)
        for version in versions:
            # Raised before any output.
            with suppress(LLMRequestRejected):
                yield from _first_line(self._server.stream(version), max_characters)
                return
        yield from _first_line(self._server.stream(minimal), max_characters)

    def _complete(self, request: Mapping[str, Any]) -> tuple[str, list[Completion]]:
        *versions, minimal = _request_versions(request)
        for version in versions:
            # llama-cpp-python's server answers 500 to a request for values that it cannot report.
            with suppress(LLMRequestRejected, LLMBusy):
                return self._server.complete(version)
        return self._server.complete(minimal)

    def _request(self, prompt: Prompt, max_tokens: int) -> dict[str, Any]:
        messages = [{"role": m.role, "content": _split_marks(m.content)} for m in (*prompt.head, *prompt.turns)]
        # Not part of OpenAI's API, but some servers penalise repetition by default (llama-cpp-python's, by 1.1), and
        # the sentence around a phrase must repeat it.
        greedy = {"temperature": 0, "repeat_penalty": 1.0}
        return {"model": self._model, "messages": messages, "max_tokens": max_tokens, **greedy}


def _request_versions(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the request, then versions with fewer and fewer of the parameters that a server may reject."""
    yield request
    for names in ({"logprobs", "top_logprobs"}, {"repeat_penalty"}):
        if names & request.keys():
            request = {name: value for name, value in request.items() if name not in names}
            yield request


def _split_marks(text: str) -> str:
    """Return text with its chat-template marks split: the server would parse those of an article as its own."""
    return _TEMPLATE_MARKS.sub(lambda mark: f"{mark.group()} ", text)


def _first_line(pieces: Generator[str, None, None], max_characters: int) -> TextStream:
    """Yield the first line of the output, up to `max_characters`; then stop generation."""
    started = False
    with closing(pieces):
        for piece in pieces:
            text, line_break, _ = _CONTROL_CHARACTERS.sub(" ", piece if started else piece.lstrip()).partition("\n")
            started = started or bool(text)
            if text:
                yield text[:max_characters]
            max_characters -= len(text)
            if max_characters <= 0 or (started and line_break):
                return


def _mean_log_prob(tokens: list[Completion]) -> float | None:
    """Return the mean log-probability of the first line's tokens; `None` if none were reported."""
    logprobs, text = [], ""
    for token in tokens:
        text += token.token
        if "\n" in text.lstrip():
            break
        logprobs.append(min(token.logprob, 0.0))
    return sum(logprobs) / len(logprobs) if logprobs else None


def _refusal_log_prob(tokens: list[Completion], refusal: str) -> float | None:
    """Return the log-probability that the line had begun to refuse; if no reported beginning is a refusal, that of the
    least likely one reported, as an upper bound."""
    alternatives = (tokens[0].top_logprobs or []) if tokens else []
    if not alternatives:
        return None
    words = ((alternative.token.strip(), min(alternative.logprob, 0.0)) for alternative in alternatives)
    refusals = [logprob for word, logprob in words if word and refusal.startswith(word)]
    if not refusals:
        return min(min(alternative.logprob, 0.0) for alternative in alternatives)
    return min(0.0, math.log(sum(map(math.exp, refusals))))
