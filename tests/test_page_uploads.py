"""Uploads from the page: the status of the job that it sent to the API; and no file name escapes its folder."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.articles import Language, Skipped
from index.errors import DiskFull, IndexMismatch
from index.planner import IndexingReport
from index.storage.lock import write_lock
from tests.test_render import HOSTILE, Reader
from tests.test_uploads import BlockingWriter, app_in, folders_of, served
from ui.app import App
from ui.jobs.job import Job
from ui.jobs.job_queue import JobQueue
from ui.jobs.progress import JobProgress
from ui.jobs.upload_dir import safe_parts
from ui.server.serve import open_jobs
from ui.web.collection.uploads import job_html

TRAM = "The tram opened in May. It has 24 stations."
KEY = "1764547200000-1-2-3-4"


@pytest.fixture(autouse=True, scope="module")
def _without_page() -> Iterator[None]:
    """Building the Gradio page takes seconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ui.server.app.mount_page", lambda app, services: None)
        yield


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_in(tmp_path)


@pytest.fixture
def writer(app: App) -> BlockingWriter:
    return BlockingWriter(app)


@pytest.fixture
def client(app: App, writer: BlockingWriter) -> Iterator[TestClient]:
    """A server whose jobs wait for `writer`."""
    with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
        yield client


def send(client: TestClient, key: str = KEY, **texts: str) -> None:
    """Sends files as the page does: in one form, with an idempotency key."""
    files = [("files", (name.replace("_", "."), text)) for name, text in texts.items()]
    answer = client.post("/v1/articles?collection=first", files=files, headers={"idempotency-key": key})
    assert answer.status_code == 202, answer.text


def status(client: TestClient, language: Language = "en", key: str = KEY) -> str:
    return client.get(f"/page/uploads/{key}", params={"in": language}).text


def wait_for(client: TestClient, state: str, language: Language = "en", key: str = KEY) -> str:
    """The status of the upload once it is in this state."""
    deadline = time.monotonic() + 20
    while f'data-state="{state}"' not in (html := status(client, language, key)):
        assert time.monotonic() < deadline, html
        time.sleep(0.02)
    return html


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.txt", ["a.txt"]),
        ("folder/sub/مقال.md", ["folder", "sub", "مقال.md"]),
        ("../../etc/passwd", ["etc", "passwd"]),
        ("/etc/passwd", ["etc", "passwd"]),
        ("..\\..\\windows\\x.txt", ["windows", "x.txt"]),
        ("C:\\x.txt", ["C:", "x.txt"]),
        ("a/./../b.txt", ["a", "b.txt"]),
        (".hidden", ["hidden"]),
        ("", ["file"]),
        ("..", ["file"]),
        ("\0\x1b[31m\u202etxt.exe", ["[31mtxt.exe"]),
        ("/".join("abcdefghijklmnop"), list("efghijklmnop")),
    ],
)
def test_upload_name_becomes_safe_path(name: str, parts: list[str]) -> None:
    assert safe_parts(name) == parts


