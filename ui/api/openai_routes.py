"""OpenAI-compatible routes: chat completions, models, embeddings.

A model is a collection: `jawab` is the first, `jawab/ID` another. Only the verified answer is streamed, in pieces:
Jawab's own stream may replace a sentence that fails verification, but a client that joins pieces could not retract it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from index.errors import JawabError
from index.text.language import detect_language
from qa.answer import Answer
from ui.api.openai_schemas import (
    MODEL,
    ChatBody,
    EmbeddingBody,
    completion,
    completion_chunk,
    failed,
    failure,
    refusing,
    url_citations,
)
from ui.collections.repository import DEFAULT_ID, CollectionMissing
from ui.http.client_id import get_client_id
from ui.http.disconnect import ClientDisconnected, run_until_disconnect
from ui.http.language import page_language
from ui.http.problems import CLIENT_CLOSED_REQUEST, problem
from ui.i18n import error_message
from ui.protocols import Models
from ui.queue.runner import QuestionRequest, complete_answer
from ui.services import Collection, Services

_CHAT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}},
    **refusing(400, 404, 422, 429, 503),
}
_WORD = re.compile(r"\S+\s*|\s+")
_KEEP_ALIVE_SECONDS = 5.0
"""Seconds between two keep-alive comments on a stream that has no content yet."""


class NoSuchModel(CollectionMissing):
    """`model` is neither a collection nor the embedder."""

    code = "model_not_found"


class _OpenAIRoute(APIRoute):
    """Route class that returns errors in OpenAI's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                first_error = error.errors()[0]
                location = ".".join(str(part) for part in first_error["loc"][1:]) or None
                message = f"{location or 'body'}: {first_error['msg'].removeprefix('Value error, ')}"
                return JSONResponse(failure(message, "invalid_request_error", "unsupported_value", location), 400)
            except HTTPException as error:
                return JSONResponse(
                    failure(str(error.detail), "invalid_request_error", "unreadable"), error.status_code
                )
            except JawabError as error:
                return failed(problem(error, page_language(request.headers)))

        return handle_errors


def openai_routes(services: Services) -> APIRouter:
    """Return the router of the OpenAI-compatible routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"], route_class=_OpenAIRoute)

    @router.post(
        "/chat/completions", summary="Ask a question (chat completion)", response_model=None,
        responses=_CHAT_RESPONSES,
    )  # fmt: skip
    async def chat(request: Request, body: ChatBody) -> Response:
        collection = await run_in_threadpool(_collection, services, body.model)
        completion_id = f"chatcmpl-{secrets.token_hex(12)}"
        question = QuestionRequest(body.question, tuple(body.history), get_client_id(request.scope))
        respond = partial(_answer, services, collection, question, body)
        if body.stream:
            services.queue.check_room(question.caller)
            chunks = _chunk_stream(respond, body, completion_id, str(request.base_url))
            return StreamingResponse(chunks, media_type="text/event-stream")
        try:
            result = await run_until_disconnect(request, respond())
        except ClientDisconnected:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        message = result.message(str(request.base_url))
        completed = completion(completion_id, body.model, message, result.finish, result.usage)
        return JSONResponse(completed | {"jawab": result.record.to_json()})

    @router.get("/models", summary="List collections and the embedder as models")
    def models() -> dict[str, Any]:
        names = [
            MODEL,
            *(f"{MODEL}/{collection.id}" for collection in services.collections.all() if collection.id != DEFAULT_ID),
        ]
        return {"object": "list", "data": [_model(name) for name in (*names, services.models.embedder)]}

    @router.get("/models/{name:path}", summary="Get a model", response_model=None, responses=refusing(404))
    def model(name: str) -> dict[str, Any]:
        if name != services.models.embedder:
            _collection(services, name)
        return _model(name)

    @router.post("/embeddings", summary="Embed texts as search queries", responses=refusing(400, 404, 422))
    def embeddings(body: EmbeddingBody) -> dict[str, Any]:
        if body.model != services.models.embedder:
            raise NoSuchModel(model=body.model)
        vectors = services.models.embed(body.texts)
        data = [
            {"object": "embedding", "index": position, "embedding": _encode(vector, body.encoding_format)}
            for position, vector in enumerate(vectors)
        ]
        tokens = sum(map(services.models.count_tokens, body.texts))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body.model, "usage": usage}

    return router


def _collection(services: Services, model: str) -> Collection:
    name, _, collection_id = model.partition("/")
    if name != MODEL:
        raise NoSuchModel(model=model)
    try:
        return services.collections.find(collection_id or None)
    except CollectionMissing as error:
        raise NoSuchModel(model=model) from error


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "jawab"}


def _encode(vector: np.ndarray[Any, np.dtype[np.float32]], form: str) -> list[float] | str:
    return vector.tolist() if form == "float" else base64.b64encode(vector.astype("<f4").tobytes()).decode()


@dataclass(frozen=True)
class _Completion:
    """The response for a record: its content, finish reason, and usage in the LLM's tokens."""

    record: Answer
    content: str
    finish: str
    usage: dict[str, int]

    def message(self, base: str) -> dict[str, Any]:
        annotations = url_citations(self.content, self.record, base)
        return {"role": "assistant", "content": self.content, "refusal": None, "annotations": annotations}


