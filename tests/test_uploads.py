"""Articles uploaded over the API: three kinds of bodies become jobs, which are read, told of, stopped and replayed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ui.api.metrics import Metrics
from ui.app import App
from ui.collections import CollectionFolders
from ui.jobs.jobs import Jobs
from ui.settings import load_settings
from ui.web.collection.library import Library
from ui.web.keeping.conversations import Conversations
from ui.web.serve import ModelsOf, open_collection, open_jobs
from ui.web.server import create_app
from ui.web.site import Site

TRAM = "The tram opened in May. It has 24 stations."
FERRY = "The ferry leaves the old port at noon."
HARBOUR = "أُغلق الميناء القديم يومين بسبب العاصفة."
NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}


@pytest.fixture
def app(tmp_path: Path) -> App:
    places = {name: tmp_path / name for name in ("index", "conversations", "collections", "brought")}
    return App(load_settings(embedder="fake", llm="fake", **places))


@pytest.fixture
def jobs(app: App) -> Iterator[Jobs]:
    with closing(open_jobs(app, CollectionFolders(app.settings.index, app.settings.collections))) as jobs:
        yield jobs


def served(app: App, jobs: Jobs) -> TestClient:
    folders = CollectionFolders(app.settings.index, app.settings.collections)
    app.settings.index.mkdir(parents=True, exist_ok=True)
    update_nothing(app)
    library = Library(folders, partial(open_collection, app, Metrics()))
    site = Site(library, Conversations(app.settings.conversations), ModelsOf(app), jobs)
    return TestClient(create_app(site), "http://127.0.0.1", raise_server_exceptions=True)


def update_nothing(app: App) -> None:
    from index.build import create

    create(app.settings.index)


@pytest.fixture
def client(app: App, jobs: Jobs) -> Iterator[TestClient]:
    with served(app, jobs) as client:
        yield client


def ended(client: TestClient, job: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + 30
    while job["state"] in ("queued", "reading"):
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
        job = client.get(f"/v1/jobs/{job['id']}", headers=headers).json()
    return job


def test_smoke(client: TestClient) -> None:
    r = client.post("/v1/articles", files=[("files", ("a/tram.txt", TRAM)), ("files", ("x.bin", b"\0"))])
    print(r.status_code, r.headers, r.json())
    print(ended(client, r.json()))
    r = client.post("/v1/articles", json=[{"id": "x", "text": FERRY}, {"text": HARBOUR}, {"text": " "}])
    print(r.status_code, r.json())
    print(ended(client, r.json()))
    r = client.post("/v1/articles", json={"id": "x", "text": FERRY + " And returns."})
    print(ended(client, r.json()))
    r = client.post(
        "/v1/articles", content=json.dumps({"id": "x", "text": FERRY + " And returns."}) + "\n{\n", headers=NDJSON
    )
    print(ended(client, r.json(), **{"accept-language": "ar"}))
    print(client.get("/v1/articles").json())
    print(client.get("/v1/jobs").json())
    print(client.get("/openapi.json").json()["paths"]["/v1/articles"]["post"])
