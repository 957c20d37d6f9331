"""A server that speaks OpenAI's chat API: what it is asked over HTTP, and what of its answers is believed.

Nothing that it sends is trusted: bytes, lines and time are bounded, every answer is checked against its form, redirects
are not followed, and what goes wrong is an error of ours. Every request has a connection of its own, so closing it
stops the far server, and none is found dead that was kept.
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
"""Silence before a piece. The first one waits for the whole prompt to be read, and on a busy server for its turn."""
_NAMING_SECONDS = 30
_ALL_SECONDS = 300
"""A server that sends signs of life and nothing else is waited for no longer than this."""
_MOST_BYTES = 2**22
_LONGEST_REASON = 200
_KEY_REFUSED = (401, 403)
_LATER = (408, 429)


class TokenProbability(BaseModel):
    """A token, and the natural logarithm of its probability."""

    token: str
    logprob: FiniteFloat


class Completion(TokenProbability):
    """A token that was written, and the likeliest ones in its place."""

    top_logprobs: list[TokenProbability] | None = None


class Logprobs(BaseModel):
    """What a server tells of the tokens that it wrote; not every server does, even when it is asked."""

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
    """The server at `address`. All that asks may raise `LLMUnreachable`, `LLMBusy`, `LLMConnectionLost`,
    `LLMRequestRejected`, `LLMKeyRejected` and `LLMInvalidResponse`."""

    def __init__(self, address: str, key: str = "") -> None:
        self.address = address
        self._client = httpx.Client(
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            headers={"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            limits=httpx.Limits(max_keepalive_connections=0),
            # No proxy, certificate or password of the environment: questions go where the user said, and nowhere else.
            trust_env=False,
        )

    def models(self) -> list[str]:
        """The names of its models."""
        timeout = httpx.Timeout(_NAMING_SECONDS, connect=_CONNECT_SECONDS)
        with self._asked("GET", "models", timeout=timeout) as chunks:
            return [model.id for model in _Models.model_validate_json(b"".join(chunks)).data]

    def whole(self, request: Mapping[str, Any]) -> tuple[str, list[Completion]]:
        """A text at once, and its tokens with their probabilities, where the server tells them."""
        with self._asked("POST", "chat/completions", json=dict(request)) as chunks:
            choices = _Completion.model_validate_json(b"".join(chunks)).choices
        if not choices:
            raise LLMInvalidResponse(address=self.address)
        told = choices[0].logprobs
        return choices[0].message.content or "", (told and told.content) or []

    def stream(self, request: Mapping[str, Any]) -> Generator[str, None, None]:
        """A text as it is written. One that ends before its end was told is cut off; closing this closes the
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
        """The bytes of an answer. What goes wrong on the way, or in reading it, becomes an error of ours."""
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
        """The raw bytes: what is compressed all the same is not unpacked, and so is not understood."""
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
        """Why it refused, where the server says so as OpenAI's does."""
        try:
            fault = _Refusal.model_validate_json(b"".join(self._bounded(response))).error
        except ValidationError:
            return ""
        return f": {' '.join(fault.message.split())[:_LONGEST_REASON]}"
