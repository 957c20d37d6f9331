"""OpenAI's request and response schemas, as far as Jawab supports them. Unsupported parameters are rejected by name:
a client could not see that they were ignored. Parameters that many clients always send are accepted at OpenAI's default
value, where they have no effect."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from starlette.responses import JSONResponse

from qa.answer import Answer
from qa.query.followup import HistoryTurn
from qa.query.question import MAX_QUESTION_LENGTH
from ui.errors import DEPRECATED_CODES
from ui.http.problems import Problem

MODEL = "jawab"
PATHS = ("/v1/chat/", "/v1/models", "/v1/embeddings")
"""Path prefixes of OpenAI's routes."""
_ERROR_TYPES = {429: "rate_limit_error"}
"""OpenAI's error types for statuses that do not follow the general rule of `failure_of`."""
_STRICT = ConfigDict(extra="forbid")
_MAX_MESSAGES = 200
MAX_CHARACTERS = 400_000
"""Maximum of all messages together."""
MAX_EXCHANGES = 10
"""Number of latest earlier questions that are used, each cut to the maximum length of a question."""


class Part(BaseModel):
    """A part of a message; only text is supported."""

    model_config = _STRICT
    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A chat message. Instructions (`system`, `developer`) are rejected: Jawab's own instructions are fixed."""

    model_config = ConfigDict(extra="ignore")  # clients return fields of earlier responses: annotations, refusal
    role: Literal["user", "assistant"]
    content: str | list[Part] | None = None

    @field_validator("role", mode="before")
    @classmethod
    def _gives_no_instructions(cls, role: object) -> object:
        if role in ("system", "developer"):
            raise ValueError(f"a {role} message would not be followed: Jawab's instructions are fixed; leave it out")
        return role

    @property
    def text(self) -> str:
        """Text of all parts, joined by newlines."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class ResponseFormat(BaseModel):
    """Format of the content: text, or the complete record as JSON."""

    model_config = _STRICT
    type: Literal["text", "json_object"]


class StreamOptions(BaseModel):
    """Options of a stream. `include_usage` adds the usage to its last chunk."""

    model_config = _STRICT
    include_usage: bool = False


class ChatBody(BaseModel):
    """`POST /v1/chat/completions`: the last message is the question, earlier messages are its history."""

    model_config = _STRICT
    model: str = MODEL
    messages: Annotated[list[Message], Field(min_length=1, max_length=_MAX_MESSAGES)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = Field(None, description="accepted without effect, as answers are deterministic")
    response_format: ResponseFormat | None = None
    temperature: Literal[0, 1] | None = Field(None, description="0, or OpenAI's default; nothing is sampled")
    n: Literal[1] | None = None
    top_p: Literal[1] | None = Field(None, description="OpenAI's default")
    frequency_penalty: Literal[0] | None = Field(None, description="OpenAI's default")
    presence_penalty: Literal[0] | None = Field(None, description="OpenAI's default")
    logprobs: Literal[False] | None = None
    store: Literal[False] | None = Field(None, description="completions are not stored for retrieval")
    user: str | None = None

    @field_validator("messages")
    @classmethod
    def _ends_with_a_question(cls, messages: list[Message]) -> list[Message]:
        last = messages[-1]
        if last.role != "user" or not 0 < len(last.text.strip()) <= MAX_QUESTION_LENGTH:
            raise ValueError(f"the last message must be a user's question of 1 to {MAX_QUESTION_LENGTH} characters")
        if sum(len(message.text) for message in messages) > MAX_CHARACTERS:
            raise ValueError(f"all messages together may have {MAX_CHARACTERS} characters; leave out the earliest")
        return messages

    @model_validator(mode="after")
    def _one_limit(self) -> ChatBody:
        self.max_tokens = self.max_completion_tokens or self.max_tokens
        return self

    @property
    def question(self) -> str:
        return self.messages[-1].text.strip()

    @property
    def history(self) -> list[HistoryTurn]:
        """The latest earlier questions; those without an assistant's reply are left out."""
        pairs = zip(self.messages, self.messages[1:], strict=False)
        questions = [message for message, reply in pairs if (message.role, reply.role) == ("user", "assistant")]
        return [HistoryTurn(message.text[:MAX_QUESTION_LENGTH]) for message in questions[-MAX_EXCHANGES:]]

    @property
    def stops(self) -> list[str]:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        # An empty stop sequence would cut everything.
        return [stop for stop in stops if stop]


class EmbeddingBody(BaseModel):
    """`POST /v1/embeddings`: texts to embed as search queries."""

    model_config = _STRICT
    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: None = None
    user: str | None = None

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def url_citations(content: str, record: Answer, base: str) -> list[dict[str, Any]]:
    """Return a citation annotation (position and URL) for each marker in `content`; `base` is the server's address."""
    annotations = []
    for citation in record.citations:
        start = content.find(f"[{citation.marker}]")
        if start < 0:
            continue
        source = citation.source or ""
        url = source if source.startswith(("http://", "https://")) else f"{base}v1/articles/{citation.article_id}"
        position = {"start_index": start, "end_index": start + len(f"[{citation.marker}]")}
        annotations.append({"type": "url_citation", "url_citation": position | {"title": citation.title, "url": url}})
    return annotations


def completion(
    completion_id: str, model: str, message: dict[str, Any], finish: str, usage: dict[str, int]
) -> dict[str, Any]:
    """Return a complete (not streamed) response."""
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": completion_id, "object": "chat.completion", "created": int(time.time()), "model": model,
        "choices": [choice], "usage": usage,
    }  # fmt: skip


def completion_chunk(
    completion_id: str, model: str, delta: dict[str, Any], finish: str | None = None
) -> dict[str, Any]:
    """Return a chunk of a streamed response."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {
        "id": completion_id, "object": "chat.completion.chunk", "created": int(time.time()), "model": model,
        "choices": [choice],
    }  # fmt: skip


class FailureBody(BaseModel):
    """Error object in OpenAI's form."""

    message: str
    type: str
    param: str | None
    code: str
    deprecated_code: str | None = None


class Failure(BaseModel):
    """Body of every error response."""

    error: FailureBody


def refusing(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI descriptions of these statuses, each with a `Failure` as its body."""
    # Authentication and the router refuse requests before these routes; those errors are problems, as elsewhere.
    return {status: {"model": Failure, "content": {"application/problem+json": {}}} for status in statuses}


def failed(problem: Problem) -> JSONResponse:
    """Return a problem as a response in OpenAI's form."""
    headers = {} if problem.retry_after is None else {"retry-after": str(problem.retry_after)}
    return JSONResponse(failure_of(problem), problem.status, headers)


def failure_of(problem: Problem) -> dict[str, Any]:
    """Return a problem in OpenAI's form."""
    error_type = _ERROR_TYPES.get(problem.status, "invalid_request_error" if problem.status < 500 else "server_error")
    return failure(problem.detail, error_type, problem.code)


def failure(message: str, error_type: str, code: str, param: str | None = None) -> dict[str, Any]:
    """Return an error object in OpenAI's form."""
    former = {"deprecated_code": DEPRECATED_CODES[code]} if code in DEPRECATED_CODES else {}
    return {"error": {"message": message, "type": error_type, "param": param, "code": code} | former}
