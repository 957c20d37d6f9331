"""The gate: what is answered without the password (nothing), with it (everything), and under which names."""

from __future__ import annotations

import asyncio
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
from ui.config import load_config
from ui.server.app import create_app
from ui.server.serve import PasswordNeeded, serve, server_config

PASSWORD = "كلمة سر طويلة"
# What a page, a script or a curious person asks for: pages, Gradio's handlers and files, the parts, the API.
GETS = (
    "/", "/config", "/theme.css", "/favicon.ico", "/page/page.js", "/page/side", "/page/conversations",
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
    """What the gate alone answers; what it lets through has 200."""
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


class TestWithAPassword:
    @pytest.mark.parametrize("path", GETS)
    def test_nothing_is_had_without_it(self, guarded: TestClient, path: str) -> None:
        assert guarded.get(path, follow_redirects=False).status_code == 401
        page = guarded.get(path, headers={"accept": "text/html"}, follow_redirects=False)
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        assert guarded.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
        assert guarded.get(path, headers={"cookie": f"{SESSION_COOKIE}=wrong"}).status_code == 401

    @pytest.mark.parametrize("path", POSTS)
    def test_nothing_is_done_without_it(self, guarded: TestClient, path: str) -> None:
        assert guarded.post(path, json={"question": ENGLISH_QUESTION, "data": []}).status_code == 401

    def test_whoever_enters_it_comes_in_and_stays(self, guarded: TestClient) -> None:
        form = guarded.get("/login", headers={"accept-language": "ar"})
        assert 'dir="rtl"' in form.text and "كلمة المرور" in form.text and "<script" not in form.text
        wrong = guarded.post("/login", data={"password": "wrong"})
        assert wrong.status_code == 403 and SESSION_COOKIE not in guarded.cookies
        entered = guarded.post("/login", data={"password": PASSWORD}, follow_redirects=False)
        assert entered.status_code == 303 and "HttpOnly" in entered.headers["set-cookie"]
        assert "gradio-app" in guarded.get("/").text
        assert guarded.post("/v1/ask", json={"question": ENGLISH_QUESTION}).status_code == 200

    def test_a_script_brings_it_with_each_request(self, guarded: TestClient) -> None:
        bearer = {b"authorization": b"Bearer " + PASSWORD.encode()}
        assert guarded.post("/v1/ask", json={"question": ENGLISH_QUESTION}, headers=bearer).status_code == 200

    def test_another_site_cannot_enter_it_and_a_long_form_is_not_read(self, guarded: TestClient) -> None:
        other = {"sec-fetch-site": "cross-site"}
        assert guarded.post("/login", data={"password": PASSWORD}, headers=other).status_code == 403
        assert guarded.post("/login", content=b"password=" + b"x" * 10_000).status_code == 413

    def test_that_it_is_alive_anybody_may_know(self, guarded: TestClient) -> None:
        assert guarded.get("/health").json() == {"status": "ok"}

    @pytest.mark.parametrize("asks", [True, False])
    @pytest.mark.parametrize("path", ["/health", "/page/chat.css", "/page/fonts/x"])
    def test_public_paths_are_answered_with_any_key(self, tmp_path: Path, path: str, asks: bool) -> None:
        keys = APIKeyStore(tmp_path / "keys.json")
        secret = keys.add("one", ["read"], per_minute=1)
        entry = AccessPolicy(None, keys, asks)
        host = "127.0.0.1"
        for bearer in (secret, secret, "jawab_revoked", "wrong"):
            assert status_of(entry, path, host, bearer=b"Bearer " + bearer.encode()) == 200

    def test_a_form_that_comes_too_slowly_is_refused(self, tmp_path: Path) -> None:
        async def send() -> list[Message]:
            async def receive() -> Message:
                await asyncio.sleep(0.05)
                return {"type": "http.request", "body": b"p", "more_body": True}

            sent: list[Message] = []

            async def take(message: Message) -> None:
                sent.append(message)

            scope = {"type": "http", "method": "POST", "path": "/login", "headers": [], "query_string": b""}
            await BodyLimitMiddleware(
                AuthMiddleware(PlainTextResponse("in"), AccessPolicy(PASSWORD, asks=True)), patience=0.3
            )(scope, receive, take)
            return sent

        assert asyncio.run(asyncio.wait_for(send(), 5))[0]["status"] == 408

    @pytest.mark.parametrize(
        ("origin", "told", "status"),
        [("null", "same-origin", 303), ("null", "cross-site", 403), ("null", "none", 403), ("null", None, 403)],
    )
    def test_a_form_without_an_origin_is_ours_where_the_browser_says_so(
        self, guarded: TestClient, origin: str, told: str | None, status: int
    ) -> None:
        headers = {"origin": origin} | ({"sec-fetch-site": told} if told else {})
        sent = guarded.post("/login", data={"password": PASSWORD}, headers=headers, follow_redirects=False)
        assert sent.status_code == status

    @pytest.mark.parametrize(("language", "words"), [("en", "Log out"), ("ar", "سجّل الخروج")])
    @pytest.mark.parametrize("path", ["/", "/articles", "/articles/pictures", "/page/side"])
    def test_who_has_a_login_finds_the_way_out(self, guarded: TestClient, path: str, language: str, words: str) -> None:
        asked = {"accept-language": language, "authorization": "Bearer " + PASSWORD}
        by_password = {name.encode(): value.encode() for name, value in asked.items()}
        assert "/logout" not in guarded.get(path, headers=by_password, params={"in": language}).text
        guarded.post("/login", data={"password": PASSWORD})
        page = guarded.get(path, headers={"accept-language": language}, params={"in": language})
        assert re.search(rf'<form[^>]* method="post" action="/logout"><button>{words}</button></form>', page.text)
        policy = page.headers["content-security-policy"]
        assert path == "/page/side" or "form-action 'self'" in policy


class TestCookies:
    @staticmethod
    def cookies(tmp_path: Path, proxy: str, **headers: str) -> list[str]:
        """The cookies that the server gives, behind uvicorn's own reading of what the proxy says."""
        config = server_config(create_app(site(tmp_path), AccessPolicy(PASSWORD, asks=True)))
        config.load()
        with TestClient(config.loaded_app, "http://jawab.example", client=(proxy, 4000)) as client:
            entered = client.post("/login", data={"password": PASSWORD}, headers=headers, follow_redirects=False)
            given = {name.encode(): value.encode() for name, value in headers.items()}
            page = client.get("/", headers=given | {b"authorization": b"Bearer " + PASSWORD.encode()})
        return [entered.headers["set-cookie"], page.headers["set-cookie"]]

    @pytest.mark.parametrize("proxy", ["127.0.0.1", "::1"])
    def test_behind_tls_they_are_secure(self, tmp_path: Path, proxy: str) -> None:
        assert all("Secure" in one for one in self.cookies(tmp_path, proxy, **{"x-forwarded-proto": "https"}))

    def test_without_it_they_are_not(self, tmp_path: Path) -> None:
        assert not any("Secure" in one for one in self.cookies(tmp_path, "127.0.0.1"))

    def test_others_than_a_proxy_here_are_not_believed(self, tmp_path: Path) -> None:
        assert not any("Secure" in one for one in self.cookies(tmp_path, "10.0.0.7", **{"x-forwarded-proto": "https"}))


class TestLogins:
    @staticmethod
    def server(tmp_path: Path, password: str = PASSWORD) -> TestClient:
        entry = AccessPolicy(password, asks=True, logins=tmp_path / "kept" / "logins.json")
        return TestClient(create_app(site(tmp_path), entry), "http://jawab.example", follow_redirects=False)

    def enter(self, tmp_path: Path) -> str:
        entered = self.server(tmp_path).post("/login", data={"password": PASSWORD})
        return entered.cookies[SESSION_COOKIE]

    def has_entered(self, client: TestClient, given: str) -> bool:
        return client.get("/v1/articles", headers={"cookie": f"{SESSION_COOKIE}={given}"}).status_code == 200

    def test_they_outlast_a_restart(self, tmp_path: Path) -> None:
        given, file = self.enter(tmp_path), tmp_path / "kept" / "logins.json"
        assert self.has_entered(self.server(tmp_path), given)
        assert given not in file.read_text() and stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_another_password_ends_them(self, tmp_path: Path) -> None:
        assert not self.has_entered(self.server(tmp_path, "another password"), self.enter(tmp_path))

    def test_they_end_after_their_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sessions, "SECONDS", -1)
        assert not self.has_entered(self.server(tmp_path), self.enter(tmp_path))

    def test_logging_out_ends_one(self, tmp_path: Path) -> None:
        first, second = self.enter(tmp_path), self.enter(tmp_path)
        client = self.server(tmp_path)
        cookie = {"cookie": f"{SESSION_COOKIE}={first}"}
        assert client.get("/logout", headers=cookie).status_code == 303 and self.has_entered(client, first)
        assert client.post("/logout", headers=cookie | {"sec-fetch-site": "cross-site"}).status_code == 403
        left = client.post("/logout", headers=cookie)
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert "Max-Age=0" in left.headers["set-cookie"]
        for server in (client, self.server(tmp_path)):
            assert not self.has_entered(server, first) and self.has_entered(server, second)

    @pytest.mark.parametrize(("language", "words"), [("en", "Log out"), ("ar", "سجّل الخروج")])
    def test_who_has_entered_can_log_out(self, tmp_path: Path, language: str, words: str) -> None:
        headers = {"cookie": f"{SESSION_COOKIE}={self.enter(tmp_path)}", "accept-language": language}
        page = self.server(tmp_path).get("/login", headers=headers).text
        assert words in page and 'action="/logout"' in page and 'type="password"' not in page

    @pytest.mark.parametrize("content", ["{", "[]", '{"x": "soon"}'])
    def test_a_damaged_file_holds_none(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "kept").mkdir()
        (tmp_path / "kept" / "logins.json").write_text(content)
        assert self.has_entered(self.server(tmp_path), self.enter(tmp_path))

    def test_without_a_place_for_the_file_they_last_until_the_end(self, tmp_path: Path) -> None:
        (tmp_path / "kept").write_text("no folder")
        client = self.server(tmp_path)
        given = client.post("/login", data={"password": PASSWORD}).cookies[SESSION_COOKIE]
        assert self.has_entered(client, given) and not self.has_entered(self.server(tmp_path), given)


