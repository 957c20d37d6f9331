"""`POST /v1/ask`: the answer record as JSON, or server-sent events, which include the position in the queue."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from index.errors import JawabError
from index.text.language import detect_language
from qa.answer import Answer, Finished, PassagesFound, PhraseFound, Token
from ui.api.examples import ASKED
from ui.http.client_id import get_client_id
from ui.http.disconnect import ClientDisconnected, run_until_disconnect
from ui.http.fields import FilteredQuestion
from ui.http.problems import CLIENT_CLOSED_REQUEST, openapi_responses, problem, problem_response
from ui.http.request_id import request_id
from ui.queue.fair_queue import FairQueue
from ui.queue.runner import QuestionRequest, QueuePosition, StreamEvent, complete_answer, stream_answer
from ui.services import Collection, Services

_STREAM_EXAMPLE = {
    "text/event-stream": {"example": "event: passages\ndata: {…}\n\nevent: token\ndata: {…}\n\nevent: answer\n…"}
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Answer, "content": _STREAM_EXAMPLE},
    **openapi_responses(400, 404, 422, 429, 503),
}


class AskBody(FilteredQuestion):
    """A question, with filters for the articles that may answer it."""

    stream: bool = Field(False, description="server-sent events: passages, token…, answer; or error")
    collection: str | None = Field(None, description="id of the collection to ask; the first by default")
    seconds: float | None = Field(
        None, ge=1, description="time limit for the answer; by default and at most the server's limit (300 by default)"
    )


def ask_routes(services: Services) -> APIRouter:
    """Return the router of `/v1/ask`."""
    router = APIRouter(tags=["questions"])

    @router.post(
        "/v1/ask", summary="Ask a question", response_model=None,
        responses=_RESPONSES,
    )  # fmt: skip
    async def ask(request: Request, body: Annotated[AskBody, Body(openapi_examples=ASKED)]) -> Response:
        req_id = request_id(request.scope)
        question = QuestionRequest(
            body.question, caller=get_client_id(request.scope), seconds=body.seconds, only=body.only
        )
        try:
            collection = await run_in_threadpool(services.collections.find, body.collection)
            if body.stream:
                # Checked before the stream starts, so that a rejection has an HTTP status instead of an error event.
                services.queue.check_room(question.caller)
                events = _event_stream(collection, question, services.queue, req_id)
                return StreamingResponse(events, media_type="text/event-stream")
            record = await run_until_disconnect(request, complete_answer(collection, question, services.queue))
            return JSONResponse(record.to_json())
        except ClientDisconnected:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except JawabError as error:
            return problem_response(problem(error, detect_language(body.question), req_id))

    return router


async def _event_stream(
    collection: Collection, question: QuestionRequest, queue: FairQueue, req_id: str | None
) -> AsyncGenerator[str]:
    try:
        async with aclosing(stream_answer(collection, question, queue)) as answer_events:
            async for event in answer_events:
                fields = _name_and_data(event)
                if fields:
                    yield _event(*fields)
    except JawabError as error:
        yield _event("error", problem(error, detect_language(question.question), req_id).model_dump(exclude_none=True))


def _name_and_data(event: StreamEvent) -> tuple[str, object] | None:
    match event:
        case QueuePosition(before):
            return "place", {"before": before}
        case PhraseFound():
            return None  # not an event of the API; the final record includes it
        case PassagesFound(passages):
            return "passages", {"passages": [asdict(passage) for passage in passages]}
        case Token(text):
            return "token", {"text": text}
        case Finished(record):
            return "answer", record.to_json()


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
