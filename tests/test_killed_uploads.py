"""The end of the server in the midst of uploads, gentle or not: nothing is lost, nothing is half, nothing is twice."""

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


def kept(server: ServerProcess) -> list[str]:
    """Every file that uploads left behind."""
    return [name for _, _, names in os.walk(server.brought) for name in names]


def wait_for_files(server: ServerProcess, count: int) -> None:
    """Until uploads have left so many."""
    deadline = time.monotonic() + 30
    while len(kept(server)) != count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def articles(server: ServerProcess) -> dict[str, str]:
    """What the index has, once nobody writes to it."""
    assert not check_integrity(server.index)
    with closing(Catalog.open(server.index)) as catalog:
        assert catalog.copies() == {}
        return {article.id: article.text for article in catalog.articles()}


def version(number: int, count: int = ARTICLES) -> dict[str, str]:
    """The same articles, each time with other texts."""
    chance = random.Random(number)
    words = [begin + end for begin in ("ba", "de", "gi", "lo", "mu") for end in ("nar", "sit", "kel", "vop")]
    return {f"a{each}": f"Number {each} of {number}: {' '.join(chance.choices(words, k=50))}." for each in range(count)}


def lines(sent: dict[str, str]) -> bytes:
    return "".join(json.dumps({"id": each, "text": text}) + "\n" for each, text in sent.items()).encode()


def begin(server: ServerProcess, content_type: str, first: bytes) -> http.client.HTTPConnection:
    """An upload of which only the first part comes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("POST", "/v1/articles")
    connection.putheader("content-type", content_type)
    connection.putheader("transfer-encoding", "chunked")
    connection.putheader("idempotency-key", content_type)
    connection.endheaders()
    connection.send(b"%x\r\n%s\r\n" % (len(first), first))
    return connection


def test_a_client_that_goes_away_leaves_nothing(server: ServerProcess) -> None:
    with closing(begin(server, "application/x-ndjson", b'{"text": "The tram opened in May."}\n{"te')):
        wait_for_files(server, 1)
    wait_for_files(server, 0)
    assert server.get("/v1/jobs")["total"] == 0


def test_killed_while_it_receives(server: ServerProcess) -> None:
    form = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\nThe tram opened'
    connections = [
        begin(server, "multipart/form-data; boundary=x", form),
        begin(server, "application/json", b'[{"text": "The tram opened in May."}, {"te'),
        begin(server, "application/x-ndjson", b'{"text": "The tram opened in May."}\n{"te'),
    ]
    wait_for_files(server, len(connections))
    assert server.get("/v1/jobs")["total"] == 0
    server.kill()
    for connection in connections:
        connection.close()
    server.start()
    assert kept(server) == [] and server.get("/v1/jobs")["total"] == 0 and articles(server) == {}
    headers = NDJSON | {"idempotency-key": NDJSON["content-type"]}
    answer = httpx.post(f"{server.address}/v1/articles", content=lines(version(0)), headers=headers)
    assert answer.status_code == 202 and "idempotency-replayed" not in answer.headers
    assert server.over(answer.json()["id"])["state"] == "done" and articles(server) == version(0)


def test_killed_at_any_moment_it_goes_on_by_itself(server: ServerProcess) -> None:
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
        # Whoever had no answer asks again, and whoever had one may.
        send()
        assert accepted in ([], [answers[-1].json()["id"]])
        job = server.over(answers[-1].json()["id"])
        took = took or time.monotonic() - began
        assert job["state"] == "done" and articles(server) == version(number)
        assert server.get("/v1/jobs")["total"] == before + number


def test_ended_while_it_reads_it_ends_soon_and_goes_on(server: ServerProcess) -> None:
    sent = version(SERVER_KILLS + 2, 8 * ARTICLES)
    job = httpx.post(f"{server.address}/v1/articles", content=lines(sent), headers=NDJSON).json()["id"]
    while server.get(f"/v1/jobs/{job}")["state"] == "queued":
        time.sleep(0.01)
    assert server.end() < 10
    with closing(JobRepository(server.brought.with_name("brought-jobs.sqlite"))) as store:
        assert not store.find(job).is_over
    server.start()
    assert server.over(job)["state"] == "done" and articles(server) == sent


def test_ended_while_it_receives_it_ends_soon_and_keeps_nothing_of_it(server: ServerProcess) -> None:
    before = len(kept(server))
    with closing(begin(server, "application/json", b'[{"text": "The tram opened in May."}, {"te')):
        wait_for_files(server, before + 1)
        assert server.end() < 10
    server.start()
    assert len(kept(server)) == before
    # Of earlier uploads, whose articles were all sent anew, nothing is left.
    assert len(os.listdir(server.brought / "jobs")) <= server.get("/v1/jobs")["total"]  # noqa: PTH208


def test_killed_again_and_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash_upload_worker", str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    # Otherwise the kills came all too early or all too late to prove anything.
    assert found["killed"]["receiving"] and found["killed"]["reading"]
