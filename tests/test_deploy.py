"""Files in deploy/: the commands, options and settings in them exist; systemd and the proxies accept them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from starlette.responses import PlainTextResponse

from ui.cli import jawab
from ui.config import QueueSettings, UploadSettings, known_variables, load_config
from ui.queue.shutdown import ShutdownTimeouts
from ui.server.serve import server_config

DEPLOY = Path(__file__).parent.parent / "deploy"
FILES = sorted(path for path in DEPLOY.iterdir() if path.is_file())
UNIT = (DEPLOY / "jawab.service").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()
CADDY = (DEPLOY / "Caddyfile").read_text()
CONTAINER = (DEPLOY / "Containerfile").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_environment_variable_is_known(path: Path) -> None:
    assert set(re.findall(r"\bJAWAB_[A-Z_]+", path.read_text(encoding="utf-8"))) <= known_variables()


def test_log_setting_is_valid() -> None:
    for text in (UNIT, CONTAINER):
        (chosen,) = re.findall(r"JAWAB_LOG=(\w+)", text)
        assert load_config(log=chosen).messages.log == "json"


@pytest.mark.parametrize("words", [UNIT, CONTAINER, (DEPLOY / "README.md").read_text()])
def test_every_command_and_option_exists(words: str) -> None:
    container = re.search(r"^CMD (\[.*\])$", words, re.MULTILINE)
    lines = re.findall(r"(?:/opt/jawab/bin/jawab|^podman run --rm .* jawab) (.+)$", words, re.MULTILINE)
    lines += [" ".join(re.findall(r'"([^"]+)"', container[1]))] if container else []
    assert lines
    for line in lines:
        first, *rest = line.split()
        command = jawab.commands[first]
        while isinstance(command, click.Group) and rest and rest[0] in command.commands:
            command = command.commands[rest.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, line


def test_container_sources_exist_locally() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, re.MULTILINE):
        *sources, _ = line.split()
        assert all((DEPLOY.parent / source).exists() for source in sources), line
    hosts = re.findall(r"https?://([\w.]+)", CONTAINER + UNIT)
    assert set(hosts) <= {"127.0.0.1"}


def test_systemd_stop_timeout_exceeds_shutdown_time() -> None:
    from ui.server.uvicorn_server import KILL_MARGIN_SECONDS

    (most,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert ShutdownTimeouts().in_all + KILL_MARGIN_SECONDS < 10 < int(most)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_accepts_unit_file(tmp_path: Path) -> None:
    unit = tmp_path / "jawab.service"
    unit.write_text(UNIT.replace("/opt/jawab/bin/jawab", "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


class TestProxies:
    def test_upstream_address_matches_service(self) -> None:
        (port,) = re.findall(r"--port (\d+)$", re.findall(r"^ExecStart=(.+)$", UNIT, re.MULTILINE)[0])
        assert f"server 127.0.0.1:{port};" in NGINX and f"reverse_proxy 127.0.0.1:{port} " in CADDY

    def test_body_limit_exceeds_upload_limit(self) -> None:
        for largest in (re.findall(r"client_max_body_size (\d+)m;", NGINX), re.findall(r"max_size (\d+)MB", CADDY)):
            assert int(*largest) * 1_000_000 > UploadSettings().max_bytes

    def test_read_timeout_exceeds_longest_answer(self) -> None:
        for minutes in (re.findall(r"proxy_read_timeout (\d+)m;", NGINX), re.findall(r"header_timeout (\d+)m", CADDY)):
            assert int(*minutes) * 60 > QueueSettings().max_seconds

    def test_keepalive_timeout_is_shorter_than_servers(self) -> None:
        closed_after = server_config(PlainTextResponse("")).timeout_keep_alive
        for seconds in (re.findall(r"keepalive_timeout (\d+)s;", NGINX), re.findall(r"keepalive (\d+)s", CADDY)):
            assert int(*seconds) < closed_after

    def test_answers_and_uploads_stream(self) -> None:
        assert "proxy_buffering off;" in NGINX and "proxy_request_buffering off;" in NGINX
        assert "flush_interval -1" in CADDY

    def test_client_cannot_spoof_its_address(self) -> None:
        assert "X-Forwarded-For $remote_addr;" in NGINX and "$proxy_add_x_forwarded_for" not in NGINX
        assert "trusted_proxies" not in CADDY

    @pytest.mark.skipif(not (shutil.which("nginx") and shutil.which("openssl")), reason="nginx is not here")
    def test_nginx_accepts_its_config(self, tmp_path: Path) -> None:
        files = ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=jawab.example", *files],
            capture_output=True, check=True,
        )  # fmt: skip
        (tmp_path / "jawab.conf").write_text(NGINX.replace("/etc/jawab/tls", str(tmp_path)))
        places = "".join(
            f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        whole = tmp_path / "nginx.conf"
        whole.write_text(
            f"pid {tmp_path}/nginx.pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {places} include {tmp_path}/jawab.conf; }}\n"
        )
        command = ["nginx", "-t", "-c", str(whole), "-e", "stderr"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr

    @pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not here")
    def test_caddy_accepts_its_config(self, tmp_path: Path) -> None:
        checked = subprocess.run(
            ["caddy", "validate", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"],
            capture_output=True, text=True, check=False, env=os.environ | {"XDG_DATA_HOME": str(tmp_path)},
        )  # fmt: skip
        assert checked.returncode == 0, checked.stderr
