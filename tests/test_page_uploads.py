"""Uploads of the page: receiving, ingesting, cancelling, rejecting; and no file name escapes its folder."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from filelock import FileLock

from index.articles import Language, Skipped
from index.errors import DiskFull, IndexMismatch
from index.fakes import HashEmbedder
from index.indexer import Progress, create_index, update_index
from index.planner import IndexingReport
from index.storage.catalog import Catalog
from index.storage.lock import LOCK
from tests.fake_site import read_slowly, site
from tests.test_render import HOSTILE, Reader
from ui.jobs.page_upload import AnotherUploadInProgress, PageUpload, UploadManager
from ui.jobs.upload_dir import UploadTooLarge, safe_parts
from ui.server.app import create_app
from ui.web.collection.upload_status import progress_html

BYTES = {"content-type": "application/octet-stream"}
BRING = "/page/collections/first/bring"


def put(manager: UploadManager, bringing: PageUpload, name: str, content: bytes = b"words") -> Path:
    path = manager.place_for(bringing, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        bringing.write(content, file)
    return path


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


def has_failed(bringing: PageUpload) -> bool:
    return bringing.state == "failed"


class TestUploadManager:
    @pytest.fixture
    def manager(self, tmp_path: Path) -> UploadManager:
        return UploadManager(tmp_path / "brought", read_slowly)

    def test_uploaded_files_are_ingested_and_kept(self, manager: UploadManager) -> None:
        bringing = manager.begin()
        assert put(manager, bringing, "a/one.txt") != put(manager, bringing, "a/one.txt")
        put(manager, bringing, "two.bin")
        manager.read(bringing)
        with pytest.raises(AnotherUploadInProgress):
            manager.begin()
        wait_until(lambda: bringing.state == "done")
        assert bringing.summary is not None and len(bringing.summary.added) == 2
        assert (bringing.looked_at, bringing.read, bringing.to_read) == (3, 3, 3)
        assert len([path for path in bringing.folder.rglob("*") if path.is_file()]) == 3

    def test_cancelled_upload_leaves_no_files(self, manager: UploadManager) -> None:
        first = manager.begin()
        put(manager, first, "one.txt")
        manager.stop(first)
        assert first.state == "stopped" and not first.folder.exists()
        second = manager.begin()
        for number in range(40):
            put(manager, second, f"{number}.txt")
        manager.read(second)
        wait_until(lambda: second.read > 0)
        manager.stop(second)
        wait_until(lambda: second.state == "stopped")
        assert second.read < 40 and not second.folder.exists()

    def test_abandoned_upload_is_replaced_by_next(self, manager: UploadManager) -> None:
        left = manager.begin()
        put(manager, left, "one.txt")
        assert manager.begin() is not left
        assert left.state == "stopped" and not left.folder.exists()
        assert manager.find(left.id) is None

    def test_upload_over_limits_is_rejected(self, manager: UploadManager, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ui.jobs.upload_dir.MAX_UPLOAD_FILES", 2)
        monkeypatch.setattr("ui.jobs.upload_dir.MAX_UPLOAD_BYTES", 20)
        bringing = manager.begin()
        put(manager, bringing, "one.txt", b"x" * 15)
        put(manager, bringing, "two.txt", b"")
        with pytest.raises(UploadTooLarge):
            manager.place_for(bringing, "three.txt")
        with pytest.raises(UploadTooLarge):
            bringing.write(b"x" * 6, io.BytesIO())

    def test_failed_upload_shows_error_and_is_deleted(self, tmp_path: Path) -> None:
        def refused(folder: Path, progress: Progress) -> IndexingReport:
            raise IndexMismatch(folder="x", found="a", expected="b")

        manager = UploadManager(tmp_path, refused)
        bringing = manager.begin()
        put(manager, bringing, "one.txt")
        manager.read(bringing)
        wait_until(lambda: bringing.state == "failed")
        html = progress_html(bringing, "en")
        assert "was made with a" in html and "data-again" not in html
        wait_until(lambda: list(tmp_path.iterdir()) == [])

    @pytest.mark.parametrize(("language", "sentence"), [("en", "is still here"), ("ar", "ما زال هنا")])
    def test_full_disk_keeps_upload_for_retry(self, tmp_path: Path, language: Language, sentence: str) -> None:
        full = [DiskFull(folder="x")]

        def full_at_first(folder: Path, progress: Progress) -> IndexingReport:
            if full:
                raise full.pop()
            return read_slowly(folder, progress)

        manager = UploadManager(tmp_path, full_at_first)
        bringing = manager.begin()
        file = put(manager, bringing, "one.txt")
        manager.read(bringing)
        wait_until(lambda: bringing.state == "failed")
        html = progress_html(bringing, language)
        assert sentence in html and " data-again" in html and file.exists()
        manager.read(bringing)
        wait_until(lambda: bringing.state == "done")
        assert bringing.summary and bringing.summary.added == ["one"] and bringing.problem is None
        wait_until(lambda: list(tmp_path.iterdir()) == [bringing.folder])

    def test_retryable_upload_is_deleted_on_cancel_or_next_upload(self, tmp_path: Path) -> None:
        def full(folder: Path, progress: Progress) -> IndexingReport:
            raise DiskFull(folder="x")

        manager = UploadManager(tmp_path, full)

        def begin_another(bringing: PageUpload) -> None:
            manager.begin()

        for end in (manager.stop, begin_another):
            bringing = manager.begin()
            put(manager, bringing, "one.txt")
            manager.read(bringing)
            wait_until(partial(has_failed, bringing))
            end(bringing)
            assert bringing.state == "stopped" and not bringing.folder.exists()

    @pytest.fixture
    def busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[UploadManager, FileLock]]:
        """An upload manager whose index is locked by another writer until the lock is released."""
        monkeypatch.setattr("ui.jobs.page_upload._RETRY_SECONDS", 0.02)
        index = tmp_path / "index"
        create_index(index)

        def into(folder: Path, progress: Progress) -> IndexingReport:
            return update_index(index, [folder], HashEmbedder(), progress)

        with FileLock(index / LOCK, timeout=0, thread_local=False) as lock:
            yield UploadManager(tmp_path / "brought", into), lock

    @pytest.mark.parametrize(("language", "sentence"), [("en", "reading begins when"), ("ar", "تبدأ القراءة بعد")])
    def test_upload_waits_for_locked_index(
        self, busy: tuple[UploadManager, FileLock], language: Language, sentence: str
    ) -> None:
        manager, lock = busy
        bringing = manager.begin()
        file = put(manager, bringing, "one.txt", b"The tram opened in May.")
        manager.read(bringing)
        wait_until(lambda: bringing.busy)
        assert sentence in progress_html(bringing, language) and file.exists()
        lock.release()
        wait_until(lambda: bringing.state == "done")
        assert bringing.summary and len(bringing.summary.added) == 1

    def test_upload_waiting_for_locked_index_can_be_cancelled(self, busy: tuple[UploadManager, FileLock]) -> None:
        manager, _ = busy
        bringing = manager.begin()
        put(manager, bringing, "one.txt")
        manager.read(bringing)
        wait_until(lambda: bringing.busy)
        manager.stop(bringing)
        wait_until(lambda: bringing.state == "stopped")
        assert not bringing.folder.exists()

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    @pytest.mark.parametrize(("language", "sentence"), [("en", "broke the reading off"), ("ar", "سجل الخادم")])
    def test_unexpected_error_fails_upload(self, tmp_path: Path, language: Language, sentence: str) -> None:
        def broken(folder: Path, progress: Progress) -> IndexingReport:
            raise ZeroDivisionError

        manager = UploadManager(tmp_path, broken)
        bringing = manager.begin()
        file = put(manager, bringing, "one.txt")
        manager.read(bringing)
        wait_until(lambda: bringing.state == "failed")
        assert sentence in progress_html(bringing, language)
        assert file.exists()
        wait_until(lambda: all(one.name != "jawab-bringing" for one in threading.enumerate()))
        assert manager.begin().state == "receiving"

    def test_upload_updates_index_unless_cancelled(self, tmp_path: Path) -> None:
        index = tmp_path / "index"

        def into(folder: Path, progress: Progress) -> IndexingReport:
            return update_index(index, [folder], HashEmbedder(), progress)

        manager = UploadManager(tmp_path / "brought", into)
        bringing = manager.begin()
        put(manager, bringing, "tram.txt", b"The tram opened in May. It has 24 stations.")
        put(manager, bringing, "nothing.txt", b"")
        manager.read(bringing)
        wait_until(lambda: bringing.state == "done")
        assert [article.text for article in Catalog.open(index).articles()] == [
            "The tram opened in May. It has 24 stations."
        ]
        html = progress_html(bringing, "ar")
        assert "أُضيف 1" in html and "nothing.txt" in html and str(tmp_path) not in html
        second = manager.begin()
        put(manager, second, "ferry.txt", b"The ferry leaves at noon.")
        second.halted.set()
        manager.read(second)
        wait_until(lambda: second.state == "stopped")
        assert Catalog.open(index).count_articles() == 1


class TestUploadEndpoints:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[TestClient]:
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            yield client

    def test_upload_ingests_files_and_reports_result(self, client: TestClient) -> None:
        number = client.post(BRING, json={}).json()["id"]
        place = f"{BRING}/{number}"
        for name in ("folder/one.txt", "two.txt", "<b>.bin"):
            assert (
                client.post(f"{place}/files", params={"name": name}, content=b"x" * 9, headers=BYTES).status_code == 200
            )
        assert "3 files received" in client.get(place).text
        client.post(f"{place}/read", json={})
        wait_until(lambda: 'data-state="done"' in client.get(place).text)
        told = client.get(place, params={"in": "en"}).text
        assert "Added 2" in told and "&lt;b&gt;.bin: it is not text." in told

    def test_cross_site_upload_is_rejected(self, client: TestClient) -> None:
        assert client.post(BRING, content="{}", headers={"content-type": "text/plain"}).status_code == 422
        number = client.post(BRING, json={}).json()["id"]
        place = f"{BRING}/{number}/files?name=x.txt"
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
            assert client.post(place, content=b"x", headers={"content-type": kind}).status_code == 415

    def test_unknown_upload_returns_404(self, client: TestClient) -> None:
        for path in (f"{BRING}/none", f"{BRING}/ünone"):
            assert client.get(path).status_code == 404
        assert client.post(f"{BRING}/none/files?name=x", content=b"x", headers=BYTES).status_code == 404
        assert client.post(f"{BRING}/none/read", json={}).status_code == 404

    def test_second_upload_returns_localized_409(self, client: TestClient) -> None:
        place = f"{BRING}/{client.post(BRING, json={}).json()['id']}"
        for name in range(20):
            client.post(f"{place}/files", params={"name": f"{name}.txt"}, content=b"x", headers=BYTES)
        client.post(f"{place}/read", json={})
        refused = client.post(BRING, json={}, headers={"accept-language": "ar"})
        assert refused.status_code == 409 and "تُقرأ مقالات أخرى" in refused.json()["detail"]
        client.post(f"{place}/stop", json={})
        wait_until(lambda: 'data-state="stopped"' in client.get(place).text)


def test_retry_resets_upload_progress() -> None:
    bringing = PageUpload(id="x", folder=Path("x"))
    for _ in range(2):
        bringing.start(10)
        bringing.advance(10)
    assert bringing.read == bringing.to_read == 10


@pytest.mark.parametrize("language", ["ar", "en"])
def test_upload_progress_shows_rate_and_time_left(language: str) -> None:
    bringing = PageUpload(
        id="x", folder=Path("x"), state="reading", files=9, looked_at=9, to_look_at=9, read=50, to_read=100
    )
    bringing.began_reading = time.monotonic() - 10
    html = progress_html(bringing, "ar" if language == "ar" else "en")
    assert '<progress max="100" value="50"' in html and "10" in html and "5.0" in html
    bringing.began_reading = time.monotonic() - 600
    assert ("10 minutes" if language == "en" else "الدقائق الباقية: نحو 10") in progress_html(
        bringing, "ar" if language == "ar" else "en"
    )


@pytest.mark.parametrize("payload", HOSTILE)
def test_upload_file_name_is_escaped(payload: str) -> None:
    bringing = PageUpload(id="x", folder=Path("x"), state="done")
    bringing.summary = IndexingReport(skipped=[Skipped(payload, "empty", 3, payload)] * 120)
    reader = Reader(progress_html(bringing, "en"))
    assert {tag for tag, _ in reader.tags} <= {"div", "p", "ul", "li"} and "and 20 more" in reader.text
