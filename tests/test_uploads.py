"""Article uploads over the API: three kinds of bodies become jobs, which are run, reported, cancelled and replayed."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from index.errors import DiskFull, IndexLocked
from index.indexer import Progress, create_index, update_index
from index.planner import IndexingReport
from index.storage.lock import FILE, write_lock
from index.storage.writing import writing
from tests.test_render import HOSTILE
from ui.api.body_parsers.kinds import body_of
from ui.api.examples import UPLOADED, UPLOADED_LINES
from ui.app import App
from ui.collections.repository import CollectionRepository
from ui.config import UploadSettings, load_config
from ui.conversations.repository import ConversationRepository
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue
from ui.jobs.repository import JobRepository, store_of
from ui.jobs.spool import files_of
from ui.jobs.uploaded_files import UploadedFiles
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import LoadedModels, open_collection, open_jobs
from ui.services import Services
from ui.telemetry.telemetry import Telemetry

TRAM = "The tram opened in May. It has 24 stations."
FERRY = "The ferry leaves the old port at noon."
HARBOUR = "أُغلق الميناء القديم يومين بسبب العاصفة."
UPLOAD = "/v1/articles"
NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}
ARABIC = {"accept-language": "ar"}
BOUNDARY = {"content-type": "multipart/form-data; boundary=x"}
FORM = b"--x\r\ncontent-disposition: form-data; name=%s\r\n\r\n"


@pytest.fixture(autouse=True, scope="module")
def _without_page() -> Iterator[None]:
    """Building the Gradio page takes seconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ui.server.app.mount_page", lambda app, services: None)
        yield


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_in(tmp_path)


def app_in(tmp_path: Path) -> App:
    """Jawab with the fake models and an empty index."""
    places = {name: tmp_path / name for name in ("index", "conversations", "collections", "uploads")}
    create_index(places["index"])
    return App(load_config(embedder="fake", llm="fake", **places))


def folders_of(app: App) -> CollectionRepository:
    return CollectionRepository(app.config.paths.index, app.config.paths.collections)


@contextmanager
def served(app: App, jobs: JobQueue) -> Iterator[TestClient]:
    """A running server with this job queue."""
    library = CollectionRegistry(folders_of(app), partial(open_collection, app, Telemetry()))
    site = Services(library, ConversationRepository(app.config.paths.conversations), LoadedModels(app), jobs)
    with closing(jobs), TestClient(create_app(site), "http://127.0.0.1") as client:
        jobs.start()
        yield client


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    with served(app, open_jobs(app, folders_of(app))) as client:
        yield client


def wait_until(client: TestClient, answer: Any, *states: str, **headers: str) -> dict[str, Any]:
    """The job once it is in one of the states, by default once it has ended."""
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    deadline = time.monotonic() + 30
    while job["state"] not in (states or ("done", "failed", "stopped")):
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
        job = client.get(f"/v1/jobs/{job['id']}", headers=headers).json()
    return job


def summary_of(client: TestClient, **upload: Any) -> dict[str, Any]:
    """The summary of a finished upload."""
    job = wait_until(client, client.post(UPLOAD, **upload))
    assert job["state"] == "done", job
    summary: dict[str, Any] = job["summary"]
    return summary


def texts(client: TestClient) -> dict[str, str]:
    """All articles of the list, each fetched by itself."""
    ids = [one["id"] for one in client.get(UPLOAD, params={"limit": 500}).json()["articles"]]
    assert len(ids) == len(set(ids))
    return {each: client.get(f"{UPLOAD}/{each}").json()["text"] for each in ids}


def stored_files(app: App) -> list[Path]:
    """Every file that uploads left behind; folders may be deleted meanwhile."""
    return [Path(folder, name) for folder, _, names in os.walk(app.config.paths.uploads / "jobs") for name in names]