async def _answer(services: Services, collection: Collection, question: QuestionRequest, body: ChatBody) -> _Completion:
    record = await complete_answer(collection, question, services.queue)
    return await run_in_threadpool(_apply_limits, record, body, services.models)


def _apply_limits(record: Answer, body: ChatBody, models: Models) -> _Completion:
    """Apply `response_format`, stop sequences and `max_tokens` to the content."""
    as_json = body.response_format is not None and body.response_format.type == "json_object"
    content, finish = json.dumps(record.to_json(), ensure_ascii=False) if as_json else record.answer, "stop"
    for stop in body.stops:
        content = content.split(stop, 1)[0]
    if body.max_tokens and models.count_tokens(content) > body.max_tokens:
        content, finish = _first_tokens(content, body.max_tokens, models), "length"
    prompt_tokens = sum(models.count_tokens(message.text) for message in body.messages)
    completion_tokens = models.count_tokens(content)
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    return _Completion(record, content, finish, usage)


def _first_tokens(content: str, max_tokens: int, models: Models) -> str:
    """Return the longest prefix of whole words that has at most `max_tokens` tokens."""
    prefix = ""
    for word in _WORD.findall(content):
        if models.count_tokens(prefix + word) > max_tokens:
            break
        prefix += word
    return prefix


async def _chunk_stream(
    respond: Callable[[], Coroutine[Any, Any, _Completion]], body: ChatBody, completion_id: str, base: str
) -> AsyncGenerator[str, None]:
    def sse_event(data: dict[str, Any]) -> str:
        return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"

    yield sse_event(completion_chunk(completion_id, body.model, {"role": "assistant", "content": ""}))
    answer_task = asyncio.ensure_future(respond())
    try:
        while not (await asyncio.wait({answer_task}, timeout=_KEEP_ALIVE_SECONDS))[0]:
            yield ": still at it\n\n"
        result = answer_task.result()
    except JawabError as error:
        message = error_message(error, detect_language(body.question))
        yield sse_event(failure(message, "server_error", error.code))
        return
    finally:
        answer_task.cancel()
    for word in _WORD.findall(result.content):
        yield sse_event(completion_chunk(completion_id, body.model, {"content": word}))
    last_chunk = completion_chunk(
        completion_id, body.model, {"annotations": result.message(base)["annotations"]}, result.finish
    )
    yield sse_event(last_chunk | {"jawab": result.record.to_json()})
    if body.stream_options and body.stream_options.include_usage:
        yield sse_event(completion_chunk(completion_id, body.model, {}) | {"choices": [], "usage": result.usage})
    yield "data: [DONE]\n\n"
