"""Authentication: requests with and without the password, login sessions, login throttling, and Host headers."""

from __future__ import annotations

import asyncio
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message

from tests.fake_site import ENGLISH_QUESTION, site
from ui.app import App
from ui.auth import login_throttle, sessions
from ui.auth.api_keys import APIKeyStore
from ui.auth.body_limit import BodyLimitMiddleware
from ui.auth.middleware import AccessPolicy, AuthMiddleware, is_loopback
from ui.auth.password import SESSION_COOKIE, PasswordAuth
from ui.config import ServerSettings, load_config
from ui.server.app import create_app
from ui.server.serve import PasswordNeeded, serve, server_config

PASSWORD = "كلمة سر طويلة"
# What a page, a script or an attacker requests: pages, Gradio's handlers and files, page fragments, the API.
GETS = (
    "/", "/config", "/theme.css", "/favicon.ico", "/page/page.js", "/page/sidebar", "/page/conversations",
    "/page/collections/first/article?id=ar-1", "/page/export/x.md", "/assets/index.js",
    "/static/x", "/gradio_api/app_id",
    "/gradio_api/startup-events", "/gradio_api/queue/data?session_hash=x", "/gradio_api/heartbeat/x",
    "/gradio_api/info", "/gradio_api/file=/etc/passwd", "/v1/nothing", "/login/", "//", "/page/../config", "/health/",
)  # fmt: skip
POSTS = (
    "/v1/ask", "/gradio_api/queue/join", "/gradio_api/run/predict", "/gradio_api/cancel", "/gradio_api/reset",
    "/gradio_api/call/write", "/gradio_api/upload", "/page/conversations/x", "/page/conversations/x/turns/1",
)  # fmt: skip


