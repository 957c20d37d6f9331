"""Routes of page uploads: begin, send files one by one, index, get progress, stop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from index.storage import private
from ui.http.language import PageLanguage
from ui.jobs.page_upload import PageUpload
from ui.web.collection.upload_status import progress_html
from ui.web.current_collection import CollectionInPath

_BYTES = "application/octet-stream"


class Nothing(BaseModel):
    """Empty JSON body of a request that needs no fields: a form on another site cannot send JSON."""

    model_config = ConfigDict(extra="forbid")


def upload_routes() -> APIRouter:
    """Return the router of page uploads."""
    router = APIRouter(prefix="/page/collections/{collection}/bring")
    router.add_api_route("", _begin, methods=["POST"])
    router.add_api_route("/{number}", _progress, response_model=None)
    router.add_api_route("/{number}/files", _receive, methods=["POST"])
    router.add_api_route("/{number}/read", _read, methods=["POST"])
    router.add_api_route("/{number}/stop", _stop, methods=["POST"])
    return router


def _known(collection: CollectionInPath, number: str) -> PageUpload:
    bringing = collection.upload_manager.find(number)
    if bringing is None:
        raise HTTPException(404)
    return bringing


Known = Annotated[PageUpload, Depends(_known)]


def _begin(collection: CollectionInPath, nothing: Nothing) -> dict[str, str]:
    """A place for what is brought."""
    return {"id": collection.upload_manager.begin().id}


async def _receive(
    request: Request, collection: CollectionInPath, bringing: Known, name: Annotated[str, Query(max_length=4000)]
) -> dict[str, int]:
    """One file, as it comes: it is never whole in memory."""
    if request.headers.get("content-type") != _BYTES:
        raise HTTPException(415)
    path = await run_in_threadpool(collection.upload_manager.place_for, bringing, name)
    with private.new_file(path) as file:
        async for part in request.stream():
            await run_in_threadpool(bringing.write, part, file)
    return {"files": bringing.files}


def _read(collection: CollectionInPath, bringing: Known, nothing: Nothing) -> dict[str, str]:
    """Everything is there: read it."""
    collection.upload_manager.read(bringing)
    return {"state": bringing.state}


def _stop(collection: CollectionInPath, bringing: Known, nothing: Nothing) -> dict[str, str]:
    """Nothing of it shall go in."""
    collection.upload_manager.stop(bringing)
    return {"state": bringing.state}


def _progress(bringing: Known, language: PageLanguage = "en") -> HTMLResponse:
    """How far it is."""
    return HTMLResponse(progress_html(bringing, language))
