"""The server without a browser: the API, the resources that the page's HTML references, and what is rejected."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.fake_site import (
    ARABIC_QUESTION,
    DECLINED_QUESTION,
    ENGLISH_QUESTION,
    ERROR_QUESTION,
    canned,
    site,
)
from ui.config import QueueSettings
from ui.dates_and_plurals import plural_category
from ui.http.language import page_language
from ui.protocols import Overview
from ui.queue.fair_queue import FairQueue
from ui.server.app import create_app
from ui.server.serve import _bind
from ui.web.chat.gradio_mount import our_page

# XML namespaces, which are never fetched.
NAMES_ONLY = ("http://www.w3.org/",)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("server")
    with TestClient(create_app(site(folder)), "http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def events_of(body: str) -> list[tuple[str, dict[str, object]]]:
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", body)
    return [(name, json.loads(data)) for name, data in found]


def test_health(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_ask_returns_record(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"question": f"  {ARABIC_QUESTION} "})
    assert response.status_code == 200
    assert response.json() == json.loads(json.dumps(canned(ARABIC_QUESTION).to_json()))


def test_ask_streams_passages_then_tokens_then_record(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"question": ENGLISH_QUESTION, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    names = [name for name, _ in events]
    assert names == ["passages", *["token"] * (len(names) - 2), "answer"] and len(names) > 5
    written = "".join(str(data["text"]) for name, data in events if name == "token")
    assert written.strip() == events[-1][1]["answer"]
    assert events[0][1]["passages"] == events[-1][1]["passages"]


def test_declined_answer_returns_200(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"question": DECLINED_QUESTION})
    assert response.status_code == 200 and response.json()["status"] == "declined"


@pytest.mark.parametrize(
    "body",
    [{}, {"question": ""}, {"question": "   "}, {"question": 3}, {"question": "x" * 2001}, {"question": "x", "y": 1}],
)
def test_invalid_question_body_returns_422(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/v1/ask", json=body).status_code == 422


def test_known_error_returns_problem_with_code(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"question": ERROR_QUESTION})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    error = response.json()
    assert error["code"] == "index_missing" and "/data/<index>" in error["detail"] and error["status"] == 500
    assert error.pop("request_id") == response.headers["x-request-id"]
    streamed = events_of(client.post("/v1/ask", json={"question": ERROR_QUESTION, "stream": True}).text)
    ((name, told),) = streamed
    assert name == "error" and told | error == told


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/ask", "/v1/chat/completions"])
def test_full_queue_returns_503_with_retry_after(tmp_path: Path, path: str, stream: bool) -> None:
    full = replace(site(tmp_path), queue=FairQueue(QueueSettings.model_construct(max_length=0)))
    asked = {"question": ENGLISH_QUESTION, "stream": stream}
    if path != "/v1/ask":
        asked = {"model": "jawab", "messages": [{"role": "user", "content": ENGLISH_QUESTION}], "stream": stream}
    with TestClient(create_app(full), "http://127.0.0.1") as client:
        response = client.post(path, json=asked)
    assert response.status_code == 503 and int(response.headers["retry-after"]) >= 1
    assert response.headers["content-type"] == ("application/problem+json" if path == "/v1/ask" else "application/json")
    error = response.json() if path == "/v1/ask" else response.json()["error"]
    assert (error["code"], error["deprecated_code"]) == ("queue_full", "line_full")


def test_server_socket_sets_tcp_nodelay() -> None:
    async def sends_at_once() -> bool:
        told = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = writer.get_extra_info("socket")
            told.set_result(bool(there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        async with await asyncio.start_server(answer, sock=_bind("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.close()
            return bool(await told)

    assert asyncio.run(asyncio.wait_for(sends_at_once(), 5))


def test_page_references_no_other_host(client: TestClient) -> None:
    html = client.get("/").text
    addresses = [found for found in re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"'<]*", html)]
    assert [a for a in addresses if not a.startswith(NAMES_ONLY)] == []
    assert "iframeResizer.contentWindow" not in html and "<base" not in html and "manifest" not in html
    assert "og:image" not in html and "twitter:" not in html
    assert "gradio-app" in html and '/page/chat.css"' in html


def test_fonts_are_served_locally_with_their_licences(client: TestClient) -> None:
    css = client.get("/page/fonts.css").text
    faces = re.findall(r'url\("(/page/fonts/[^"]+)"\)', css)
    assert len(faces) == 5
    for face in faces:
        response = client.get(face)
        assert response.content.startswith(b"wOF2") and len(response.content) < 100_000
    assert "SIL Open Font License" in client.get("/page/fonts/OFL-noto-naskh-arabic.txt").text
    assert client.get("/page/fonts/%2e%2e%2fchat.css").status_code == 404


def test_theme_references_no_other_host(client: TestClient) -> None:
    for path in ("/theme.css", "/page/chat.css", "/page/page.js"):
        response = client.get(path)
        assert response.status_code == 200
        assert "//" not in re.sub(r"^\s*//.*$", "", response.text, flags=re.MULTILINE).replace("http://www.w3.org/", "")


def test_content_security_policy_allows_only_own_origin(client: TestClient) -> None:
    response = client.get("/")
    rules = dict(rule.split(" ", 1) for rule in response.headers["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["connect-src"] == rules["script-src"].split(" ")[0] == "'self'"
    assert "'unsafe-inline'" not in rules["script-src"]
    assert rules["script-src"].count("'sha256-") == len(re.findall(r"<script(?![^>]*src=)", response.text))
    assert not re.search(r"https?:|\*", " ".join(rules.values()))


def test_every_response_has_security_headers(client: TestClient) -> None:
    for path in ("/", "/health", "/v1/nothing", "/theme.css", "/page/chat.css", "/gradio_api/info"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


@pytest.mark.parametrize(
    "path",
    [
        "/redoc",
        "/docs/oauth2-redirect.html",
        "/gradio_api/info",
        "/gradio_api/openapi.json",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/proxy=https://example.com",
        "/gradio_api/runs",
        "/gradio_api/upload_progress",
        "/gradio_api/deep_link?session_hash=x",
        "/monitoring",
        "/login",
        "/manifest.json",
        "/robots.txt",
        "/page/../server.py",
        "/page/chat.py",
        "/assets/../../../routes.py",
    ],
)
def test_unused_routes_are_blocked(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (403, 404)


def test_gradio_upload_and_call_routes_are_blocked(client: TestClient) -> None:
    assert client.post("/gradio_api/upload", files={"files": b"x"}).status_code == 404
    assert client.post("/gradio_api/call/write", json={"data": []}).status_code == 404


@pytest.mark.parametrize(
    ("header", "language", "direction"),
    [("ar-EG,ar;q=0.9,en;q=0.5", "ar", "rtl"), ("en-GB,en;q=0.9,ar;q=0.5", "en", "ltr"), ("fr,ar;q=0.4", "ar", "rtl")],
)
def test_page_language_follows_accept_language(client: TestClient, header: str, language: str, direction: str) -> None:
    html = client.get("/", headers={"accept-language": header, "accept-encoding": "br"}).text
    assert re.search(rf'<html\s+lang="{language}" dir="{direction}"', html)


@pytest.mark.parametrize("header", ["", "de", "en", "ar;q=0", "ar;q=x", ",;,", "*"])
def test_page_language_defaults_to_english(header: str) -> None:
    assert page_language({"accept-language": header}) == "en"


def test_our_page_strips_gradio_head_elements() -> None:
    html = our_page(
        '<html lang="en"><head><base href="./"><meta property="og:url" content="x"></head></html>', "ar", ""
    )
    assert html.startswith('<html lang="ar" dir="rtl"><head><link rel="stylesheet" href="/page/fonts.css">')


def test_arabic_plural_categories() -> None:
    forms = {0: "zero", 1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many", 100: "other", 103: "few"}
    assert {count: plural_category(count) for count in forms} == forms


def test_page_renders_for_empty_collection(tmp_path: Path) -> None:
    app = create_app(site(tmp_path, overview=Overview(0, None, None, (), ())))
    with TestClient(app, "http://127.0.0.1") as client:
        assert client.get("/").status_code == 200


def test_startup_and_page_make_no_network_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[object] = []

    def refuse(*address: object, **_: object) -> None:
        asked.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = set(threading.enumerate())
    with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
        assert client.get("/").status_code == 200
    for thread in set(threading.enumerate()) - before:
        thread.join(3)
    assert asked == []
