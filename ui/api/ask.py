"""The API's route for questions: the whole record at once, or its parts as they come."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from index.errors import JawabError
from index.text.language import language_of
from qa.answer import Answer, Event, Finished, PassagesFound, PhraseFound, Token
from qa.asking.question import LONGEST
from ui.api.problems import problem, status
from ui.web.chat.follow import follow
from ui.web.site import Assistant, Site


class AskBody(BaseModel):
    """The body of `POST /v1/ask`."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    question: str = Field(min_length=1, max_length=LONGEST)
    stream: bool = False


def api_routes(site: Site) -> APIRouter:
    """The routes of the API. They ask the first collection."""
    router = APIRouter()

    @router.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.post("/v1/ask")
    async def ask(body: AskBody) -> Response:
        assistant = site.collections.find(None).assistant
        if body.stream:
            return StreamingResponse(_server_sent(assistant, body.question), media_type="text/event-stream")
        try:
            answer = await _whole(assistant, body.question)
        except JawabError as error:
            return JSONResponse(problem(error, language_of(body.question)), status(error))
        return JSONResponse(answer.to_json())

    return router


async def _whole(assistant: Assistant, question: str) -> Answer:
    async with aclosing(follow(assistant, question)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.answer
    raise RuntimeError("the assistant's stream ended without a record")


async def _server_sent(assistant: Assistant, question: str) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(follow(assistant, question)) as events:
            async for event in events:
                named = _named(event)
                if named:
                    yield _event(*named)
    except JawabError as error:
        yield _event("error", problem(error, language_of(question)))


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