def status_of(entry: AccessPolicy, path: str, *hosts: str, method: str = "GET", bearer: bytes = b"") -> int:
    """The status that `AuthMiddleware` alone returns; a request that it passes on has 200."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode("latin-1")) for host in hosts] + [(b"authorization", bearer)] * bool(bearer)
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "scheme": "http", "root_path": "", "server": ("10.0.0.4", 80), "client": ("10.0.0.5", 4000), "headers": headers,
    }  # fmt: skip
    asyncio.run(AuthMiddleware(PlainTextResponse("in"), entry)(scope, receive, send))
    status: int = sent[0]["status"]
    return status


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(site(tmp_path), AccessPolicy(PASSWORD, asks=True)), "http://jawab.example") as client:
        yield client


class TestPasswordAuth:
    @pytest.mark.parametrize("path", GETS)
    def test_get_without_auth_is_rejected(self, guarded: TestClient, path: str) -> None:
        assert guarded.get(path, follow_redirects=False).status_code == 401
        page = guarded.get(path, headers={"accept": "text/html"}, follow_redirects=False)
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        assert guarded.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert guarded.get(path, headers={"cookie": f"{SESSION_COOKIE}=wrong"}).status_code == 401

    @pytest.mark.parametrize("path", POSTS)
    def test_post_without_auth_is_rejected(self, guarded: TestClient, path: str) -> None:
        assert guarded.post(path, json={"question": ENGLISH_QUESTION, "data": []}).status_code == 401

    def test_login_with_password_starts_session(self, guarded: TestClient) -> None:
        form = guarded.get("/login", headers={"accept-language": "ar"})
        assert 'dir="rtl"' in form.text and "كلمة المرور" in form.text and "<script" not in form.text
        wrong = guarded.post("/login", data={"password": "wrong"})
        assert wrong.status_code == 403 and SESSION_COOKIE not in guarded.cookies
        entered = guarded.post("/login", data={"password": PASSWORD}, follow_redirects=False)
        assert entered.status_code == 303 and "HttpOnly" in entered.headers["set-cookie"]
        assert "gradio-app" in guarded.get("/").text
        assert guarded.post("/v1/ask", json={"question": ENGLISH_QUESTION}).status_code == 200

    def test_password_is_accepted_as_bearer_token(self, guarded: TestClient) -> None:
        bearer = {b"authorization": b"Bearer " + PASSWORD.encode()}
        assert guarded.post("/v1/ask", json={"question": ENGLISH_QUESTION}, headers=bearer).status_code == 200

    def test_login_rejects_cross_site_and_oversized_form(self, guarded: TestClient) -> None:
        other = {"sec-fetch-site": "cross-site"}
        assert guarded.post("/login", data={"password": PASSWORD}, headers=other).status_code == 403
        assert guarded.post("/login", content=b"password=" + b"x" * 10_000).status_code == 413

    def test_health_needs_no_auth(self, guarded: TestClient) -> None:
        assert guarded.get("/health").json() == {"status": "ok"}

    @pytest.mark.parametrize("asks", [True, False])
    @pytest.mark.parametrize("path", ["/health", "/page/chat.css", "/page/fonts/x"])
    def test_public_paths_accept_any_api_key(self, tmp_path: Path, path: str, asks: bool) -> None:
        keys = APIKeyStore(tmp_path / "keys.json")
        secret = keys.add("one", ["read"], per_minute=1)
        entry = AccessPolicy(None, keys, asks)
        host = "127.0.0.1"
        for bearer in (secret, secret, "jawab_revoked", "wrong"):
            assert status_of(entry, path, host, bearer=b"Bearer " + bearer.encode()) == 200

    def test_slow_login_form_times_out(self, tmp_path: Path) -> None:
        async def send() -> list[Message]:
            async def receive() -> Message:
                await asyncio.sleep(0.05)
                return {"type": "http.request", "body": b"p", "more_body": True}

            sent: list[Message] = []

            async def take(message: Message) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": "/login", "headers": [], "query_string": b""}
            await BodyLimitMiddleware(
                AuthMiddleware(PlainTextResponse("in"), AccessPolicy(PASSWORD, asks=True)),
                ServerSettings(stall_seconds=0.3),
            )(scope, receive, take)
            return sent

        assert asyncio.run(asyncio.wait_for(send(), 5))[0]["status"] == 408

    @pytest.mark.parametrize(
        ("origin", "told", "status"),
        [("null", "same-origin", 303), ("null", "cross-site", 403), ("null", "none", 403), ("null", None, 403)],
    )
    def test_null_origin_login_needs_same_origin_fetch_metadata(
        self, guarded: TestClient, origin: str, told: str | None, status: int
    ) -> None:
        headers = {"origin": origin} | ({"sec-fetch-site": told} if told else {})
        sent = guarded.post("/login", data={"password": PASSWORD}, headers=headers, follow_redirects=False)
        assert sent.status_code == status

    @pytest.mark.parametrize(("language", "words"), [("en", "Log out"), ("ar", "سجّل الخروج")])
    @pytest.mark.parametrize("path", ["/", "/articles", "/articles/charts", "/page/sidebar"])
    def test_pages_show_logout_button_only_with_session(
        self, guarded: TestClient, path: str, language: str, words: str
    ) -> None:
        asked = {"accept-language": language, "authorization": "Bearer " + PASSWORD}
        by_password = {name.encode(): value.encode() for name, value in asked.items()}
        assert "/logout" not in guarded.get(path, headers=by_password, params={"in": language}).text
        guarded.post("/login", data={"password": PASSWORD})
        page = guarded.get(path, headers={"accept-language": language}, params={"in": language})
        assert re.search(rf'<form[^>]* method="post" action="/logout"><button>{words}</button></form>', page.text)
        policy = page.headers["content-security-policy"]
        assert path == "/page/sidebar" or "form-action 'self'" in policy


class TestCookies:
    @staticmethod
    def cookies(tmp_path: Path, proxy: str, **headers: str) -> list[str]:
        """The cookies that the server sets when uvicorn itself evaluates the proxy's headers."""
        config = server_config(create_app(site(tmp_path), AccessPolicy(PASSWORD, asks=True)))
        config.load()
        with TestClient(config.loaded_app, "http://jawab.example", client=(proxy, 4000)) as client:
            entered = client.post("/login", data={"password": PASSWORD}, headers=headers, follow_redirects=False)
            given = {name.encode(): value.encode() for name, value in headers.items()}
            page = client.get("/", headers=given | {b"authorization": b"Bearer " + PASSWORD.encode()})
        return [entered.headers["set-cookie"], page.headers["set-cookie"]]

    @pytest.mark.parametrize("proxy", ["127.0.0.1", "::1"])
    def test_cookies_are_secure_behind_tls_proxy(self, tmp_path: Path, proxy: str) -> None:
        assert all("Secure" in one for one in self.cookies(tmp_path, proxy, **{"x-forwarded-proto": "https"}))

    def test_cookies_are_not_secure_over_plain_http(self, tmp_path: Path) -> None:
        assert not any("Secure" in one for one in self.cookies(tmp_path, "127.0.0.1"))

    def test_forwarded_proto_from_remote_proxy_is_ignored(self, tmp_path: Path) -> None:
        assert not any("Secure" in one for one in self.cookies(tmp_path, "10.0.0.7", **{"x-forwarded-proto": "https"}))


