"""API keys: storage, scopes, revocation and rate limits; cross-origin requests and body limits."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.types import Message

from tests.fake_site import ENGLISH_QUESTION, site
from ui.app import App
from ui.auth.api_keys import APIKeyStore, KeyExists, KeyMissing, KeysDamaged, Scope
from ui.auth.body_limit import BodyLimitMiddleware
from ui.auth.middleware import AccessPolicy, AuthMiddleware
from ui.auth.scopes import required_scope
from ui.cli import jawab
from ui.cli import main as run_command
from ui.config import ServerSettings, load_config
from ui.http import problems
from ui.http.client_id import get_client_id
from ui.server.app import create_app
from ui.server.serve import PasswordNeeded, PortTaken, serve

ASK = {"question": ENGLISH_QUESTION}


@pytest.fixture
def keys(tmp_path: Path) -> APIKeyStore:
    return APIKeyStore(tmp_path / "kept" / "keys.json")


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
def client(tmp_path: Path, keys: APIKeyStore) -> Iterator[TestClient]:
    """A server that other machines can reach; it has a password too."""
    entry = AccessPolicy("a long password", keys, asks=True)
    with TestClient(create_app(site(tmp_path), entry), "http://jawab.example") as client:
        yield client


class TestStore:
    def test_key_is_stored_hashed_in_owner_only_file(self, tmp_path: Path, keys: APIKeyStore) -> None:
        secret = keys.add("newsroom", ["read"])
        file = tmp_path / "kept" / "keys.json"
        assert secret.startswith("jawab_") and len(secret) > 40 and secret not in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found = keys.find(secret)
        assert found and found.name == "newsroom" and keys.find(secret + "x") is None

    def test_duplicate_and_unknown_key_names_raise(self, keys: APIKeyStore) -> None:
        keys.add("one", ["read"])
        with pytest.raises(KeyExists):
            keys.add("one", ["write"])
        with pytest.raises(KeyMissing):
            keys.revoke("another")

    def test_revocation_by_another_process_takes_effect_at_once(self, tmp_path: Path, keys: APIKeyStore) -> None:
        secret = keys.add("one", ["read"])
        assert keys.find(secret)
        APIKeyStore(tmp_path / "kept" / "keys.json").revoke("one")
        assert keys.find(secret) is None

    def test_concurrent_adds_lose_no_key(self, keys: APIKeyStore) -> None:
        threads = [threading.Thread(target=keys.add, args=(f"key {n}", ["read"])) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(keys.all()) == 12

    def test_damaged_file_raises_and_is_not_overwritten(self, tmp_path: Path, keys: APIKeyStore) -> None:
        keys.add("one", ["read"])
        file = tmp_path / "kept" / "keys.json"
        file.write_text("{")
        for use in (keys.all, lambda: keys.add("two", ["read"]), lambda: keys.find("jawab_x")):
            with pytest.raises(KeysDamaged):
                use()
        assert file.read_text() == "{"


class TestAuthorization:
    @pytest.mark.parametrize(
        ("scope", "opened"),
        [
            ("read", {"ask", "search", "list"}),
            ("write", {"remove"}),
            ("admin", {"ask", "search", "list", "remove", "numbers", "page"}),
        ],
    )
    def test_scope_authorizes_only_its_endpoints(
        self, client: TestClient, keys: APIKeyStore, scope: Scope, opened: set[str]
    ) -> None:
        with_key = bearer(keys.add("one", [scope]))
        answers = {
            "ask": client.post("/v1/ask", json=ASK, headers=with_key),
            "search": client.post("/v1/search", json=ASK, headers=with_key),
            "list": client.get("/v1/articles", headers=with_key),
            "remove": client.delete("/v1/articles/ar-1", headers=with_key),
            "numbers": client.get("/metrics", headers=with_key),
            "page": client.get("/", headers=with_key),
        }
        assert {name for name, answer in answers.items() if answer.status_code < 300} == opened
        refused = [answer for name, answer in answers.items() if name not in opened]
        assert all(answer.status_code == 403 and answer.json()["code"] == "scope_missing" for answer in refused)

    def test_revoked_key_is_not_counted_as_password_guess(self, client: TestClient, keys: APIKeyStore) -> None:
        secret = keys.add("one", ["read"])
        assert client.post("/v1/ask", json=ASK, headers=bearer(secret)).status_code == 200
        keys.revoke("one")
        for _ in range(15):
            assert client.post("/v1/ask", json=ASK, headers=bearer(secret)).status_code == 401
        assert client.post("/v1/ask", json=ASK, headers=bearer("a long password")).status_code == 200

    def test_rate_limit_applies_per_key(self, client: TestClient, keys: APIKeyStore) -> None:
        slow, other = keys.add("slow", ["read"], per_minute=3), keys.add("other", ["read"])
        answers = [client.get("/v1/articles", headers=bearer(slow)) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert answers[-1].json()["code"] == "rate_limited" and answers[-1].json()["retryable"]
        assert client.get("/v1/articles", headers=bearer(other)).status_code == 200

    def test_auth_is_optional_on_localhost_but_key_is_identified(self, keys: APIKeyStore) -> None:
        app, secret = FastAPI(), keys.add("one", ["read"])

        @app.get("/v1/who")
        def who(request: Request) -> str:
            return get_client_id(request.scope)

        app.add_middleware(AuthMiddleware, entry=AccessPolicy(keys=keys))
        with TestClient(app, "http://127.0.0.1") as client:
            for given, name in (({}, ""), (bearer("sk-any"), ""), (bearer(secret), "key one")):
                assert client.get("/v1/who", headers=given).json() == name
            assert client.delete("/v1/articles/ar-1", headers=bearer(secret)).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/jobs/x", "read"), ("POST", "/v1/articles", "write"), ("DELETE", "/v1/jobs/x", "write"),
        ("POST", "/v1/chat/completions", "read"), ("POST", "/mcp", "read"), ("GET", "/docs/x.css", "read"),
        ("GET", "/page/sidebar", "admin"), ("POST", "/gradio_api/queue/join", "admin"), ("GET", "/articles", "admin"),
    ],
)  # fmt: skip
def test_required_scope_depends_on_method_and_path(method: str, path: str, scope: Scope) -> None:
    assert required_scope(method, path) == scope


class TestCrossOriginRequests:
    """Requests from another site's page, in the browser of a user whose server needs no authentication."""

    @pytest.mark.parametrize(
        "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
    )
    def test_cross_origin_request_is_rejected(self, tmp_path: Path, headers: dict[str, str]) -> None:
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            for answer in (
                client.post("/v1/ask", json=ASK, headers=headers),
                client.post("/v1/articles", files={"file": ("x.txt", b"x")}, headers=headers),
                client.delete("/v1/articles/ar-1", headers=headers),
            ):
                assert answer.status_code == 403 and answer.json()["code"] == "forbidden"
            assert not any(name.startswith("access-control") for name in client.get("/v1/models").headers)

    def test_configured_origin_is_allowed(self, tmp_path: Path) -> None:
        entry, origin = AccessPolicy(origins=frozenset({"https://a.example"})), {"origin": "https://a.example"}
        with TestClient(create_app(site(tmp_path), entry), "http://127.0.0.1") as client:
            preflight = origin | {"access-control-request-method": "POST"}
            assert client.options("/v1/ask", headers=preflight).status_code == 200
            asked = client.post("/v1/ask", json=ASK, headers=origin)
            assert asked.status_code == 200 and asked.headers["access-control-allow-origin"] == "https://a.example"
            evil = client.post("/v1/ask", json=ASK, headers={"origin": "https://b.example"})
            assert evil.status_code == 403 and "access-control-allow-origin" not in evil.headers

    def test_same_origin_request_is_allowed(self, tmp_path: Path) -> None:
        own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            assert client.post("/v1/ask", json=ASK, headers=own).status_code == 200