class TestGuessing:
    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "FIRST_PAUSE", 0.02)
        monkeypatch.setattr(login_throttle, "LONGEST_PAUSE", 0.1)

    @staticmethod
    def wrong(client: TestClient, count: int) -> list[int]:
        return [client.post("/login", data={"password": f"guess {n}"}).status_code for n in range(count)]

    def test_it_is_slowed_down(self, guarded: TestClient) -> None:
        assert self.wrong(guarded, 7) == [403] * 5 + [429] * 2
        began = time.monotonic()
        assert self.wrong(guarded, 4) == [429] * 4
        assert time.monotonic() - began > 0.3

    def test_the_right_password_is_still_taken(self, guarded: TestClient) -> None:
        self.wrong(guarded, 12)
        assert guarded.post("/login", data={"password": PASSWORD}, follow_redirects=False).status_code == 303
        assert self.wrong(guarded, 1) == [403]

    def test_nobody_else_waits(self, guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "FIRST_PAUSE", 1000.0)
        monkeypatch.setattr(login_throttle, "LONGEST_PAUSE", 1000.0)
        assert self.wrong(guarded, 12)[-1] == 429
        other = TestClient(guarded.app, "http://jawab.example", client=("10.0.0.7", 4000))
        bearer = {b"authorization": b"Bearer " + PASSWORD.encode()}
        assert other.get("/v1/articles", headers=bearer).status_code == 200
        assert other.post("/login", data={"password": PASSWORD}, follow_redirects=False).status_code == 303

    @pytest.mark.parametrize(("language", "sentence"), [("en", "wrong passwords"), ("ar", "كلمات مرور خاطئة")])
    def test_a_program_gets_a_problem(self, guarded: TestClient, language: str, sentence: str) -> None:
        headers = {"authorization": "Bearer wrong", "accept-language": language}
        answers = [guarded.get("/v1/articles", headers=headers) for _ in range(6)]
        assert [one.status_code for one in answers] == [401] * 5 + [429]
        problem = answers[-1].json()
        assert (problem["code"], problem["retryable"]) == ("guessed_too_often", True) and sentence in problem["detail"]
        assert int(answers[-1].headers["retry-after"]) >= 1

    def test_tries_at_once_wait_for_one_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "PATIENCE", 0.25)

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

    def test_addresses_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(login_throttle, "MOST_CLIENTS", 2)
        known = login_throttle.LoginThrottle()
        for client in ("a", "b", "c", "a"):
            for _ in range(login_throttle.FREE):
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
    def test_an_address_is_a_network_in_ipv6(self, address: str, client: str) -> None:
        assert login_throttle.client_of({"client": (address, 4000)}) == client
        assert login_throttle.client_of({"client": None}) == ""