class TestSessions:
    @staticmethod
    def server(tmp_path: Path, password: str = PASSWORD, session_days: float = 30) -> TestClient:
        logins = tmp_path / "kept" / "logins.json"
        entry = AccessPolicy(password, asks=True, logins=logins, session_days=session_days)
        return TestClient(create_app(site(tmp_path), entry), "http://jawab.example", follow_redirects=False)

    def log_in(self, tmp_path: Path, session_days: float = 30) -> str:
        entered = self.server(tmp_path, session_days=session_days).post("/login", data={"password": PASSWORD})
        return entered.cookies[SESSION_COOKIE]

    def is_logged_in(self, client: TestClient, given: str) -> bool:
        return client.get("/v1/articles", headers={"cookie": f"{SESSION_COOKIE}={given}"}).status_code == 200

    def test_session_survives_restart(self, tmp_path: Path) -> None:
        given, file = self.log_in(tmp_path), tmp_path / "kept" / "logins.json"
        assert self.is_logged_in(self.server(tmp_path), given)
        assert given not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_changed_password_ends_sessions(self, tmp_path: Path) -> None:
        assert not self.is_logged_in(self.server(tmp_path, "another password"), self.log_in(tmp_path))

    def test_session_expires(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shorter, longer = self.log_in(tmp_path), self.log_in(tmp_path, session_days=40)
        later = time.time() + 31 * 86400
        monkeypatch.setattr(sessions, "time", SimpleNamespace(time=lambda: later))
        client = self.server(tmp_path)
        assert self.is_logged_in(client, longer) and not self.is_logged_in(client, shorter)

    def test_logout_ends_only_its_session(self, tmp_path: Path) -> None:
        first, second = self.log_in(tmp_path), self.log_in(tmp_path)
        client = self.server(tmp_path)
        cookie = {"cookie": f"{SESSION_COOKIE}={first}"}
        assert client.get("/logout", headers=cookie).status_code == 303 and self.is_logged_in(client, first)
        assert client.post("/logout", headers=cookie | {"sec-fetch-site": "cross-site"}).status_code == 403
        left = client.post("/logout", headers=cookie)
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert "Max-Age=0" in left.headers["set-cookie"]
        for server in (client, self.server(tmp_path)):
            assert not self.is_logged_in(server, first) and self.is_logged_in(server, second)

    @pytest.mark.parametrize(("language", "words"), [("en", "Log out"), ("ar", "سجّل الخروج")])
    def test_login_page_shows_logout_when_logged_in(self, tmp_path: Path, language: str, words: str) -> None:
        headers = {"cookie": f"{SESSION_COOKIE}={self.log_in(tmp_path)}", "accept-language": language}
        page = self.server(tmp_path).get("/login", headers=headers).text
        assert words in page and 'action="/logout"' in page and 'type="password"' not in page

    @pytest.mark.parametrize("content", ["{", "[]", '{"x": "soon"}'])
    def test_damaged_session_file_is_ignored(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "logins.json").write_text(content)
        assert self.is_logged_in(self.server(tmp_path), self.log_in(tmp_path))

    def test_unwritable_session_file_keeps_sessions_in_memory(self, tmp_path: Path) -> None:
        (tmp_path / "kept").write_text("no folder")
        client = self.server(tmp_path)
        given = client.post("/login", data={"password": PASSWORD}).cookies[SESSION_COOKIE]
        assert self.is_logged_in(client, given) and not self.is_logged_in(self.server(tmp_path), given)


class TestLoginThrottle:
    @pytest.fixture(autouse=True)
    def short_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "FIRST_PAUSE", 0.02)
        monkeypatch.setattr(login_throttle, "MAX_PAUSE", 0.1)

    @staticmethod
    def post_wrong_passwords(client: TestClient, count: int) -> list[int]:
        return [client.post("/login", data={"password": f"guess {n}"}).status_code for n in range(count)]

    def test_rate_limit_slows_down_password_guesses(self, guarded: TestClient) -> None:
        assert self.post_wrong_passwords(guarded, 7) == [403] * 5 + [429] * 2
        began = time.monotonic()
        assert self.post_wrong_passwords(guarded, 4) == [429] * 4
        assert time.monotonic() - began > 0.3

    def test_rate_limit_still_accepts_correct_password(self, guarded: TestClient) -> None:
        self.post_wrong_passwords(guarded, 12)
        assert guarded.post("/login", data={"password": PASSWORD}, follow_redirects=False).status_code == 303
        assert self.post_wrong_passwords(guarded, 1) == [403]

    def test_rate_limit_does_not_affect_other_clients(
        self, guarded: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(login_throttle, "FIRST_PAUSE", 1000.0)
        monkeypatch.setattr(login_throttle, "MAX_PAUSE", 1000.0)
        assert self.post_wrong_passwords(guarded, 12)[-1] == 429
        other = TestClient(guarded.app, "http://jawab.example", client=("10.0.0.7", 4000))
        bearer = {b"authorization": b"Bearer " + PASSWORD.encode()}
        assert other.get("/v1/articles", headers=bearer).status_code == 200
        assert other.post("/login", data={"password": PASSWORD}, follow_redirects=False).status_code == 303

    @pytest.mark.parametrize(("language", "sentence"), [("en", "wrong passwords"), ("ar", "كلمات مرور خاطئة")])
    def test_rate_limit_returns_problem_json_to_api_clients(
        self, guarded: TestClient, language: str, sentence: str
    ) -> None:
        headers = {"authorization": "Bearer wrong", "accept-language": language}
        answers = [guarded.get("/v1/articles", headers=headers) for _ in range(6)]
        assert [one.status_code for one in answers] == [401] * 5 + [429]
        problem = answers[-1].json()
        assert (problem["code"], problem["retryable"]) == ("login_throttled", True) and sentence in problem["detail"]
        assert int(answers[-1].headers["retry-after"]) >= 1

    def test_concurrent_logins_are_serialized_until_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "MAX_DELAY_SECONDS", 0.25)

        async def together() -> list[bool | BaseException]:
            login = PasswordAuth(PASSWORD)
            for _ in range(20):
                with suppress(login_throttle.LoginThrottled):
                    await login.is_password(b"wrong", "10.0.0.7")
            return await asyncio.gather(
                *(login.is_password(PASSWORD.encode(), "10.0.0.7") for _ in range(9)), return_exceptions=True
            )

        answers = asyncio.run(together())
        assert answers[0] is True and isinstance(answers[-1], login_throttle.LoginThrottled)

    def test_rate_limit_forgets_oldest_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "MAX_CLIENTS", 2)
        known = login_throttle.LoginThrottle()
        for client in ("a", "b", "c", "a"):
            for _ in range(login_throttle.FREE_ATTEMPTS):
                known.add_wrong(client)
        with pytest.raises(login_throttle.LoginThrottled):
            known.add_wrong("c")

    @pytest.mark.parametrize(
        ("address", "client"),
        [
            ("10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:5::6", "2001:db8:1:2::/64"),
            ("testclient", "testclient"),
        ],
    )
    def test_ipv6_addresses_are_grouped_by_network(self, address: str, client: str) -> None:
        assert login_throttle.client_of({"client": (address, 4000)}) == client
        assert login_throttle.client_of({"client": None}) == ""


