"""Follows an answer as it is written, without blocking; needs httpx and httpx-sse.

python ask_async.py "How many US troops remain in Iraq?"
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
from httpx_sse import aconnect_sse


class Refused(Exception):
    """Jawab answered with an error; its sentence says what happened and what to do."""


async def follow(http: httpx.AsyncClient, question: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Events and their data: `place` (in the line), `passages`, `token`s, and at the end `answer`, the record.

    Whoever stops iterating, or is cancelled, stops the work. Raises `Refused` and what httpx raises.
    """
    asked = {"question": question, "stream": True}
    async with aconnect_sse(http, "POST", "/v1/ask", json=asked) as source:
        if source.response.is_error:
            await source.response.aread()
            raise Refused(source.response.json()["detail"])
        async for event in source.aiter_sse():
            if event.event == "error":
                raise Refused(event.json()["detail"])
            yield event.event, event.json()


async def ask(question: str) -> None:
    """Writes the sentence while it comes, and then what counts: the record's answer, with its quotations."""
    key = os.environ.get("JAWAB_KEY", "")
    async with httpx.AsyncClient(
        base_url=os.environ.get("JAWAB_URL", "http://127.0.0.1:7860"),
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=httpx.Timeout(10, read=300),
    ) as http:
        async for name, data in follow(http, question):
            if name == "token":
                print(data["text"], end="", flush=True)
            elif name == "answer":
                print(f"\n= {data['answer']}")
                for cited in data["citations"]:
                    print(f"[{cited['marker']}] {cited['quote']}\n    {cited['title']}")


if __name__ == "__main__":
    try:
        asyncio.run(ask(sys.argv[1] if len(sys.argv) > 1 else "How many US troops remain in Iraq?"))
    except (Refused, httpx.TransportError) as error:
        sys.exit(str(error))