class TestUploadBodies:
    def test_multipart_files(self, client: TestClient, app: App) -> None:
        files = [
            ("files", (name, text)) for name, text in (("news/tram.txt", TRAM), ("ميناء.md", HARBOUR), ("x.bin", "?"))
        ]
        answer = client.post(UPLOAD, files=files)
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
        job = wait_until(client, answer)
        assert (job["files"], job["bytes"], job["collection"]) == (3, len((TRAM + HARBOUR).encode()) + 1, "first")
        assert job["read"] == job["to_read"] == 2 and job["looked_at"] == job["to_look_at"] == 2
        assert sorted(job["summary"]["added"]) == ["tram", "ميناء"]
        (skipped,) = job["summary"]["skipped"]
        assert (skipped["path"], skipped["reason"]) == ("x.bin", "unknown_format")
        assert texts(client) == {"tram": TRAM, "ميناء": HARBOUR}
        # The index remembers where articles came from.
        assert len(stored_files(app)) == 3

    def test_json_article_and_list(self, client: TestClient) -> None:
        whole = {"id": "tram", "text": TRAM, "title": "The tram", "date": "4 May 2021", "author": "A", "lang": "en"}
        assert summary_of(client, json=whole | {"url": "https://example.org/1", "more": [1]})["added"] == ["tram"]
        article = client.get(f"{UPLOAD}/tram").json()
        assert article["date"] == "2021-05-04" and article["source"] == "https://example.org/1"
        assert (article["title"], article["author"]) == ("The tram", "A")
        told = summary_of(client, json=[{"id": 17, "text": FERRY}, {"text": " "}, {"text": HARBOUR, "title": None}])
        assert told["added"][0] == "17" and len(told["added"]) == 2
        assert [(one["path"], one["line"], one["reason"]) for one in told["skipped"]] == [("articles", 2, "empty")]

    def test_ndjson_lines(self, client: TestClient) -> None:
        lines = [
            json.dumps({"id": "tram", "text": TRAM}),
            "",
            "{",
            json.dumps({"text": 3}),
            '{"text": "' + FERRY + '"}',
        ]
        told = summary_of(client, content="\n".join(lines).encode(), headers=NDJSON | ARABIC)
        assert len(told["added"]) == 2
        assert [(one["line"], one["reason"]) for one in told["skipped"]] == [(3, "broken_json"), (4, "no_text_field")]

    def test_body_in_small_pieces_is_parsed_alike(self, tmp_path: Path) -> None:
        article = json.dumps([{"id": "a", "text": HARBOUR}, {"id": "b", "text": FERRY}], ensure_ascii=False)
        form = FORM % b"files; filename=c.txt" + HARBOUR.encode() + b"\r\n--x--\r\n"
        for content, headers in ((article.encode(), JSON), (form, BOUNDARY), (article.encode() + b"\n\n{", NDJSON)):
            found = []
            for size in (1, 7, len(content)):
                folder = tmp_path / headers["content-type"].replace("/", "-") / str(size)
                with closing(body_of([headers["content-type"]], folder, UploadSettings())) as body:
                    for at in range(0, len(content), size):
                        body.write(content[at : at + size])
                    body.finish()
                files = {path.name: path.read_bytes() for path in files_of(folder)}
                found.append((body.digest, body.upload_directory.files, body.upload_directory.size, files))
            assert found[0] == found[1] == found[2] and found[0][3]

    def test_ndjson_is_split_and_keeps_line_numbers(
        self, client: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ui.jobs.spool._MAX_LINES", 3)
        lines = [json.dumps({"id": f"n{number}", "text": f"{FERRY} {number}"}) for number in range(8)]
        lines[5] = "broken"
        told = summary_of(client, content="\n".join(lines), headers=NDJSON)
        assert len(told["added"]) == 7 and told["skipped"][0]["line"] == 6
        assert [path.name for path in sorted(stored_files(app))] == [f"articles-{first}.jsonl" for first in (1, 4, 7)]

    def test_upload_goes_to_named_collection(self, client: TestClient, app: App) -> None:
        other = folders_of(app).make("Other").id
        params = {"collection": other}
        assert summary_of(client, params=params, json={"id": "tram", "text": TRAM})["added"] == ["tram"]
        form: dict[str, Any] = {"files": {"files": ("ferry.txt", FERRY)}, "data": {"collection": other}}
        assert summary_of(client, **form)["added"] == ["ferry"]
        assert client.get(UPLOAD, params=params).json()["total"] == 2 and texts(client) == {}
        mixed = client.post(UPLOAD, params={"collection": "first"}, **form)
        assert mixed.status_code == 422 and mixed.json()["errors"][0]["at"] == ["body", "collection"]

    def test_file_names_cannot_escape_upload_folder(self, client: TestClient, app: App) -> None:
        names: list[str] = [*HOSTILE, "../../x.txt", "/etc/x.txt", "..\\x.txt", "a/b", "\0.txt", "م" * 300]
        sent = [each for name in names for each in (name, name, f"{name}/in/it.txt")]
        files = [("files", (name, TRAM)) for name in sent]
        job = wait_until(client, client.post(UPLOAD, files=files))
        assert job["state"] == "done" and job["files"] == len(files)
        place = (app.config.paths.uploads / "jobs" / job["id"] / "files").resolve()
        found = [path.resolve() for path in app.config.paths.uploads.parent.rglob("*.txt")]
        assert len(found) > len(names) and all(path.is_relative_to(place) for path in found)

    def test_file_may_share_name_with_folder(self, client: TestClient) -> None:
        files = [("files", ("a", "x")), ("files", ("a/tram.txt", TRAM)), ("files", ("a/tram.txt", FERRY))]
        assert len(summary_of(client, files=files)["added"]) == 2


class TestRepeatedUpload:
    def test_id_identifies_article_across_uploads(self, client: TestClient) -> None:
        first = [{"id": "tram", "text": TRAM}, {"id": "ferry", "text": FERRY}]
        assert summary_of(client, json=first)["added"] == ["tram", "ferry"]
        again = summary_of(client, json=first)
        assert (again["added"], again["updated"], again["unchanged"]) == ([], [], 2)
        changed = json.dumps({"id": "tram", "text": TRAM + " All of them are open."})
        told = summary_of(client, content=changed, headers=NDJSON)
        assert (told["added"], told["updated"], told["unchanged"]) == ([], ["tram"], 0)
        assert texts(client) == {"tram": TRAM + " All of them are open.", "ferry": FERRY}

    def test_article_without_id_is_matched_by_name_and_text(self, client: TestClient) -> None:
        def send(text: str) -> dict[str, Any]:
            return summary_of(client, files={"files": ("tram.txt", text)})

        assert send(TRAM)["added"] == ["tram"]
        assert send(TRAM)["unchanged"] == 1
        (other,) = send(FERRY)["added"]
        assert texts(client) == {"tram": TRAM, other: FERRY}
        assert summary_of(client, json={"text": HARBOUR})["added"]
        assert summary_of(client, json={"text": HARBOUR})["unchanged"] == 1

    def test_ids_that_sanitize_alike_stay_distinct(self, client: TestClient) -> None:
        sent = [{"id": "https://a.org/b", "text": TRAM}, {"id": "https:-a.org-b", "text": FERRY}]
        first = summary_of(client, json=sent)["added"]
        assert len(set(first)) == 2 and first[1] == "https:-a.org-b"
        assert summary_of(client, json=list(reversed(sent)))["unchanged"] == 2
        assert summary_of(client, json=sent[0] | {"text": HARBOUR})["updated"] == [first[0]]
        assert texts(client) == dict(zip(first, (HARBOUR, FERRY), strict=True))

    def test_duplicate_id_in_upload_makes_two_articles(self, client: TestClient) -> None:
        twice = [{"id": "tram", "text": TRAM}, {"id": "tram", "text": FERRY}]
        assert len(summary_of(client, json=twice)["added"]) == 2
        assert summary_of(client, json=twice)["unchanged"] == 2

    def test_article_ingested_from_folder_is_not_replaced(
        self, client: TestClient, app: App, write: Callable[[str, str], Path]
    ) -> None:
        path = write("tram.txt", TRAM)
        update_index(app.config.paths.index, [path.parent], app.components.embedder)
        (own,) = summary_of(client, json={"id": "tram", "text": FERRY})["added"]
        assert summary_of(client, json={"id": "tram", "text": HARBOUR})["updated"] == [own]
        assert texts(client) == {"tram": TRAM, own: HARBOUR}

    def test_unused_upload_files_are_deleted(self, client: TestClient, app: App) -> None:
        summary_of(client, json={"id": "tram", "text": TRAM})
        before = stored_files(app)
        summary_of(client, json={"id": "tram", "text": TRAM})
        deadline = time.monotonic() + 10
        while stored_files(app) != before:
            assert time.monotonic() < deadline


WRONG: list[tuple[int, str, dict[str, Any]]] = [
    (422, "empty_upload", {"json": []}),
    (422, "empty_upload", {"content": b"\n \n", "headers": NDJSON}),
    (422, "empty_upload", {"content": b"", "headers": NDJSON}),
    (422, "empty_upload", {"content": b"--x--", "headers": BOUNDARY}),
    (422, "empty_upload", {"files": {"collection": (None, "first")}}),
    (422, "empty_upload", {"content": FORM % b"files; filename=" + b"x" * 999 + b"\r\n--x--", "headers": BOUNDARY}),
    (422, "invalid_body", {"content": b"", "headers": JSON}),
    (422, "invalid_body", {"content": b"[", "headers": JSON}),
    (422, "invalid_body", {"content": b'[{"text": "a"}] x', "headers": JSON}),
    (422, "invalid_body", {"content": b'{"text": "\xff"}', "headers": JSON}),
    (422, "invalid_body", {"content": b'{"text": NaN}', "headers": JSON}),
    (422, "invalid_body", {"content": b'{"id": ' + b"9" * 5000 + b"}", "headers": JSON}),
    (422, "invalid_body", {"content": b"[" * 1_000_000, "headers": JSON}),
    (422, "invalid_body", {"content": b'{"text": "a"}'.decode().encode("utf-16"), "headers": JSON}),
    (422, "invalid_body", {"content": b"x", "headers": BOUNDARY}),
    (422, "invalid_body", {"content": b"", "headers": BOUNDARY}),
    (422, "invalid_body", {"content": b"x", "headers": {"content-type": "multipart/form-data"}}),
    (
        422,
        "invalid_body",
        {"content": b"x", "headers": {"content-type": BOUNDARY["content-type"] + "x" * 99}},
    ),
    (422, "invalid", {"json": 3}),
    (422, "invalid", {"json": "text"}),
    (422, "invalid", {"json": {}}),
    (422, "invalid", {"json": {"text": ""}}),
    (422, "invalid", {"json": {"text": 3}}),
    (422, "invalid", {"json": [{"text": "a"}, [{"text": "b"}]]}),
    (422, "invalid", {"json": {"text": "a", "id": 2**60}}),
    (422, "invalid", {"json": {"text": "a", "id": True}}),
    (422, "invalid", {"json": {"text": "a", "lang": "fr"}}),
    (422, "invalid", {"files": {"files": ("a.txt", "a")}, "data": {"other": "x"}}),
    (422, "invalid", {"files": {"files": ("a.txt", "a")}, "data": {"collection": ["first", "first"]}}),
    (422, "invalid", {"files": {"files": ("a.txt", "a")}, "data": {"collection": "x" * 400}}),
    (422, "invalid", {"json": {"text": "a"}, "headers": {"idempotency-key": ""}}),
    (422, "invalid", {"json": {"text": "a"}, "headers": {"idempotency-key": "x" * 256}}),
    (404, "collection_missing", {"json": {"text": "a"}, "params": {"collection": "no/such\0"}}),
    (404, "collection_missing", {"files": {"files": ("a.txt", "a")}, "data": {"collection": "none"}}),
    (415, "unsupported_media_type", {"content": b"x"}),
    (415, "unsupported_media_type", {"content": b"x", "headers": {"content-type": "text/plain"}}),
    (415, "unsupported_media_type", {"content": b"x", "headers": {"content-type": "application/json; charset=utf-16"}}),
    (415, "unsupported_media_type", {"content": b"x", "headers": [("content-type", "application/json")] * 2}),
    (403, "forbidden", {"files": {"files": ("a.txt", "a")}, "headers": {"sec-fetch-site": "cross-site"}}),
    (403, "forbidden", {"files": {"files": ("a.txt", "a")}, "headers": {"origin": "https://evil.example"}}),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, App]]:
    """One server for all rejected uploads, since they leave it unchanged."""
    app = app_in(tmp_path_factory.mktemp("refusing"))
    with served(app, open_jobs(app, folders_of(app))) as client:
        yield client, app