class TestHostHeaders:
    """With scopes of ASGI's own, as no client would send these, and whatever Starlette makes of them."""

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
    def test_what_is_no_host_is_refused(self, asks: bool, host: str) -> None:
        assert status_of(AccessPolicy(PASSWORD, asks=asks), "/metrics", host) == 400

    @pytest.mark.parametrize(
        "host", ["jawab.example", "jawab.example:7860", "a_b-c", "10.0.0.4:80", "[fe80::1]:7860", "x:"]
    )
    def test_hosts_are_not(self, host: str) -> None:
        assert status_of(AccessPolicy(PASSWORD, asks=True), "/health", host) == 200

    def test_two_are_refused(self) -> None:
        assert status_of(AccessPolicy(PASSWORD, asks=True), "/health", "jawab.example", "jawab.example") == 400

    @pytest.mark.parametrize("path", ["/health", "/page/fonts/x", "/login"])
    def test_the_url_opens_no_other_path(self, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Request, "url", URL(f"http://x{path}"))
        assert status_of(AccessPolicy(PASSWORD, asks=True), "/metrics", "x") == 401

    def test_the_url_changes_no_scope_of_a_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        keys = APIKeyStore(tmp_path / "keys.json")
        bearer = b"Bearer " + keys.add("one", ["read"]).encode()
        monkeypatch.setattr(Request, "url", URL("http://x/v1/ask"))
        assert status_of(AccessPolicy(None, keys, asks=True), "/v1/articles", "x", method="POST", bearer=bearer) == 403


class TestOnThisComputerAlone:
    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("127.0.0.1", 200), ("127.0.0.1:7860", 200), ("localhost:80", 200), ("LOCALHOST", 200), ("[::1]:7860", 200),
            ("evil.example", 421), ("evil.example:7860", 421), ("127.0.0.1.evil.example", 421), ("", 421),
            ("192.168.1.5", 421), ("localhost.evil.example", 421),
        ],
    )  # fmt: skip
    def test_only_names_of_this_computer_are_answered(self, tmp_path: Path, host: str, status: int) -> None:
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
    def test_which_addresses_are_this_computers(self, host: str, loopback: bool) -> None:
        assert is_loopback(host) is loopback


@pytest.mark.parametrize("password", ["", "short"])
def test_other_computers_are_not_let_near_without_a_password(tmp_path: Path, password: str) -> None:
    app = App(load_config(index=tmp_path, password=password, keys=tmp_path / "keys.json"))
    with pytest.raises(PasswordNeeded):
        serve(app, "0.0.0.0", 7860, "en")
