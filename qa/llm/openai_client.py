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
from qa.llm.sse import LineTooLong, events

_CONNECT_SECONDS = 5
_READ_SECONDS = 120
"""Maximum silence before a piece. The first waits for the evaluation of the whole prompt and, if busy, in a queue."""
_NAMING_SECONDS = 30
_ALL_SECONDS = 300
"""Maximum time of a response, for a server that sends keep-alives and nothing else."""
_MOST_BYTES = 2**22
_LONGEST_REASON = 200
_KEY_REFUSED = (401, 403)
_LATER = (408, 429)


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


class _Whole(BaseModel):
    message: _Message
    logprobs: Logprobs | None = None


class _Completion(BaseModel):
    choices: list[_Whole]


class _Part(BaseModel):
    delta: _Message = _Message()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_Part] = []
    error: Any = None


class _Named(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Named]


class _Fault(BaseModel):
    message: str


class _Refusal(BaseModel):
    error: _Fault


class ChatClient:
    """Client of the server at `address`. All requests may raise `LLMUnreachable`, `LLMBusy`, `LLMConnectionLost`,
    `LLMRequestRejected`, `LLMKeyRejected` and `LLMInvalidResponse`."""

    def __init__(self, address: str, key: str = "") -> None:
        self.address = address
        self._client = httpx.Client(
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            limits=httpx.Limits(max_keepalive_connections=0),
            # No proxy, certificate or password of the environment: questions go only to the configured server.
            trust_env=False,
        )

    def models(self) -> list[str]:
        """Return the names of the server's models."""
        timeout = httpx.Timeout(_NAMING_SECONDS, connect=_CONNECT_SECONDS)
        with self._asked("GET", "models", timeout=timeout) as chunks:
            return [model.id for model in _Models.model_validate_json(b"".join(chunks)).data]

    def whole(self, request: Mapping[str, Any]) -> tuple[str, list[Completion]]:
        """Return a complete text, and its tokens with their probabilities if the server reports them."""
        with self._asked("POST", "chat/completions", json=dict(request)) as chunks:
            choices = _Completion.model_validate_json(b"".join(chunks)).choices
        if not choices:
            raise LLMInvalidResponse(address=self.address)
        told = choices[0].logprobs
        return choices[0].message.content or "", (told and told.content) or []

    def stream(self, request: Mapping[str, Any]) -> Generator[str, None, None]:
        """Stream a text. Ending without a finish reason raises `LLMConnectionLost`; closing this closes the
        connection."""
        with self._asked("POST", "chat/completions", json={**request, "stream": True}) as chunks:
            for event in events(chunks):
                chunk = _Chunk.model_validate_json(event)
                if chunk.error is not None:
                    raise LLMConnectionLost(address=self.address)
                for part in chunk.choices[:1]:
                    if part.delta.content:
                        yield part.delta.content
                    if part.finish_reason:
                        return
        raise LLMConnectionLost(address=self.address)

    @contextmanager
    def _asked(self, method: str, path: str, **request: Any) -> Iterator[Iterator[bytes]]:
        """Send a request and yield the bytes of the response; map transport and parsing failures to Jawab's errors."""
        try:
            with self._client.stream(method, f"{self.address}/{path}", **request) as response:
                if response.status_code != httpx.codes.OK:
                    raise self._refusal(response)
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
        end, size = time.monotonic() + _ALL_SECONDS, 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > _MOST_BYTES:
                raise LLMInvalidResponse(address=self.address)
            if time.monotonic() > end:
                raise LLMConnectionLost(address=self.address)
            yield chunk

    def _refusal(self, response: httpx.Response) -> Exception:
        status = response.status_code
        if status in _KEY_REFUSED:
            return LLMKeyRejected(address=self.address)
        if status in _LATER or status >= 500:
            return LLMBusy(address=self.address, status=status)
        return LLMRequestRejected(address=self.address, answer=f"{status}{self._reason(response)}")

    def _reason(self, response: httpx.Response) -> str:
        """Return the server's reason for refusing, if it is in OpenAI's format."""
        try:
            fault = _Refusal.model_validate_json(b"".join(self._bounded(response))).error
        except ValidationError:
            return ""
        return f": {' '.join(fault.message.split())[:_LONGEST_REASON]}"
