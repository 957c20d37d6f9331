"""Articles brought to the page: received, read, stopped, refused; and no name leads out of its folder."""

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


def put(porter: UploadManager, bringing: PageUpload, name: str, content: bytes = b"words") -> Path:
    path = porter.place_for(bringing, name)
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
def test_a_name_becomes_a_path_that_stays_inside(name: str, parts: list[str]) -> None:
    assert safe_parts(name) == parts


@pytest.mark.parametrize("name", [*HOSTILE, "م" * 500 + ".txt", "x" * 5000, "x." + "y" * 500])
def test_no_name_is_too_long_or_leads_away(name: str, tmp_path: Path) -> None:
    path = tmp_path.joinpath(*safe_parts(name))
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert all(len(part.encode()) <= 120 for part in safe_parts(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def has_failed(bringing: PageUpload) -> bool:
    return bringing.state == "failed"


class TestThePorter:
    @pytest.fixture
    def porter(self, tmp_path: Path) -> UploadManager:
        return UploadManager(tmp_path / "brought", read_slowly)

    def test_what_was_received_is_read_and_kept(self, porter: UploadManager) -> None:
        bringing = porter.begin()
        assert put(porter, bringing, "a/one.txt") != put(porter, bringing, "a/one.txt")
        put(porter, bringing, "two.bin")
        porter.read(bringing)
        with pytest.raises(AnotherUploadInProgress):
            porter.begin()
        wait_until(lambda: bringing.state == "done")
        assert bringing.summary is not None and len(bringing.summary.added) == 2
        assert (bringing.looked_at, bringing.read, bringing.to_read) == (3, 3, 3)
        assert len([path for path in bringing.folder.rglob("*") if path.is_file()]) == 3

    def test_stopped_while_it_is_received_or_read_nothing_of_it_stays(self, porter: UploadManager) -> None:
        first = porter.begin()
        put(porter, first, "one.txt")
        porter.stop(first)
        assert first.state == "stopped" and not first.folder.exists()
        second = porter.begin()
        for number in range(40):
            put(porter, second, f"{number}.txt")
        porter.read(second)
        wait_until(lambda: second.read > 0)
        porter.stop(second)
        wait_until(lambda: second.state == "stopped")
        assert second.read < 40 and not second.folder.exists()

    def test_one_that_was_left_alone_makes_room_for_the_next(self, porter: UploadManager) -> None:
        left = porter.begin()
        put(porter, left, "one.txt")
        assert porter.begin() is not left
        assert left.state == "stopped" and not left.folder.exists()
        assert porter.find(left.id) is None

    def test_too_much_is_refused(self, porter: UploadManager, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ui.jobs.upload_dir.MOST_FILES", 2)
        monkeypatch.setattr("ui.jobs.upload_dir.MOST_BYTES", 20)
        bringing = porter.begin()
        put(porter, bringing, "one.txt", b"x" * 15)
        put(porter, bringing, "two.txt", b"")
        with pytest.raises(UploadTooLarge):
            porter.place_for(bringing, "three.txt")
        with pytest.raises(UploadTooLarge):
            bringing.write(b"x" * 6, io.BytesIO())

    def test_an_error_of_the_reading_is_told_and_nothing_stays(self, tmp_path: Path) -> None:
        def refused(folder: Path, progress: Progress) -> IndexingReport:
            raise IndexMismatch(folder="x", found="a", expected="b")

        porter = UploadManager(tmp_path, refused)
        bringing = porter.begin()
        put(porter, bringing, "one.txt")
        porter.read(bringing)
        wait_until(lambda: bringing.state == "failed")
        html = progress_html(bringing, "en")
        assert "was made with a" in html and "data-again" not in html
        wait_until(lambda: list(tmp_path.iterdir()) == [])

    @pytest.mark.parametrize(("language", "sentence"), [("en", "is still here"), ("ar", "ما زال هنا")])
    def test_a_full_disk_loses_nothing_and_it_can_be_read_again(
        self, tmp_path: Path, language: Language, sentence: str
    ) -> None:
        full = [DiskFull(folder="x")]

        def full_at_first(folder: Path, progress: Progress) -> IndexingReport:
            if full:
                raise full.pop()
            return read_slowly(folder, progress)

        porter = UploadManager(tmp_path, full_at_first)
        bringing = porter.begin()
        file = put(porter, bringing, "one.txt")
        porter.read(bringing)
        wait_until(lambda: bringing.state == "failed")
        html = progress_html(bringing, language)
        assert sentence in html and " data-again" in html and file.exists()
        porter.read(bringing)
        wait_until(lambda: bringing.state == "done")
        assert bringing.summary and bringing.summary.added == ["one"] and bringing.problem is None
        wait_until(lambda: list(tmp_path.iterdir()) == [bringing.folder])

    def test_what_could_be_read_again_goes_when_it_is_stopped_or_others_come(self, tmp_path: Path) -> None:
        def full(folder: Path, progress: Progress) -> IndexingReport:
            raise DiskFull(folder="x")

        porter = UploadManager(tmp_path, full)

        def begin_another(bringing: PageUpload) -> None:
            porter.begin()

        for end in (porter.stop, begin_another):
            bringing = porter.begin()
            put(porter, bringing, "one.txt")
            porter.read(bringing)
            wait_until(partial(has_failed, bringing))
            end(bringing)
            assert bringing.state == "stopped" and not bringing.folder.exists()

    @pytest.fixture
    def busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[UploadManager, FileLock]]:
        """A porter whose index another writer holds, until the lock is released."""
        monkeypatch.setattr("ui.jobs.page_upload._AGAIN", 0.02)
        index = tmp_path / "index"
        create_index(index)

        def into(folder: Path, progress: Progress) -> IndexingReport:
            return update_index(index, [folder], HashEmbedder(), progress)

        with FileLock(index / LOCK, timeout=0, thread_local=False) as lock:
            yield UploadManager(tmp_path / "brought", into), lock

    @pytest.mark.parametrize(("language", "sentence"), [("en", "reading begins when"), ("ar", "تبدأ القراءة بعد")])
    def test_busy_index_is_waited_for(
        self, busy: tuple[UploadManager, FileLock], language: Language, sentence: str
    ) -> None:
        porter, lock = busy
        bringing = porter.begin()
        file = put(porter, bringing, "one.txt", b"The tram opened in May.")
        porter.read(bringing)
        wait_until(lambda: bringing.busy)
        assert sentence in progress_html(bringing, language) and file.exists()
        lock.release()
        wait_until(lambda: bringing.state == "done")
        assert bringing.summary and len(bringing.summary.added) == 1

    def test_waiting_for_a_busy_index_can_be_stopped(self, busy: tuple[UploadManager, FileLock]) -> None:
        porter, _ = busy
        bringing = porter.begin()
        put(porter, bringing, "one.txt")
        porter.read(bringing)
        wait_until(lambda: bringing.busy)
        porter.stop(bringing)
        wait_until(lambda: bringing.state == "stopped")
        assert not bringing.folder.exists()

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    @pytest.mark.parametrize(("language", "sentence"), [("en", "broke the reading off"), ("ar", "سجل الخادم")])
    def test_unexpected_error_ends_the_reading(self, tmp_path: Path, language: Language, sentence: str) -> None:
        def broken(folder: Path, progress: Progress) -> IndexingReport:
            raise ZeroDivisionError

        porter = UploadManager(tmp_path, broken)
        bringing = porter.begin()
        file = put(porter, bringing, "one.txt")
        porter.read(bringing)
        wait_until(lambda: bringing.state == "failed")
        assert sentence in progress_html(bringing, language)
        assert file.exists()
        wait_until(lambda: all(one.name != "jawab-bringing" for one in threading.enumerate()))
        assert porter.begin().state == "receiving"

    def test_a_real_index_takes_it_in_and_a_stopped_one_leaves_it_as_it_was(self, tmp_path: Path) -> None:
        index = tmp_path / "index"

        def into(folder: Path, progress: Progress) -> IndexingReport:
            return update_index(index, [folder], HashEmbedder(), progress)

        porter = UploadManager(tmp_path / "brought", into)
        bringing = porter.begin()
        put(porter, bringing, "tram.txt", b"The tram opened in May. It has 24 stations.")
        put(porter, bringing, "nothing.txt", b"")
        porter.read(bringing)
        wait_until(lambda: bringing.state == "done")
        assert [article.text for article in Catalog.open(index).articles()] == [
            "The tram opened in May. It has 24 stations."
        ]
        html = progress_html(bringing, "ar")
        assert "أُضيف 1" in html and "nothing.txt" in html and str(tmp_path) not in html
        second = porter.begin()
        put(porter, second, "ferry.txt", b"The ferry leaves at noon.")
        second.halted.set()
        porter.read(second)
        wait_until(lambda: second.state == "stopped")
        assert Catalog.open(index).count_articles() == 1


class TestOverHttp:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[TestClient]:
        with TestClient(create_app(site(tmp_path)), "http://127.0.0.1") as client:
            yield client

    def test_files_are_sent_read_and_told(self, client: TestClient) -> None:
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

    def test_another_site_cannot_bring_anything(self, client: TestClient) -> None:
        assert client.post(BRING, content="{}", headers={"content-type": "text/plain"}).status_code == 422
        number = client.post(BRING, json={}).json()["id"]
        place = f"{BRING}/{number}/files?name=x.txt"
        for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
            assert client.post(place, content=b"x", headers={"content-type": kind}).status_code == 415

    def test_what_is_not_there_is_not_found(self, client: TestClient) -> None:
        for path in (f"{BRING}/none", f"{BRING}/ünone"):
            assert client.get(path).status_code == 404
        assert client.post(f"{BRING}/none/files?name=x", content=b"x", headers=BYTES).status_code == 404
        assert client.post(f"{BRING}/none/read", json={}).status_code == 404

    def test_a_second_one_waits_for_the_first_and_says_so_in_the_pages_language(self, client: TestClient) -> None:
        place = f"{BRING}/{client.post(BRING, json={}).json()['id']}"
        for name in range(20):
            client.post(f"{place}/files", params={"name": f"{name}.txt"}, content=b"x", headers=BYTES)
        client.post(f"{place}/read", json={})
        refused = client.post(BRING, json={}, headers={"accept-language": "ar"})
        assert refused.status_code == 409 and "تُقرأ مقالات أخرى" in refused.json()["detail"]
        client.post(f"{place}/stop", json={})
        wait_until(lambda: 'data-state="stopped"' in client.get(place).text)


def test_second_try_counts_from_zero() -> None:
    bringing = PageUpload(id="x", folder=Path("x"))
    for _ in range(2):
        bringing.start(10)
        bringing.advance(10)
    assert bringing.read == bringing.to_read == 10


@pytest.mark.parametrize("language", ["ar", "en"])
def test_progress_says_rate_and_what_is_left(language: str) -> None:
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
def test_no_file_name_becomes_markup(payload: str) -> None:
    bringing = PageUpload(id="x", folder=Path("x"), state="done")
    bringing.summary = IndexingReport(skipped=[Skipped(payload, "empty", 3, payload)] * 120)
    reader = Reader(progress_html(bringing, "en"))
    assert {tag for tag, _ in reader.tags} <= {"div", "p", "ul", "li"} and "and 20 more" in reader.text