class TestHostHeaders:
    """Hand-made ASGI scopes: no client would send these hosts, and Starlette's parsing must not matter."""

    @pytest.mark.parametrize(
        "host",
        [
            "x/health?",
            "x/v1/ask#",
            "x?",
            "x#",
            "x y",
            "x@y",
            "x\\y",
            "x%2f",
            "[::1",
            "[x]",
            "x:port",
            "x:1:2",
            "ü",
            "x\n",
        ],
    )
    @pytest.mark.parametrize("asks", [True, False])
    def test_invalid_host_is_rejected(self, asks: bool, host: str) -> None:
        assert status_of(AccessPolicy(PASSWORD, asks=asks), "/metrics", host) == 400

    @pytest.mark.parametrize(
        "host", ["jawab.example", "jawab.example:7860", "a_b-c", "10.0.0.4:80", "[fe80::1]:7860", "x:"]
    )
    def test_valid_host_is_accepted(self, host: str) -> None:
        assert status_of(AccessPolicy(PASSWORD, asks=True), "/health", host) == 200

    def test_duplicate_host_header_is_rejected(self) -> None:
        assert status_of(AccessPolicy(PASSWORD, asks=True), "/health", "jawab.example", "jawab.example") == 400

    @pytest.mark.parametrize("path", ["/health", "/page/fonts/x", "/login"])
    def test_auth_ignores_path_of_request_url(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Request, "url", URL(f"http://x{path}"))
        assert status_of(AccessPolicy(PASSWORD, asks=True), "/metrics", "x") == 401

    def test_api_key_scope_ignores_path_of_request_url(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = APIKeyStore(tmp_path / "keys.json")
        bearer = b"Bearer " + keys.add("one", ["read"]).encode()
        monkeypatch.setattr(Request, "url", URL("http://x/v1/ask"))
        assert status_of(AccessPolicy(None, keys, asks=True), "/v1/articles", "x", method="POST", bearer=bearer) == 403


class TestLoopbackOnly:
    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("127.0.0.1", 200), ("127.0.0.1:7860", 200), ("localhost:80", 200), ("LOCALHOST", 200), ("[::1]:7860", 200),
            ("evil.example", 421), ("evil.example:7860", 421), ("127.0.0.1.evil.example", 421), ("", 421),
            ("192.168.1.5", 421), ("localhost.evil.example", 421),
        ],
    )  # fmt: skip
    def test_only_loopback_hosts_are_accepted(self, tmp_path: Path, host: str, status: int) -> None:
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            assert client.get("/health", headers={"host": host}).status_code == status

    @pytest.mark.parametrize(
        ("host", "loopback"),
        [
            ("127.0.0.1", True),
            ("::1", True),
            ("localhost", True),
            ("0.0.0.0", False),
            ("10.0.0.4", False),
            ("x", False),
        ],
    )
    def test_is_loopback(self, host: str, loopback: bool) -> None:
        assert is_loopback(host) is loopback


@pytest.mark.parametrize("password", ["", "short"])
def test_serving_on_network_requires_long_password(tmp_path: Path, password: str) -> None:
    app = App(load_config(index=tmp_path, password=password, keys=tmp_path / "keys.json"))
    with pytest.raises(PasswordNeeded):
        serve(app, "0.0.0.0", 7860, "en")
