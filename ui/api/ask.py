"""`POST /v1/ask`: the whole record at once, or its parts as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from index.errors import JawabError
from index.text.language import language_of
from qa.answer import Answer, Event, Finished, PassagesFound, PhraseFound, Token
from qa.asking.question import LONGEST
from ui.api.examples import ASKED
from ui.api.problems import Problem, answer, problem
from ui.api.request_id import request_id
from ui.web.chat.follow import follow, whole
from ui.web.site import Assistant, Site

_STREAMED = {
    "text/event-stream": {"example": "event: passages\ndata: {…}\n\nevent: token\ndata: {…}\n\nevent: answer\n…"}
}


class AskBody(BaseModel):
    """A question."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    question: str = Field(min_length=1, max_length=LONGEST)
    stream: bool = Field(False, description="server-sent events: passages, token…, answer; or error")
    collection: str | None = Field(None, description="id of the collection to ask; the first, if none is given")


def ask_routes(site: Site) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["questions"])

    @router.post(
        "/v1/ask", summary="Ask a question", response_model=None,
        responses={200: {"model": Answer, "content": _STREAMED}, 422: {"model": Problem}, 503: {"model": Problem}},
    )  # fmt: skip
    async def ask(request: Request, body: Annotated[AskBody, Body(openapi_examples=ASKED)]) -> Response:
        number = request_id(request.scope)
        try:
            assistant = (await run_in_threadpool(site.collections.find, body.collection)).assistant
            if body.stream:
                events = _server_sent(assistant, body.question, number)
                return StreamingResponse(events, media_type="text/event-stream")
            return JSONResponse((await whole(assistant, body.question)).to_json())
        except JawabError as error:
            return answer(problem(error, language_of(body.question), number))

    return router


async def _server_sent(assistant: Assistant, question: str, number: str | None) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(follow(assistant, question)) as events:
            async for event in events:
                named = _named(event)
                if named:
                    yield _event(*named)
    except JawabError as error:
        yield _event("error", problem(error, language_of(question), number).model_dump(exclude_none=True))


def _named(event: Event) -> tuple[str, object] | None:
    match event:
        case PhraseFound():
            return None  # the contract has no name for it; the record at the end has it
        case PassagesFound(passages):
            return "passages", {"passages": [asdict(passage) for passage in passages]}
        case Token(text):
            return "token", {"text": text}
        case Finished(answer):
            return "answer", answer.to_json()


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
