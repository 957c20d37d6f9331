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
from ui.site import Collection, Site

_CHAT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}},
    **refusing(400, 404, 422, 429, 503),
}
_WORD = re.compile(r"\S+\s*|\s+")
_BEATS = 5.0
"""Seconds between two keep-alive comments on a stream that has no content yet."""


class NoSuchModel(CollectionMissing):
    """`model` is neither a collection nor the embedder."""

    code = "model_not_found"


class _OpenAIRoute(APIRoute):
    """Route class that returns errors in OpenAI's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                first = error.errors()[0]
                place = ".".join(str(part) for part in first["loc"][1:]) or None
                message = f"{place or 'body'}: {first['msg'].removeprefix('Value error, ')}"
                return JSONResponse(failure(message, "invalid_request_error", "unsupported_value", place), 400)
            except HTTPException as error:
                return JSONResponse(
                    failure(str(error.detail), "invalid_request_error", "unreadable"), error.status_code
                )
            except JawabError as error:
                return failed(problem(error, page_language(request.headers)))

        return handled


def openai_routes(site: Site) -> APIRouter:
    """Return the router of the OpenAI-compatible routes."""
    router = APIRouter(prefix="/v1", tags=["OpenAI"], route_class=_OpenAIRoute)

    @router.post(
        "/chat/completions", summary="Ask, in OpenAI's form", response_model=None,
        responses=_CHAT,
    )  # fmt: skip
    async def chat(request: Request, body: ChatBody) -> Response:
        collection = await run_in_threadpool(_collection, site, body.model)
        number = f"chatcmpl-{secrets.token_hex(12)}"
        asked = QuestionRequest(body.question, tuple(body.history), get_client_id(request.scope))
        say = partial(_said, site, collection, asked, body)
        if body.stream:
            site.line.check_room(asked.caller)
            pieces = _pieces(say, body, number, str(request.base_url))
            return StreamingResponse(pieces, media_type="text/event-stream")
        try:
            said = await run_until_disconnect(request, say())
        except ClientDisconnected:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        message = said.message(str(request.base_url))
        completed = completion(number, body.model, message, said.finish, said.usage)
        return JSONResponse(completed | {"jawab": said.record.to_json()})

    @router.get("/models", summary="Collections and the embedder, as models")
    def models() -> dict[str, Any]:
        names = [MODEL, *(f"{MODEL}/{one.id}" for one in site.collections.all() if one.id != DEFAULT_ID)]
        return {"object": "list", "data": [_model(name) for name in (*names, site.models.embedder)]}

    @router.get("/models/{name:path}", summary="One of them", response_model=None, responses=refusing(404))
    def model(name: str) -> dict[str, Any]:
        if name != site.models.embedder:
            _collection(site, name)
        return _model(name)

    @router.post("/embeddings", summary="Embed texts as questions are embedded", responses=refusing(400, 404, 422))
    def embeddings(body: EmbeddingBody) -> dict[str, Any]:
        if body.model != site.models.embedder:
            raise NoSuchModel(model=body.model)
        vectors = site.models.embed(body.texts)
        data = [
            {"object": "embedding", "index": at, "embedding": _encoded(vector, body.encoding_format)}
            for at, vector in enumerate(vectors)
        ]
        tokens = sum(map(site.models.count_tokens, body.texts))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body.model, "usage": usage}

    return router


def _collection(site: Site, model: str) -> Collection:
    name, _, number = model.partition("/")
    if name != MODEL:
        raise NoSuchModel(model=model)
    try:
        return site.collections.find(number or None)
    except CollectionMissing as error:
        raise NoSuchModel(model=model) from error


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "jawab"}


def _encoded(vector: np.ndarray[Any, np.dtype[np.float32]], form: str) -> list[float] | str:
    return vector.tolist() if form == "float" else base64.b64encode(vector.astype("<f4").tobytes()).decode()


@dataclass(frozen=True)
class _Said:
    """The response for a record: its content, finish reason, and usage in the LLM's tokens."""

    record: Answer
    content: str
    finish: str
    usage: dict[str, int]

    def message(self, base: str) -> dict[str, Any]:
        cited = url_citations(self.content, self.record, base)
        return {"role": "assistant", "content": self.content, "refusal": None, "annotations": cited}


async def _said(site: Site, collection: Collection, asked: QuestionRequest, body: ChatBody) -> _Said:
    record = await complete_answer(collection, asked, site.line)
    return await run_in_threadpool(_cut, record, body, site.models)


def _cut(record: Answer, body: ChatBody, models: Models) -> _Said:
    """Apply `response_format`, stop sequences and `max_tokens` to the content."""
    as_json = body.response_format is not None and body.response_format.type == "json_object"
    content, finish = json.dumps(record.to_json(), ensure_ascii=False) if as_json else record.answer, "stop"
    for stop in body.stops:
        content = content.split(stop, 1)[0]
    if body.max_tokens and models.count_tokens(content) > body.max_tokens:
        content, finish = _first_tokens(content, body.max_tokens, models), "length"
    asked = sum(models.count_tokens(message.text) for message in body.messages)
    written = models.count_tokens(content)
    usage = {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written}
    return _Said(record, content, finish, usage)


def _first_tokens(content: str, most: int, models: Models) -> str:
    """Return the longest prefix of whole words that has at most `most` tokens."""
    kept = ""
    for word in _WORD.findall(content):
        if models.count_tokens(kept + word) > most:
            break
        kept += word
    return kept


async def _pieces(
    say: Callable[[], Coroutine[Any, Any, _Said]], body: ChatBody, number: str, base: str
) -> AsyncGenerator[str, None]:
    def line(data: dict[str, Any]) -> str:
        return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"

    yield line(completion_chunk(number, body.model, {"role": "assistant", "content": ""}))
    answering = asyncio.ensure_future(say())
    try:
        while not (await asyncio.wait({answering}, timeout=_BEATS))[0]:
            yield ": still at it\n\n"
        said = answering.result()
    except JawabError as error:
        message = error_message(error, detect_language(body.question))
        yield line(failure(message, "server_error", error.code))
        return
    finally:
        answering.cancel()
    for word in _WORD.findall(said.content):
        yield line(completion_chunk(number, body.model, {"content": word}))
    last = completion_chunk(number, body.model, {"annotations": said.message(base)["annotations"]}, said.finish)
    yield line(last | {"jawab": said.record.to_json()})
    if body.stream_options and body.stream_options.include_usage:
        yield line(completion_chunk(number, body.model, {}) | {"choices": [], "usage": said.usage})
    yield "data: [DONE]\n\n"