class TestRejectedUploads:
    @pytest.mark.parametrize(("status", "code", "upload"), WRONG)
    def test_rejection_is_localized_problem_and_stores_nothing(
        self, refusing: tuple[TestClient, App], status: int, code: str, upload: dict[str, Any]
    ) -> None:
        client, app = refusing
        given = upload.get("headers", [])
        for language, letters in (("ar", "[\u0600-\u06ff]"), ("en", "^[^\u0600-\u06ff]+$")):
            headers = [*(given.items() if isinstance(given, dict) else given), ("accept-language", language)]
            answer = client.post(UPLOAD, **upload | {"headers": headers})
            told = answer.json()
            assert (answer.status_code, told["code"], told["status"]) == (status, code, status)
            assert answer.headers["content-type"] == "application/problem+json"
            assert re.search(letters, told["detail"])
        assert stored_files(app) == [] and client.get("/v1/jobs").json()["total"] == 0

    def test_upload_over_limit_returns_413(self, client: TestClient, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        limits = UploadSettings.model_construct(max_files=2, max_bytes=5000)
        monkeypatch.setattr(client.app.state.services.jobs, "limits", limits)  # type: ignore[attr-defined]
        monkeypatch.setattr("ui.jobs.spool.MAX_LINE_BYTES", 1000)
        monkeypatch.setattr("ui.api.body_parsers.articles.MAX_LINE_BYTES", 1000)
        monkeypatch.setattr("ui.api.body_parsers.ndjson.MAX_LINE_BYTES", 1000)
        uploads: list[tuple[str, dict[str, Any]]] = [
            ("upload_too_large", {"files": [("files", (f"{number}.txt", "x")) for number in range(3)]}),
            ("upload_too_large", {"files": {"files": ("a.txt", "x" * 5001)}}),
            ("upload_too_large", {"content": b"\n" * 5001, "headers": NDJSON}),
            ("upload_too_large", {"content": iter([b"[", *[b'{"text": "a"},'] * 500]), "headers": JSON}),
            ("article_too_large", {"content": b" " * 1001, "headers": NDJSON}),
            ("article_too_large", {"content": json.dumps({"text": "x" * 1001}), "headers": NDJSON}),
            ("article_too_large", {"content": json.dumps([{"text": "x" * 1001}]), "headers": JSON}),
            ("article_too_large", {"content": b'{"text": "' + b"x" * 1001, "headers": JSON}),
        ]
        for code, upload in uploads:
            answer = client.post(UPLOAD, **upload)
            assert (answer.status_code, answer.json()["code"]) == (413, code)
        assert stored_files(app) == [] and client.get("/v1/jobs").json()["total"] == 0

    def test_limits_are_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JAWAB_UPLOAD__MAX_FILES", "2")
        app = app_in(tmp_path)
        files = [("files", (f"{number}.txt", "x")) for number in range(3)]
        with served(app, open_jobs(app, folders_of(app))) as client:
            assert client.post(UPLOAD, files=files[:2]).status_code == 202
            assert client.post(UPLOAD, files=files).json()["code"] == "upload_too_large"

    @pytest.mark.parametrize("odd", ["\0", "\udc80", "'", '"', "%", "../..", "﷽" * 900, "\u202e", "id\n", " "])
    def test_unusual_characters_cause_no_server_error(self, client: TestClient, odd: str) -> None:
        body = json.dumps({field: odd for field in ("id", "text", "title", "date", "source", "url", "author")})
        for headers in (JSON, NDJSON):
            answer = client.post(UPLOAD, content=body, headers=headers)
            assert answer.status_code in (202, 422)
            if answer.status_code == 202:
                assert wait_until(client, answer)["state"] == "done"
        quoted = odd.encode("utf-8", "surrogatepass")
        for address in ("/v1/articles/", "/v1/jobs/"):
            path = address + "".join(f"%{byte:02x}" for byte in quoted)
            for method in ("GET", "DELETE"):
                assert client.request(method, path).status_code in (200, 204, 404, 405)
        for parameter in ("words", "publisher", "collection"):
            answer = client.get("/v1/articles?" + parameter + "=" + "".join(f"%{byte:02x}" for byte in quoted))
            assert answer.status_code in (200, 404, 422)


class BlockingWriter:
    """An index writer that blocks until `free` is set, and then does the real work."""

    def __init__(self, app: App) -> None:
        self._real = IndexWriter(folders_of(app), lambda: app.components.embedder, UploadedFiles.of(app.config))
        self.under_way: list[str] = []
        self.free = False
        self.fails: Exception | None = None

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        self.under_way.append(files[0].read_text())
        while not self.free:
            progress.looked(0, len(files))
            time.sleep(0.01)
        if self.fails:
            raise self.fails
        return self._real.read(collection, files, progress)

    def is_away(self, collection: str) -> bool:
        return self._real.is_away(collection)

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        return self._real.has_articles_of(collection, folder)


class TestJobQueue:
    @pytest.fixture
    def writer(self, app: App) -> BlockingWriter:
        return BlockingWriter(app)

    @pytest.fixture
    def client(self, app: App, writer: BlockingWriter) -> Iterator[TestClient]:
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            yield client

    def test_queue_runs_jobs_of_collection_serially(self, client: TestClient, app: App, writer: BlockingWriter) -> None:
        other = folders_of(app).make("Other").id
        answers = [client.post(UPLOAD, json={"text": text}) for text in ("one", "two", "three")]
        beside = client.post(UPLOAD, json={"text": "beside"}, params={"collection": other})
        wait_until(client, answers[0], "reading")
        wait_until(client, beside, "reading")
        assert sorted(json.loads(text)["text"] for text in writer.under_way) == ["beside", "one"]
        writer.free = True
        assert all(wait_until(client, answer)["state"] == "done" for answer in (*answers, beside))
        assert [text for text in map(lambda line: json.loads(line)["text"], writer.under_way) if text != "beside"] == [
            "one", "two", "three",
        ]  # fmt: skip

    def test_job_list_is_newest_first_with_pagination(self, client: TestClient, writer: BlockingWriter) -> None:
        writer.free = True
        sent = [wait_until(client, client.post(UPLOAD, json={"text": f"{FERRY} {n}"}))["id"] for n in range(5)]
        found, after = [], 0
        while after is not None:
            part = client.get("/v1/jobs", params={"limit": 2, "after": after}).json()
            found += [job["id"] for job in part["jobs"]]
            after = part["next"]
        assert found == sent[::-1] and part["total"] == 5
        assert client.get("/v1/jobs", params={"limit": 0}).status_code == 422

    def test_cancelled_job_leaves_nothing(self, client: TestClient, app: App, writer: BlockingWriter) -> None:
        reading, queued, last = (client.post(UPLOAD, json={"text": text}) for text in (TRAM, FERRY, HARBOUR))
        wait_until(client, reading, "reading")
        assert client.post(f"/v1/jobs/{queued.json()['id']}/stop").json()["state"] == "stopped"
        stopped = client.post(f"/v1/jobs/{reading.json()['id']}/stop")
        assert wait_until(client, stopped)["state"] == "stopped"
        assert client.post(f"/v1/jobs/{reading.json()['id']}/stop").status_code == 202
        writer.free = True
        assert wait_until(client, last)["state"] == "done"
        assert list(texts(client).values()) == [HARBOUR] and len(stored_files(app)) == 1

    def test_cancel_of_finished_job_is_rejected(self, client: TestClient, writer: BlockingWriter) -> None:
        writer.free = True
        job = wait_until(client, client.post(UPLOAD, json={"text": TRAM}))
        refused = client.post(f"/v1/jobs/{job['id']}/stop", headers=ARABIC)
        assert (
            refused.status_code == 409
            and refused.json()["code"] == "job_finished"
            and "انتهت" in refused.json()["detail"]
        )
        for method, path in (("GET", "/v1/jobs/none"), ("POST", "/v1/jobs/none/stop")):
            missing = client.request(method, path)
            assert missing.status_code == 404 and missing.json()["code"] == "job_missing"

    def test_job_waits_while_index_is_locked(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ui.jobs.job_queue._RETRY_SECONDS", 0.05)
        with served(app, open_jobs(app, folders_of(app))) as client:
            with write_lock(app.config.paths.index):
                waits = client.post(UPLOAD, json={"text": TRAM})
                stopped = client.post(UPLOAD, json={"text": FERRY})
                time.sleep(0.3)
                assert client.get(f"/v1/jobs/{waits.json()['id']}").json()["state"] in ("queued", "reading")
                client.post(f"/v1/jobs/{stopped.json()['id']}/stop")
            assert wait_until(client, waits)["state"] == "done"
            assert wait_until(client, stopped)["state"] == "stopped"
            assert list(texts(client).values()) == [TRAM]

    def test_failed_job_reports_problem_and_queue_continues(
        self, client: TestClient, app: App, writer: BlockingWriter
    ) -> None:
        writer.free = True
        assert texts(client) == {}
        with writing(app.config.paths.index) as catalog:
            catalog.set_embedder("another")
        failed = wait_until(client, client.post(UPLOAD, json={"text": TRAM}), **ARABIC)
        assert failed["state"] == "failed" and failed["problem"]["code"] == "index_mismatch"
        assert "another" in failed["problem"]["detail"] and "النموذج" in failed["problem"]["detail"]
        with writing(app.config.paths.index) as catalog:
            catalog.set_embedder(app.components.embedder.fingerprint)
        writer.fails = RuntimeError("a fault")
        broken = wait_until(client, client.post(UPLOAD, json={"text": FERRY}))
        assert (broken["state"], broken["problem"]["code"], broken["problem"]["status"]) == (
            "failed",
            "job_failed",
            500,
        )
        writer.fails = None
        assert wait_until(client, client.post(UPLOAD, json={"text": HARBOUR}))["state"] == "done"
        assert list(texts(client).values()) == [HARBOUR] and len(stored_files(app)) == 1

    def test_failed_write_to_job_store_is_retried(
        self, client: TestClient, app: App, writer: BlockingWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ui.jobs.job_queue._RETRY_SECONDS", 0.02)
        writer.free = True
        for method in ("next_of", "change", "finish"):
            failing = FailingTwice(getattr(JobRepository, method))
            monkeypatch.setattr(JobRepository, method, lambda store, *given, failing=failing: failing(store, *given))
            job = wait_until(client, client.post(UPLOAD, json={"text": f"{TRAM} {method}"}))
            assert job["state"] == "done" and failing.failures == []
        assert len(texts(client)) == 3


class FailingTwice:
    """A method that fails with a full disk, then with a locked index, before it works."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.failures: list[Exception] = [DiskFull(folder="x"), IndexLocked(folder="x")]

    def __call__(self, *given: Any) -> Any:
        if self.failures:
            raise self.failures.pop()
        return self._method(*given)


class TestRemovedCollection:
    """Uploads to a collection that is removed before they are ingested."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ui.jobs.job_queue._RETRY_SECONDS", 0.05)

    @pytest.fixture
    def other(self, app: App) -> str:
        return folders_of(app).make("Other").id

    def accepted(self, app: App, client: TestClient, collection: str) -> Any:
        """The response to an upload whose collection is removed while its job runs."""
        answer = client.post(UPLOAD, json={"id": "tram", "text": TRAM}, params={"collection": collection})
        wait_until(client, answer, "reading")
        library: CollectionRegistry = client.app.state.services.collections  # type: ignore[attr-defined]
        library.remove(collection)
        return answer

    def test_job_waits_until_collection_is_restored(self, app: App, other: str) -> None:
        writer = BlockingWriter(app)
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            answer = self.accepted(app, client, other)
            writer.free = True
            wait_until(client, answer, "queued")
            time.sleep(0.2)
            assert wait_until(client, answer, "queued")["problem"] is None and len(stored_files(app)) == 1
            assert wait_until(client, client.post(UPLOAD, json={"text": FERRY}))["state"] == "done"
            assert client.post(f"/page/collections/{other}", json={"do": "restore"}).status_code == 200
            assert wait_until(client, answer)["summary"]["added"] == ["tram"]
            assert client.get(UPLOAD, params={"collection": other}).json()["total"] == 1

    def test_waiting_job_survives_restart(self, app: App, other: str) -> None:
        with served(app, JobQueue(app.config.paths.uploads, BlockingWriter(app))) as client:
            answer = self.accepted(app, client, other)
        folders = folders_of(app)
        folders.forget_removed(UploadedFiles.of(app.config).delete_of)
        with served(app, open_jobs(app, folders)) as client:
            time.sleep(0.2)
            assert wait_until(client, answer, "queued") and len(stored_files(app)) == 1
            assert not (app.config.paths.collections / other).exists()
            folders.restore(other)
            assert wait_until(client, answer)["state"] == "done"

    def test_waiting_job_can_be_cancelled(self, app: App, other: str) -> None:
        writer = BlockingWriter(app)
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            answer = self.accepted(app, client, other)
            writer.free = True
            wait_until(client, answer, "queued")
            client.post(f"/v1/jobs/{answer.json()['id']}/stop")
            assert wait_until(client, answer)["state"] == "stopped" and stored_files(app) == []

    def test_job_fails_when_collection_is_deleted(self, app: App, other: str) -> None:
        writer = BlockingWriter(app)
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            answer = self.accepted(app, client, other)
            writer.free = True
            wait_until(client, answer, "queued")
            os.utime(app.config.paths.collections / f"{other}.removed", (time.time() - 8 * 86400,) * 2)
            folders_of(app).forget_removed(UploadedFiles.of(app.config).delete_of)
            failed = wait_until(client, answer)
            assert (failed["state"], failed["problem"]["code"]) == ("failed", "collection_missing")
            assert stored_files(app) == []

    def test_upload_files_stay_while_index_is_unreadable(self, app: App) -> None:
        """The server is killed after ingesting a job but before recording that; then the index is damaged."""
        with served(app, open_jobs(app, folders_of(app))) as client:
            answer = client.post(UPLOAD, json={"id": "tram", "text": TRAM})
            wait_until(client, answer)
        with closing(store_of(app.config.paths.uploads)) as store:
            store.change(answer.json()["id"], "reading")
            store.want_stopped(answer.json()["id"], True)
        whole = (app.config.paths.index / FILE).read_bytes()
        (app.config.paths.index / FILE).write_bytes(b"no database" * 1000)
        with closing(open_jobs(app, folders_of(app))) as jobs:
            jobs.start()
            assert jobs.find(answer.json()["id"]).is_over and len(stored_files(app)) == 1
        (app.config.paths.index / FILE).write_bytes(whole)


class HungWriter(BlockingWriter):
    """An index writer that hangs after ingesting and ignores cancellation; with `before`, it hangs before ingesting."""

    before = False

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        summary = IndexingReport() if self.before else self._real.read(collection, files, progress)
        self.under_way.append("")
        while not self.free:
            time.sleep(0.01)
        return summary


class TestServerRestart:
    def test_running_jobs_resume_after_restart(self, app: App) -> None:
        writer = BlockingWriter(app)
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            answers = [client.post(UPLOAD, json={"text": text}) for text in (TRAM, FERRY)]
            wait_until(client, answers[0], "reading")
        writer.free = True
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            assert all(wait_until(client, answer)["state"] == "done" for answer in answers)
            assert sorted(texts(client).values()) == sorted([TRAM, FERRY])

    @pytest.mark.parametrize(("before", "state"), [(True, "stopped"), (False, "done")])
    def test_cancel_survives_restart_unless_articles_are_indexed(
        self, app: App, monkeypatch: pytest.MonkeyPatch, before: bool, state: str
    ) -> None:
        monkeypatch.setattr("ui.jobs.job_queue._SHUTDOWN_SECONDS", 0.05)
        writer = HungWriter(app)
        writer.before = before
        try:
            with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
                answer = client.post(UPLOAD, json={"text": TRAM})
                while not writer.under_way:
                    time.sleep(0.01)
                assert client.post(f"/v1/jobs/{answer.json()['id']}/stop").json()["state"] == "reading"
            with served(app, open_jobs(app, folders_of(app))) as client:
                assert wait_until(client, answer)["state"] == state
                assert list(texts(client).values()) == ([] if before else [TRAM])
                assert len(stored_files(app)) == (0 if before else 1)
        finally:
            writer.free = True

    def test_partial_upload_is_discarded_after_restart(self, app: App) -> None:
        with closing(open_jobs(app, folders_of(app))) as jobs:
            upload = jobs.begin("", "key")
            upload.folder.mkdir(parents=True)
            (upload.folder / "half.txt").write_text("The tram op")
        with served(app, open_jobs(app, folders_of(app))) as client:
            assert (
                stored_files(app) == [] and not upload.folder.exists() and client.get("/v1/jobs").json()["total"] == 0
            )
            headers = {"idempotency-key": "key"}
            assert wait_until(client, client.post(UPLOAD, json={"text": TRAM}, headers=headers))["state"] == "done"

    def test_second_server_rejects_uploads(self, app: App) -> None:
        with served(app, open_jobs(app, folders_of(app))) as first:
            job = wait_until(first, first.post(UPLOAD, json={"text": TRAM}))
            with served(app, open_jobs(app, folders_of(app))) as second:
                refused = second.post(UPLOAD, json={"text": FERRY})
                assert (refused.status_code, refused.json()["code"]) == (503, "worker_elsewhere")
                assert second.get(f"/v1/jobs/{job['id']}").json() == job
        with served(app, open_jobs(app, folders_of(app))) as alone:
            assert wait_until(alone, alone.post(UPLOAD, json={"text": FERRY}))["state"] == "done"


class CallerMiddleware:
    """Passes a caller to the application, as API key auth does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.caller = "a"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "jawab_caller": self.caller}, receive, send)


class TestIdempotency:
    def test_same_key_and_upload_return_same_job(self, client: TestClient, app: App) -> None:
        uploads: list[tuple[dict[str, str], dict[str, Any]]] = [
            ({"idempotency-key": "1"}, {"json": {"id": "tram", "text": TRAM}}),
            ({"idempotency-key": "2"}, {"files": {"files": ("ferry.txt", FERRY)}}),
            ({"idempotency-key": "3"} | NDJSON, {"content": json.dumps({"text": HARBOUR})}),
        ]
        for headers, upload in uploads:
            first, again = (client.post(UPLOAD, headers=headers, **upload) for _ in range(2))
            assert first.status_code == again.status_code == 202 and again.json()["id"] == first.json()["id"]
            assert again.headers["location"] == first.headers["location"]
            assert again.headers["idempotency-replayed"] == "true" and "idempotency-replayed" not in first.headers
            wait_until(client, first)
        assert client.get("/v1/jobs").json()["total"] == 3 and len(stored_files(app)) == 3

    def test_reused_key_with_other_upload_is_rejected(self, client: TestClient, app: App) -> None:
        headers = {"idempotency-key": "1"}
        wait_until(client, client.post(UPLOAD, files={"files": ("a.txt", TRAM)}, headers=headers))
        other = folders_of(app).make("Other").id
        uploads: list[dict[str, Any]] = [
            {"files": {"files": ("a.txt", FERRY)}},
            {"files": {"files": ("b.txt", TRAM)}},
            {"files": [("files", ("a.txt", TRAM)), ("files", ("a.txt", TRAM))]},
            {"files": {"files": ("a.txt", TRAM)}, "params": {"collection": other}},
            {"json": {"text": TRAM}},
        ]
        for upload in uploads:
            refused = client.post(UPLOAD, headers=headers | ARABIC, **upload)
            assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert client.get("/v1/jobs").json()["total"] == 1 and len(stored_files(app)) == 1

    def test_concurrent_upload_with_same_key_returns_409(self, client: TestClient) -> None:
        headers = {"idempotency-key": "1"}
        jobs: JobQueue = client.app.state.services.jobs  # type: ignore[attr-defined]
        first = jobs.begin("", "1")
        refused = client.post(UPLOAD, json={"text": TRAM}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_in_progress")
        # The first upload is discarded, so its key is free again.
        jobs.discard(first)
        assert wait_until(client, client.post(UPLOAD, json={"text": TRAM}, headers=headers))["state"] == "done"

    def test_key_lasts_one_day_and_survives_restart(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        upload: dict[str, Any] = {"json": {"id": "tram", "text": TRAM}, "headers": {"idempotency-key": "1"}}
        with served(app, open_jobs(app, folders_of(app))) as client:
            first = wait_until(client, client.post(UPLOAD, **upload))
        with served(app, open_jobs(app, folders_of(app))) as client:
            assert client.post(UPLOAD, **upload).json()["id"] == first["id"]
            day_later = time.time() + 24 * 3600 + 1
            monkeypatch.setattr("ui.jobs.repository.time.time", lambda: day_later)
            later = client.post(UPLOAD, **upload)
            assert later.json()["id"] != first["id"] and "idempotency-replayed" not in later.headers

    def test_key_of_unfinished_job_does_not_expire(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        upload: dict[str, Any] = {"json": {"id": "tram", "text": TRAM}, "headers": {"idempotency-key": "1"}}
        with served(app, JobQueue(app.config.paths.uploads, BlockingWriter(app))) as client:
            first = client.post(UPLOAD, **upload)
            days_later = time.time() + 3 * 24 * 3600
            monkeypatch.setattr("ui.jobs.repository.time.time", lambda: days_later)
            assert client.post(UPLOAD, **upload).json()["id"] == first.json()["id"]

    def test_callers_do_not_share_keys(self, app: App) -> None:
        with served(app, open_jobs(app, folders_of(app))) as client:
            named = CallerMiddleware(client.app)
            with TestClient(named, "http://127.0.0.1") as calling:
                first = calling.post(UPLOAD, json={"text": TRAM}, headers={"idempotency-key": "1"})
                named.caller = "b"
                other = calling.post(UPLOAD, json={"text": FERRY}, headers={"idempotency-key": "1"})
                assert other.status_code == 202 and other.json()["id"] != first.json()["id"]
                for answer in (first, other):
                    wait_until(calling, answer)


class TestEtags:
    def test_unchanged_article_returns_304(self, client: TestClient) -> None:
        summary_of(client, json=[{"id": "tram", "text": TRAM}, {"id": "ferry", "text": FERRY}])
        first = client.get(f"{UPLOAD}/tram")
        tag = first.headers["etag"]
        assert re.fullmatch(r'"[0-9a-f]+"', tag) and first.headers["cache-control"] == "private, no-cache"
        assert client.get(f"{UPLOAD}/ferry").headers["etag"] != tag
        for known in (tag, f'"other", W/{tag}', "*"):
            again = client.get(f"{UPLOAD}/tram", headers={"if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        summary_of(client, json={"id": "tram", "text": TRAM, "title": "Changed"})
        changed = client.get(f"{UPLOAD}/tram", headers={"if-none-match": tag})
        assert changed.status_code == 200 and changed.headers["etag"] != tag

    def test_list_etag_changes_with_articles(self, client: TestClient) -> None:
        summary_of(client, json={"id": "tram", "text": TRAM})
        tag = client.get(UPLOAD).headers["etag"]
        assert tag.startswith('W/"')
        assert client.get(UPLOAD, headers={"if-none-match": tag}).status_code == 304
        assert client.get(UPLOAD, params={"words": "tram"}, headers={"if-none-match": tag}).status_code == 200
        summary_of(client, json={"id": "tram", "text": TRAM})
        assert client.get(UPLOAD, headers={"if-none-match": tag}).status_code == 304
        summary_of(client, json={"id": "ferry", "text": FERRY})
        assert client.get(UPLOAD, headers={"if-none-match": tag}).json()["total"] == 2
        tag = client.get(UPLOAD).headers["etag"]
        client.delete(f"{UPLOAD}/ferry")
        assert client.get(UPLOAD, headers={"if-none-match": tag}).json()["total"] == 1

    def test_job_etag_depends_on_language(self, client: TestClient) -> None:
        job = wait_until(client, client.post(UPLOAD, files={"files": ("x.bin", b"x")}))
        told = client.get(f"/v1/jobs/{job['id']}")
        known = {"if-none-match": told.headers["etag"]}
        assert client.get(f"/v1/jobs/{job['id']}", headers=known).status_code == 304
        assert client.get(f"/v1/jobs/{job['id']}", headers=known | ARABIC).status_code == 200
        assert told.headers["vary"] == "Accept-Language"


class TestOpenAPI:
    def test_every_body_kind_has_valid_examples_in_both_languages(self, client: TestClient) -> None:
        described = client.get("/openapi.json").json()["paths"][UPLOAD]["post"]
        bodies = described["requestBody"]["content"]
        assert set(bodies) == {"application/json", "application/x-ndjson", "multipart/form-data"}
        assert all(set(body["examples"]) == {"English", "العربية"} for body in bodies.values())
        for example in UPLOADED.values():
            assert summary_of(client, json=example["value"])["skipped"] == []
        for example in UPLOADED_LINES.values():
            assert summary_of(client, content=str(example["value"]), headers=NDJSON)["skipped"] == []

    def test_every_error_status_is_documented_as_problem(self, client: TestClient) -> None:
        paths = client.get("/openapi.json").json()["paths"]
        for path, method, statuses in (
            (UPLOAD, "post", {403, 404, 409, 413, 415, 422, 503}), (UPLOAD, "get", {404, 422}),
            (f"{UPLOAD}/{{article_id}}", "delete", {404, 503}), ("/v1/jobs/{job_id}/stop", "post", {404, 409, 503}),
        ):  # fmt: skip
            answers = paths[path][method]["responses"]
            assert statuses <= {int(status) for status in answers}
            assert all(list(answers[str(status)]["content"]) == ["application/problem+json"] for status in statuses)
