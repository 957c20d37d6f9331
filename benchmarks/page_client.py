"""A client that does what the chat's page does, without a browser: it loads the page with what it links to, sends a
question the way Gradio's script does, and follows what comes back. Many of them cost little, so what is measured with
them is the server."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx

_ASSET = re.compile(r'(?:src|href)="(/?(?:assets|page|theme)[^"]*)"')
_PLACE = re.compile(r"before yours|قبل سؤالك")


@dataclass
class Seen:
    """What came for one question, in seconds after it was sent."""

    passages: float | None = None
    place: float | None = None
    done: float = 0.0
    quotations: int = 0
    problem: str = ""


class PageClient:
    """One visitor with a session of their own."""

    def __init__(self, address: str, language: str) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=900, headers={"accept-language": language})
        self._session = secrets.token_hex(6)
        self._functions: dict[str, int] = {}

    async def open(self) -> None:
        """The page and what it links to, and its first event."""
        page = await self._http.get("/")
        for asset in dict.fromkeys(_ASSET.findall(page.text)):
            await self._http.get(asset if asset.startswith("/") else f"/{asset}")
        config = (await self._http.get("/config")).json()
        self._functions = {one["api_name"]: one["id"] for one in config["dependencies"]}
        await self._run("arrive", [""])

    async def ask(self, question: str) -> Seen:
        """A question and all that is shown of its answer."""
        began, seen = time.monotonic(), Seen()
        await self._run("begin", [question, None])
        queued = {"data": [None], "fn_index": self._functions["write"], "session_hash": self._session}
        (await self._http.post("/gradio_api/queue/join", json=queued)).raise_for_status()
        async with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self._session}) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:") and self._take(json.loads(line[5:]), time.monotonic() - began, seen):
                    break
        ended = await self._run("end", [None])
        html = json.dumps(ended["data"], ensure_ascii=False)
        seen.quotations = html.count('<figure class=\\"quotation')
        seen.problem = "" if seen.quotations or 'class=\\"near' in html else html[:300]
        seen.done = time.monotonic() - began
        return seen

    async def close(self) -> None:
        await self._http.aclose()

    @staticmethod
    def _take(message: dict[str, Any], after: float, seen: Seen) -> bool:
        """Notes what a message shows; whether it was the last."""
        shown = json.dumps(message, ensure_ascii=False)
        if seen.passages is None and "<details" in shown:
            seen.passages = after
        if seen.place is None and _PLACE.search(shown):
            seen.place = after
        return message.get("msg") in ("process_completed", "close_stream")

    async def _run(self, name: str, data: list[Any]) -> dict[str, Any]:
        body = {"fn_index": self._functions[name], "data": data, "session_hash": self._session}
        response = await self._http.post("/gradio_api/run/predict", json=body)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer
