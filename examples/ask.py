"""Asks Jawab over HTTP, with httpx alone: copy what you need of it.

python ask.py "How many US troops remain in Iraq?"
"""

from __future__ import annotations

import os
import sys
from typing import Any, TypedDict

import httpx


class Citation(TypedDict):
    """A quotation, word for word; `[marker]` stands in the answer where it belongs."""

    marker: int
    article_id: str
    title: str
    source: str | None
    date: str | None
    quote: str


class Answer(TypedDict):
    """The answer record. It has more fields than these: docs/answer-record.md."""

    status: str
    answer: str
    confidence: float
    citations: list[Citation]


class Passage(TypedDict):
    """A passage that a search found."""

    article_id: str
    title: str
    text: str
    score: float


class Refused(Exception):
    """Jawab answered with an error; its sentence says what happened and what to do."""


class Jawab:
    """A Jawab that is served at `url`; `key` where it asks for one."""

    def __init__(self, url: str, key: str = "") -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        # Others may stand in line before this question.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=httpx.Timeout(10, read=300))

    def ask(self, question: str) -> Answer:
        """The answer. Raises `Refused` and what httpx raises."""
        answer: Answer = self._post("/v1/ask", {"question": question})
        return answer

    def search(self, question: str, k: int = 10) -> list[Passage]:
        """The passages that fit best. Raises as `ask` does."""
        passages: list[Passage] = self._post("/v1/search", {"question": question, "k": k})["passages"]
        return passages

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        response = self._http.post(path, json=body)
        if response.is_error:
            raise Refused(response.json()["detail"])
        return response.json()


def main() -> None:
    jawab = Jawab(os.environ.get("JAWAB_URL", "http://127.0.0.1:7860"), os.environ.get("JAWAB_KEY", ""))
    question = sys.argv[1] if len(sys.argv) > 1 else "How many US troops remain in Iraq?"
    try:
        answer = jawab.ask(question)
        print(answer["answer"])
        for cited in answer["citations"]:
            print(f"[{cited['marker']}] {cited['quote']}\n    {cited['title']}")
        for passage in jawab.search(question, k=3):
            print(f"{passage['score']:.2f}  {passage['title']}")
    except (Refused, httpx.TransportError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