@pytest.mark.parametrize("name", [*HOSTILE, "م" * 500 + ".txt", "x" * 5000, "x." + "y" * 500])
def test_upload_name_is_truncated_and_stays_inside_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path.joinpath(*safe_parts(name))
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert all(len(part.encode()) <= 120 for part in safe_parts(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


class TestUploadStatus:
    def test_finished_upload_shows_counts_and_skipped_files(self, client: TestClient, writer: BlockingWriter) -> None:
        writer.free = True
        files = [("files", (name, TRAM)) for name in ("news/tram.txt", 'in/<b> "x".bin')]
        client.post("/v1/articles", files=files, headers={"idempotency-key": KEY})
        html = wait_for(client, "done")
        assert "Added 1, updated 0, unchanged 0; not read 1." in html
        assert Reader(html).text.endswith('Skipped in/<b> "x".bin: Jawab does not read this kind of file.')
        assert "أُضيف 1" in wait_for(client, "done", "ar")

    def test_upload_being_received_shows_size(self, client: TestClient) -> None:
        upload = client.app.state.services.jobs.begin("", KEY)  # type: ignore[attr-defined]
        (upload.folder / "in").mkdir(parents=True)
        for name in ("a.txt", "in/b.txt"):
            (upload.folder / name).write_bytes(b"x" * 600_000)
        assert "2 files received (1.2 MB)" in wait_for(client, "receiving")
        assert "data-job" not in status(client)

    def test_unknown_key_has_no_status(self, client: TestClient) -> None:
        for key in ("none", "ünone", "%00", "x" * 5000):
            answer = client.get(f"/page/uploads/{key}")
            assert (answer.status_code, answer.content) == (204, b"")

    def test_status_names_job_to_stop(self, client: TestClient, writer: BlockingWriter) -> None:
        send(client, tram_txt=TRAM)
        found = re.search('data-job="(.+?)"', wait_for(client, "reading", "ar"))
        assert found and client.post(f"/v1/jobs/{found[1]}/stop").status_code == 202
        assert "ولم يدخل منه شيء" in wait_for(client, "stopped", "ar")

    @pytest.mark.parametrize(("language", "sentence"), [("en", "reading begins when"), ("ar", "تبدأ القراءة بعد")])
    def test_upload_waits_for_another_job(
        self, client: TestClient, writer: BlockingWriter, language: Language, sentence: str
    ) -> None:
        send(client, tram_txt=TRAM)
        send(client, "2", ferry_txt="The ferry leaves at noon.")
        assert sentence in wait_for(client, "queued", language, "2") and "<progress" in status(client, language, "2")
        writer.free = True
        assert {"en": "Added 1", "ar": "أُضيف 1"}[language] in wait_for(client, "done", language, "2")

    def test_upload_waits_for_locked_index(self, app: App) -> None:
        with served(app, open_jobs(app, folders_of(app))) as client, ExitStack() as lock:
            lock.enter_context(write_lock(app.config.paths.index))
            send(client, tram_txt=TRAM)
            assert "reading begins when" in wait_for(client, "queued")
            lock.close()
            assert "Added 1" in wait_for(client, "done")

    @pytest.mark.parametrize(
        ("error", "retryable", "sentences"),
        [
            (DiskFull(folder="x"), True, {"en": "The disk that holds x is full", "ar": "القرص"}),
            (IndexMismatch(folder="x", found="a", expected="b"), False, {"en": "was made with a", "ar": "بالنموذج a"}),
            (ZeroDivisionError(), False, {"en": "broke the job off", "ar": "سجل الخادم"}),
        ],
    )
    def test_failed_upload_shows_error(
        self, client: TestClient, writer: BlockingWriter, error: Exception, retryable: bool, sentences: dict[str, str]
    ) -> None:
        writer.free, writer.fails = True, error
        send(client, tram_txt=TRAM)
        html = wait_for(client, "failed")
        assert sentences["en"] in html and ("data-retryable" in html) == retryable
        assert sentences["ar"] in status(client, "ar")

    def test_status_is_the_same_after_restart(self, app: App, writer: BlockingWriter) -> None:
        with served(app, JobQueue(app.config.paths.uploads, writer)) as client:
            send(client, tram_txt=TRAM)
            wait_for(client, "reading")
        with served(app, open_jobs(app, folders_of(app))) as client:
            assert "Added 1" in wait_for(client, "done")


def test_restarted_indexing_resets_progress() -> None:
    steps = JobProgress()
    for _ in range(2):
        steps.start(10)
        steps.advance(10)
    assert steps.read == steps.to_read == 10


def job(**fields: object) -> Job:
    given: dict[str, object] = {"id": "x", "collection": "first", "created": 0.0, "files": 9, "bytes": 9, **fields}
    return Job(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("language", "minutes"), [("en", "10 minutes"), ("ar", "الدقائق الباقية: نحو 10")])
def test_upload_progress_shows_rate_and_time_left(language: Language, minutes: str) -> None:
    steps = JobProgress(looked_at=9, to_look_at=9, read=50, to_read=100, began_reading=time.monotonic() - 10)
    html = job_html(job(state="reading", steps=steps), language)
    assert '<progress max="100" value="50"' in html and "10" in html and "5.0" in html
    steps.began_reading = time.monotonic() - 600
    assert minutes in job_html(job(state="reading", steps=steps), language)


@pytest.mark.parametrize("payload", HOSTILE)
def test_upload_file_name_is_escaped(payload: str) -> None:
    summary = IndexingReport(skipped=[Skipped(payload, "empty", 3, payload)] * 120)
    reader = Reader(job_html(job(state="done", summary=summary), "en"))
    assert {tag for tag, _ in reader.tags} <= {"div", "p", "ul", "li"} and "and 20 more" in reader.text
