"""API documentation at `/docs`: Swagger UI from a package, so that nothing is loaded from other hosts."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

_FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Jawab · API</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="stylesheet" href="/docs/swagger-ui.css"></head><body><div id="docs"></div>'
    '<script src="/docs/swagger-ui-bundle.js"></script><script src="/page/docs.js"></script></body></html>'
)


def docs_routes() -> APIRouter:
    """Return the router of `/docs` and its static files."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse(_PAGE, headers={"content-security-policy": _POLICY})

    @router.get("/docs/{name}")
    def file(name: str) -> Response:
        if name not in _FILES:
            return Response(status_code=404)
        content = files("fastapi_offline").joinpath("static", name).read_bytes()
        headers = {"cache-control": "max-age=86400"}
        return Response(content, media_type=f"{_FILES[name]}; charset=utf-8", headers=headers)

    return router