class TestBodyLimits:
    def test_oversized_body_is_rejected_declared_or_streamed(self, tmp_path: Path) -> None:
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            long = json.dumps({"question": "x" * 4_000_001}).encode()
            for body in (long, iter([long])):
                answer = client.post("/v1/ask", content=body, headers={"content-type": "application/json"})
                assert answer.status_code == 413 and answer.json()["code"].endswith("too_large")

    def test_slow_body_times_out(self) -> None:
        app = FastAPI()
        app.add_exception_handler(HTTPException, problems.handle_http_exception)

        @app.post("/")
        async def read(request: Request) -> int:
            return len(await request.body())

        async def send(pause: float, count: int = 2, size: int = 1) -> list[Message]:
            parts = iter([b"a" * size] * (count - 1) + [b"b"])

            async def receive() -> Message:
                await asyncio.sleep(pause)
                part = next(parts)
                return {"type": "http.request", "body": part, "more_body": part != b"b"}

            sent: list[Message] = []

            async def take(message: Message) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
            await BodyLimitMiddleware(app, ServerSettings(stall_seconds=0.2))(scope, receive, take)
            return sent

        assert asyncio.run(send(0))[0]["status"] == 200
        assert asyncio.run(send(0.5))[0]["status"] == 408
        # Each part arrives in time but the whole body does not, unless its parts are large enough.
        assert asyncio.run(send(0.05, 20))[0]["status"] == 408
        assert asyncio.run(send(0.05, 20, 1000))[0]["status"] == 200


class TestCommands:
    def run(self, *arguments: str) -> str:
        result = CliRunner().invoke(jawab, ["keys", *arguments], catch_exceptions=False)
        return result.output

    def test_key_can_be_added_listed_and_revoked(self) -> None:
        secret = self.run("add", "newsroom", "--scope", "read", "--scope", "write").split("\n")[0]
        assert secret.startswith("jawab_")
        listed = self.run("list")
        assert "newsroom: read, write" in listed and secret not in listed
        as_json = json.loads(self.run("list", "--json"))["keys"]
        assert [key["name"] for key in as_json] == ["newsroom"] and "digest" not in as_json[0]
        assert "newsroom" in self.run("revoke", "newsroom") and "no keys" in self.run("list")

    def test_error_is_printed_on_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            run_command(["keys", "revoke", "none"])
        assert ended.value.code == 1 and capsys.readouterr().err.count("\n") == 1


def test_remote_serving_requires_password_or_auth_key(tmp_path: Path) -> None:
    app = App(load_config(index=tmp_path / "none", keys=tmp_path / "keys.json", embedder="fake", llm="fake"))
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        with pytest.raises(PasswordNeeded):
            serve(app, "0.0.0.0", taken.getsockname()[1], "en")
        APIKeyStore(app.config.paths.keys).add("one", ["read"])
        with pytest.raises(PortTaken):
            serve(app, "0.0.0.0", taken.getsockname()[1], "en")
