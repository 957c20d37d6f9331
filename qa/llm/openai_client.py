"""HTTP client for a server with OpenAI's chat API, with validation of its responses.

Responses are not trusted: bytes, lines and time are bounded, every response is validated against a schema, redirects
are not followed, and failures become Jawab's own errors. Every request has its own connection: closing it stops
generation on the server, and no stale connection is reused.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import BaseModel, FiniteFloat, ValidationError

from qa.errors import (
    LLMBusy,
    LLMConnectionLost,
    LLMInvalidResponse,
    LLMKeyRejected,
    LLMRequestRejected,
    LLMUnreachable,
)
from qa.llm.base import ChatTimeouts
from qa.llm.sse import LineTooLong, events

_CONNECT_SECONDS = 5
_MODELS_SECONDS = 30
_MAX_BYTES = 2**22
_MAX_REASON_LENGTH = 200
_KEY_STATUSES = (401, 403)
_RETRY_STATUSES = (408, 429)


class TokenProbability(BaseModel):
    """A token, and the natural logarithm of its probability."""

    token: str
    logprob: FiniteFloat


class Completion(TokenProbability):
    """A generated token, and the likeliest ones in its place."""

    top_logprobs: list[TokenProbability] | None = None


class Logprobs(BaseModel):
    """Log-probabilities of the generated tokens; not every server reports them, even when requested."""

    content: list[Completion] | None = None


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    logprobs: Logprobs | None = None


class _ChatResponse(BaseModel):
    choices: list[_Choice]


class _ChunkChoice(BaseModel):
    delta: _Message = _Message()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_ChunkChoice] = []
    error: Any = None


class _ModelEntry(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_ModelEntry]


class _ErrorDetail(BaseModel):
    message: str


class _ErrorResponse(BaseModel):
    error: _ErrorDetail


class ChatClient:
    """Client of the server at `address`. All requests may raise `LLMUnreachable`, `LLMBusy`, `LLMConnectionLost`,
    `LLMRequestRejected`, `LLMKeyRejected` and `LLMInvalidResponse`."""

    def __init__(self, address: str, key: str = "", timeouts: ChatTimeouts | None = None) -> None:
        self.address = address
        self._timeouts = timeouts or ChatTimeouts()
        self._client = httpx.Client(
            timeout=httpx.Timeout(self._timeouts.silence, connect=_CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            limits=httpx.Limits(max_keepalive_connections=0),
            # No proxy, certificate or password of the environment: questions go only to the configured server.
            trust_env=False,
        )

    def models(self) -> list[str]:
        """Return the names of the server's models."""
        timeout = httpx.Timeout(_MODELS_SECONDS, connect=_CONNECT_SECONDS)
        with self._request("GET", "models", timeout=timeout) as chunks:
            return [model.id for model in _Models.model_validate_json(b"".join(chunks)).data]

    def complete(self, request: Mapping[str, Any]) -> tuple[str, list[Completion]]:
        """Return a complete text, and its tokens with their probabilities if the server reports them."""
        with self._request("POST", "chat/completions", json=dict(request)) as chunks:
            choices = _ChatResponse.model_validate_json(b"".join(chunks)).choices
        if not choices:
            raise LLMInvalidResponse(address=self.address)
        logprobs = choices[0].logprobs
        return choices[0].message.content or "", (logprobs and logprobs.content) or []

    def stream(self, request: Mapping[str, Any]) -> Generator[str, None, None]:
        """Stream a text. Ending without a finish reason raises `LLMConnectionLost`; closing this closes the
        connection."""
        with self._request("POST", "chat/completions", json={**request, "stream": True}) as chunks:
            for event in events(chunks):
                chunk = _Chunk.model_validate_json(event)
                if chunk.error is not None:
                    raise LLMConnectionLost(address=self.address)
                for choice in chunk.choices[:1]:
                    if choice.delta.content:
                        yield choice.delta.content
                    if choice.finish_reason:
                        return
        raise LLMConnectionLost(address=self.address)

    @contextmanager
    def _request(self, method: str, path: str, **request: Any) -> Iterator[Iterator[bytes]]:
        """Send a request and yield the bytes of the response; map transport and parsing failures to Jawab's errors."""
        try:
            with self._client.stream(method, f"{self.address}/{path}", **request) as response:
                if response.status_code != httpx.codes.OK:
                    raise self._error_of(response)
                yield self._bounded(response)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise LLMUnreachable(address=self.address) from error
        except httpx.RequestError as error:
            raise LLMConnectionLost(address=self.address) from error
        except (ValidationError, LineTooLong) as error:
            raise LLMInvalidResponse(address=self.address) from error

    def _bounded(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield the raw bytes within limits. A response compressed despite the header is not decompressed, so parsing
        fails."""
        deadline, size = time.monotonic() + self._timeouts.response, 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > _MAX_BYTES:
                raise LLMInvalidResponse(address=self.address)
            if time.monotonic() > deadline:
                raise LLMConnectionLost(address=self.address)
            yield chunk

    def _error_of(self, response: httpx.Response) -> Exception:
        status = response.status_code
        if status in _KEY_STATUSES:
            return LLMKeyRejected(address=self.address)
        if status in _RETRY_STATUSES or status >= 500:
            return LLMBusy(address=self.address, status=status)
        return LLMRequestRejected(address=self.address, answer=f"{status}{self._reason(response)}")

    def _reason(self, response: httpx.Response) -> str:
        """Return the server's reason for refusing, if it is in OpenAI's format."""
        try:
            detail = _ErrorResponse.model_validate_json(b"".join(self._bounded(response))).error
        except ValidationError:
            return ""
        return f": {' '.join(detail.message.split())[:_MAX_REASON_LENGTH]}"
