"""The routes by which articles are brought: begin, send files one by one, read, look how far it is, stop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from index.errors import JawabError
from ui.strings import explain
from ui.web.bringing import Bringing, Porter
from ui.web.opening import page_language
from ui.web.parts import PageLanguage
from ui.web.progress import progress_html

_BYTES = "application/octet-stream"


class Nothing(BaseModel):
    """The body of a request that says all by its address: JSON, which no form of another site can send."""

    model_config = ConfigDict(extra="forbid")


def upload_routes(porter: Porter) -> APIRouter:
    """The routes of bringing."""
    uploads = _Uploads(porter)
    router = APIRouter(prefix="/page/bring")
    router.add_api_route("", uploads.begin, methods=["POST"], response_model=None)
    router.add_api_route("/{number}", uploads.progress, response_model=None)
    router.add_api_route("/{number}/files", uploads.receive, methods=["POST"], response_model=None)
    router.add_api_route("/{number}/read", uploads.read, methods=["POST"])
    router.add_api_route("/{number}/stop", uploads.stop, methods=["POST"])
    return router


class _Uploads:
    def __init__(self, porter: Porter) -> None:
        self._porter = porter

    def begin(self, request: Request, nothing: Nothing) -> Response:
        """A place for what is brought."""
        try:
            return JSONResponse({"id": self._porter.begin().id})
        except JawabError as error:
            return _refused(error, request)

    async def receive(self, request: Request, number: str, name: Annotated[str, Query(max_length=4000)]) -> Response:
        """One file, as it comes: it is never whole in memory."""
        bringing = self._known(number)
        if request.headers.get("content-type") != _BYTES:
            raise HTTPException(415)
        try:
            path = self._porter.place_for(bringing, name)
            await run_in_threadpool(path.parent.mkdir, parents=True, exist_ok=True)
            with path.open("xb") as file:
                async for part in request.stream():
                    await run_in_threadpool(self._porter.receive, bringing, part, file)
        except JawabError as error:
            return _refused(error, request)
        return JSONResponse({"files": bringing.files})

    def read(self, number: str, nothing: Nothing) -> dict[str, str]:
        """Everything is there: read it."""
        bringing = self._known(number)
        self._porter.read(bringing)
        return {"state": bringing.state}

    def stop(self, number: str, nothing: Nothing) -> dict[str, str]:
        """Nothing of it shall go in."""
        bringing = self._known(number)
        self._porter.stop(bringing)
        return {"state": bringing.state}

    def progress(self, number: str, language: PageLanguage = "en") -> HTMLResponse:
        """How far it is."""
        return HTMLResponse(progress_html(self._known(number), language))

    def _known(self, number: str) -> Bringing:
        bringing = self._porter.find(number)
        if bringing is None:
            raise HTTPException(404)
        return bringing


def _refused(error: JawabError, request: Request) -> Response:
    language = page_language(request.headers)
    return JSONResponse({"error": {"code": error.code, "message": explain(error, language)}}, 409)
