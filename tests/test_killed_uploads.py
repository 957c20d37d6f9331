"""Uploads during which the server is stopped or killed: none is lost, stored in part or stored twice."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from index.indexer import create_index
from index.recovery import check_integrity
from index.storage.catalog import Catalog
from tests.server_process import ServerProcess
from ui.jobs.repository import JobRepository

ROOT = Path(__file__).parent.parent
NDJSON = {"content-type": "application/x-ndjson"}
ARTICLES = 40
KILLS, SERVER_KILLS = 12, 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    place = tmp_path_factory.mktemp("killed")
    create_index(place / "index")
    with ServerProcess(place) as server:
        yield server


def stored_files(server: ServerProcess) -> list[str]:
    """Every file stored by uploads."""
    return [name for _, _, names in os.walk(server.uploads) for name in names]


def wait_for_files(server: ServerProcess, count: int) -> None:
    """Waits until uploads have stored so many files."""
    deadline = time.monotonic() + 30
    while len(stored_files(server)) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def indexed_articles(server: ServerProcess) -> dict[str, str]:
    """The texts in the index, by article id; nothing may be writing to it."""
    assert not check_integrity(server.index)
    with closing(Catalog.open(server.index)) as catalog:
        assert catalog.copies() == {}
        return {article.id: article.text for article in catalog.articles()}


def version(number: int, count: int = ARTICLES) -> dict[str, str]:
    """The same article ids, with other texts for each number."""
    chance = random.Random(number)
    words = [begin + end for begin in ("ba", "de", "gi", "lo", "mu") for end in ("nar", "sit", "kel", "vop")]
    return {f"a{each}": f"Number {each} of {number}: {' '.join(chance.choices(words, k=50))}." for each in range(count)}


def lines(sent: dict[str, str]) -> bytes:
    return "".join(json.dumps({"id": each, "text": text}) + "\n" for each, text in sent.items()).encode()


def begin_upload(server: ServerProcess, content_type: str, first: bytes) -> http.client.HTTPConnection:
    """Starts an upload and sends only its first part."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("POST", "/v1/articles")
    connection.putheader("content-type", content_type)
    connection.putheader("transfer-encoding", "chunked")
    connection.putheader("idempotency-key", content_type)
    connection.endheaders()
    connection.send(b"%x\r\n%s\r\n" % (len(first), first))
    return connection


def test_upload_of_disconnected_client_is_discarded(server: ServerProcess) -> None:
    with closing(begin_upload(server, "application/x-ndjson", b'{"text": "The tram opened in May."}\n{"te')):
        wait_for_files(server, 1)
    wait_for_files(server, 0)
    assert server.get("/v1/jobs")["total"] == 0


def test_upload_is_discarded_when_killed_while_receiving(server: ServerProcess) -> None:
    form = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\nThe tram opened'
    connections = [
        begin_upload(server, "multipart/form-data; boundary=x", form),
        begin_upload(server, "application/json", b'[{"text": "The tram opened in May."}, {"te'),
        begin_upload(server, "application/x-ndjson", b'{"text": "The tram opened in May."}\n{"te'),
    ]
    wait_for_files(server, len(connections))
    assert server.get("/v1/jobs")["total"] == 0
    server.kill()
    for connection in connections:
        connection.close()
    server.start()
    assert stored_files(server) == [] and server.get("/v1/jobs")["total"] == 0 and indexed_articles(server) == {}
    headers = NDJSON | {"idempotency-key": NDJSON["content-type"]}
    answer = httpx.post(f"{server.address}/v1/articles", content=lines(version(0)), headers=headers)
    assert answer.status_code == 202 and "idempotency-replayed" not in answer.headers
    assert server.over(answer.json()["id"])["state"] == "done" and indexed_articles(server) == version(0)


def test_upload_resumes_after_kill_at_any_moment(server: ServerProcess) -> None:
    chance = random.Random(11)
    took, before = 0.0, server.get("/v1/jobs")["total"]
    for number in range(1, SERVER_KILLS + 2):
        began, answers = time.monotonic(), list[httpx.Response]()

        def send(number: int = number, answers: list[httpx.Response] = answers) -> None:
            headers = NDJSON | {"idempotency-key": str(number)}
            try:
                answers.append(
                    httpx.post(f"{server.address}/v1/articles", content=lines(version(number)), headers=headers)
                )
            except httpx.TransportError:
                return  # killed before it could answer

        sending = threading.Thread(target=send)
        sending.start()
        if took:
            time.sleep(chance.uniform(0, took))
            server.kill()
            sending.join()
            server.start()
        sending.join()
        accepted = [answer.json()["id"] for answer in answers]
        # A client without a response retries, and one with a response may.
        send()
        assert accepted in ([], [answers[-1].json()["id"]])
        job = server.over(answers[-1].json()["id"])
        took = took or time.monotonic() - began
        assert job["state"] == "done" and indexed_articles(server) == version(number)
        assert server.get("/v1/jobs")["total"] == before + number


def test_upload_resumes_after_sigterm_during_ingest(server: ServerProcess) -> None:
    sent = version(SERVER_KILLS + 2, 8 * ARTICLES)
    job = httpx.post(f"{server.address}/v1/articles", content=lines(sent), headers=NDJSON).json()["id"]
    while server.get(f"/v1/jobs/{job}")["state"] == "queued":
        time.sleep(0.01)
    assert server.end() < 10
    with closing(JobRepository(server.uploads.with_name("uploads-jobs.sqlite"))) as store:
        assert not store.find(job).is_over
    server.start()
    assert server.over(job)["state"] == "done" and indexed_articles(server) == sent


def test_upload_is_discarded_on_sigterm_while_receiving(server: ServerProcess) -> None:
    before = len(stored_files(server))
    with closing(begin_upload(server, "application/json", b'[{"text": "The tram opened in May."}, {"te')):
        wait_for_files(server, before + 1)
        assert server.end() < 10
    server.start()
    assert len(stored_files(server)) == before
    # Earlier uploads, whose articles were all replaced, leave no files.
    assert len(os.listdir(server.uploads / "jobs")) <= server.get("/v1/jobs")["total"]  # noqa: PTH208


def test_upload_survives_repeated_kills(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash_upload_worker", str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    # Otherwise every kill came too early or too late to prove anything.
    assert found["killed"]["receiving"] and found["killed"]["reading"]
