"""A client that goes away: what was done for it ends. Starlette tells it of streams, but not of whole answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

T = TypeVar("T")


class ClientDisconnected(Exception):
    """Nobody waits for the answer."""


async def run_until_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Raises `ClientDisconnected`, and ends the work, where the client goes away before."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnected
        return working.result()
    finally:
        gone.cancel()
        working.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
