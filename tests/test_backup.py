"""Backup and restore: round trips, consistency during writes, resuming after an interruption, and refusals."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from index.embeddings import PassageEmbedding, PassageText, Progress
from index.errors import DiskFull, FileExists, IndexMissing, JawabError
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.recovery import check_integrity
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.storage.lock import FILE
from index.storage.migrations import StoreNewer
from qa.answer import Answer
from ui.auth.api_keys import APIKeyStore
from ui.backup import archive as archive_module
from ui.backup.archive import MANIFEST, Advance, BackupDamaged, BackupInvalid, Member, Source, reading
from ui.backup.backup import back_up
from ui.backup.places import Places
from ui.backup.restore import Restore, Restored, RestoreTargetNotEmpty
from ui.cli import main
from ui.collections.repository import DEFAULT_ID, CollectionRepository
from ui.config import Config, load_config
from ui.conversations.repository import ConversationRepository, StoredTurn
from ui.jobs.claim import without_server
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue
from ui.jobs.upload_dir import UploadDirectory
from ui.jobs.uploaded_files import UploadedFiles

TRAM = "Tram\n\nPublished: 3 May 2021\n\nThe tram opened on Monday. It has eleven stops."
QUESTIONS = ("When does the ferry leave?", "متى افتتحت المكتبة؟", "the eleven stops of the tram")


def config_in(home: Path) -> Config:
    return load_config(
        index=home / "index",
        collections=home / "collections",
        uploads=home / "uploads",
        conversations=home / "conversations.sqlite",
        keys=home / "keys.json",
        logins=home / "logins.json",
        password="a very secret password",
        llm="http://me:secret@127.0.0.1:1/v1#model",
        threshold=0.4,
    )


def upload(jobs: JobQueue, name: str, text: str, collection: str) -> str:
    place = jobs.begin("caller", None)
    upload_directory = UploadDirectory(folder=place.folder)
    with upload_directory.place_for(f"files/{name}").open("xb") as file:
        upload_directory.write(text.encode(), file)
    return jobs.accept(place, upload_directory, collection, "digest").id


def wait_for(jobs: JobQueue, job: str) -> None:
    while not jobs.find(job).is_over:
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that a test may change."""
    return make_home(tmp_path)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that no test changes, with its backup beside it."""
    home = make_home(tmp_path_factory.mktemp("untouched"))
    create_backup(home)
    return home


@pytest.fixture
def file(shared_home: Path, tmp_path: Path) -> Path:
    """A copy of its backup, which a test may change."""
    return Path(shutil.copy(shared_home.with_name("backup.tar"), tmp_path / "backup.tar"))


def make_home(folder: Path) -> Path:
    """A data folder with indexed and uploaded articles, two collections, a conversation and an API key."""
    home, articles = folder / "home", folder / "articles"
    articles.mkdir()
    (articles / "tram.txt").write_text(TRAM)
    (articles / "copy.txt").write_text(TRAM)
    (articles / "مكتبة.txt").write_text("مكتبة المدينة\n\nافتتحت مكتبة المدينة أبوابها يوم السبت.")
    config = config_in(home)
    update_index(config.paths.index, [articles], HashEmbedder())
    folders = CollectionRepository(config.paths.index, config.paths.collections)
    other = folders.make("Archive of 2021")
    update_index(folders.index_of(other.id), [articles / "tram.txt"], HashEmbedder())
    with closing(
        JobQueue(config.paths.uploads, IndexWriter(folders, HashEmbedder, UploadedFiles(config.paths.uploads, folders)))
    ) as jobs:
        wait_for(jobs, upload(jobs, "ferry.txt", "Ferry\n\nThe ferry leaves at noon.", DEFAULT_ID))
        jobs._closing.set()
        upload(jobs, "bridge.txt", "Bridge\n\nThe bridge closes in March.", DEFAULT_ID)
    with closing(ConversationRepository(config.paths.conversations)) as conversations:
        number = conversations.begin("visitor", "When does the ferry leave?", other.id)
        conversations.put("visitor", number, StoredTurn(1, "When does the ferry leave?", None))
    APIKeyStore(config.paths.keys).add("newsroom", ["read"])
    return home


def create_backup(home: Path, first_only: bool = False) -> Path:
    file = home.with_name("backup.tar")
    back_up(config_in(home), file, ignore_progress, first_only)
    return file


def ignore_progress(amount: int) -> None:
    """A progress callback that does nothing."""


def restore(file: Path, home: Path, embedder: HashEmbedder | None = None, replace: bool = False) -> Restored:
    with reading(file) as archive:
        return Restore(archive, Places.of(config_in(home)), lambda: embedder or HashEmbedder()).run(
            replace, ignore_progress
        )


def search_results(index: Path, embedder: HashEmbedder | None = None) -> list[list[tuple[str, str, float]]]:
    """The passages that searches find, with their scores."""
    retriever = Retriever(index, embedder or HashEmbedder())
    return [
        [(hit.article.id, hit.passage.text, round(hit.score, 6)) for hit in retriever.search(question, 5)]
        for question in QUESTIONS
    ]


def contents(index: Path) -> list[object]:
    with closing(Catalog.open(index)) as catalog:
        return [catalog.articles(), catalog.copies(), catalog.stories(), catalog.count_passages()]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestRoundTrip:
    def test_backup_restores_everything_at_new_location(self, home: Path, tmp_path: Path) -> None:
        before, there = config_in(home), config_in(tmp_path / "elsewhere")
        file = create_backup(home)
        shutil.move(home, tmp_path / "gone")
        restored = restore(file, tmp_path / "elsewhere")
        shutil.move(tmp_path / "gone", home)

        assert search_results(there.paths.index) == search_results(before.paths.index)
        assert contents(there.paths.index) == contents(before.paths.index)
        assert restored.embedded == 0
        assert not check_integrity(there.paths.index)
        folders = CollectionRepository(there.paths.index, there.paths.collections)
        assert folders.all() == CollectionRepository(before.paths.index, before.paths.collections).all()
        other = folders.all()[1].id
        assert contents(folders.index_of(other)) == contents(before.paths.collections / other)
        with closing(ConversationRepository(there.paths.conversations)) as conversations:
            (kept,) = conversations.all("visitor")
            assert (kept.title, kept.collection) == ("When does the ferry leave?", other)
            assert conversations.turns("visitor", kept.id)[0].question == "When does the ferry leave?"

    def test_uploads_are_restored_to_configured_directory(self, file: Path, tmp_path: Path) -> None:
        there = config_in(tmp_path / "elsewhere")
        restore(file, tmp_path / "elsewhere")
        with closing(Catalog.open(there.paths.index)) as catalog:
            path = Path(catalog.path_of("ferry") or "")
        assert path.is_relative_to(there.paths.uploads.resolve())
        assert path.read_text() == "Ferry\n\nThe ferry leaves at noon."
        # Indexing the file again finds the same article and adds no other.
        summary = update_index(there.paths.index, [path], HashEmbedder())
        assert (summary.added, summary.updated, summary.unchanged) == ([], [], 1)

    def test_queued_upload_is_ingested_after_restore(self, file: Path, tmp_path: Path) -> None:
        there = config_in(tmp_path / "elsewhere")
        restore(file, tmp_path / "elsewhere")
        folders = CollectionRepository(there.paths.index, there.paths.collections)
        with closing(
            JobQueue(
                there.paths.uploads, IndexWriter(folders, HashEmbedder, UploadedFiles(there.paths.uploads, folders))
            )
        ) as jobs:
            jobs.start()
            for job in jobs.latest(10, 0)[0]:
                wait_for(jobs, job.id)
        with closing(Catalog.open(there.paths.index)) as catalog:
            assert catalog.article("bridge").text.endswith("The bridge closes in March.")

    def test_restore_with_other_embedder_recomputes_embeddings(
        self, shared_home: Path, file: Path, tmp_path: Path
    ) -> None:
        other = HashEmbedder(2048, "another-embedder")
        there = config_in(tmp_path / "elsewhere")
        restored = restore(file, tmp_path / "elsewhere", other)
        assert restored.embedded > 0
        with closing(Catalog.open(there.paths.index)) as catalog:
            assert catalog.embedder == "another-embedder"
        assert contents(there.paths.index) == contents(config_in(shared_home).paths.index)
        assert [hits[0][:2] for hits in search_results(there.paths.index, other)] == [
            hits[0][:2] for hits in search_results(config_in(shared_home).paths.index)
        ]
        assert not check_integrity(there.paths.index)

    def test_backup_of_first_collection_only(self, home: Path, tmp_path: Path) -> None:
        there = config_in(tmp_path / "elsewhere")
        restore(create_backup(home, first_only=True), tmp_path / "elsewhere")
        assert contents(there.paths.index) == contents(config_in(home).paths.index)
        assert len(CollectionRepository(there.paths.index, there.paths.collections).all()) == 1
        assert not there.paths.conversations.exists()

    def test_backup_contains_no_secrets(self, home: Path) -> None:
        file = create_backup(home)
        content = file.read_bytes()
        assert b"very secret" not in content
        assert b"me:secret" not in content
        assert APIKeyStore(home / "keys.json").all()[0].digest.encode() not in content
        assert file.stat().st_mode & 0o077 == 0
        with reading(file) as archive:
            (made,) = [
                json.loads(b"".join(archive.content(m))) for m in archive.manifest.members if "settings" in m.name
            ]
        assert made["threshold"] == "0.4"
        assert made["llm"] == "http://127.0.0.1:1/v1#model"


class TestConsistency:
    def test_backup_during_writes_is_consistent(self, home: Path, tmp_path: Path) -> None:
        """Every catalog in a backup is a consistent snapshot: all articles of a file or none, with derived rows."""
        config, stop = config_in(home), threading.Event()
        pair = tmp_path / "pair.jsonl"

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                lines = [{"id": f"{side}", "text": f"The {side} side of state {number}."} for side in ("left", "right")]
                pair.write_text("\n".join(map(json.dumps, lines)))
                update_index(config.paths.index, [pair], HashEmbedder())
                if number % 3 == 0:
                    remove_articles(config.paths.index, ["left", "right"])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for turn in range(5):
                back_up(config, tmp_path / f"backup-{turn}.tar", ignore_progress)
        finally:
            stop.set()
            writer.join()
        for turn in range(5):
            there = config_in(tmp_path / f"elsewhere-{turn}")
            restore(tmp_path / f"backup-{turn}.tar", tmp_path / f"elsewhere-{turn}")
            assert not check_integrity(there.paths.index)
            with closing(Catalog.open(there.paths.index)) as catalog:
                texts = {article.id: article.text for article in catalog.articles()}
            states = {texts[side].split()[-1] for side in ("left", "right") if side in texts}
            assert len(states) <= 1
            assert ("left" in texts) == ("right" in texts)

    def test_backup_lists_missing_uploaded_file(self, home: Path, tmp_path: Path) -> None:
        (ferry,) = (home / "uploads").rglob("ferry.txt")
        ferry.unlink()
        made = back_up(config_in(home), tmp_path / "backup.tar", ignore_progress)
        assert [name.rpartition("/")[2] for name in made.manifest.missing] == ["ferry.txt"]
        restore(tmp_path / "backup.tar", tmp_path / "elsewhere")
        with closing(Catalog.open(tmp_path / "elsewhere" / "index")) as catalog:
            assert catalog.article("ferry").text == "Ferry\n\nThe ferry leaves at noon."


class Interrupted(Exception):
    """Stands for the end of the process."""


def interrupt_after(after: int) -> Callable[[int], None]:
    """A progress callback that raises at the call of this number."""
    calls = iter(range(after))

    def advance(amount: int) -> None:
        if next(calls, None) is None:
            raise Interrupted

    return advance


class TestInterruption:
    def test_interrupted_backup_resumes_and_keeps_complete_members(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = home.with_name("backup.tar")
        for after in (0, 1, 3, 6, 9):
            with pytest.raises(Interrupted):
                back_up(config_in(home), file, interrupt_after(after))
            assert not file.exists()
        added: list[str] = []
        add = archive_module._add

        def recording_add(tar: tarfile.TarFile, source: Source, advance: Advance) -> Member:
            added.append(source.name)
            return add(tar, source, advance)

        monkeypatch.setattr("ui.backup.archive._add", recording_add)
        back_up(config_in(home), file, ignore_progress)
        assert added
        # Uploaded files were in the partial archive already; the snapshots are taken anew.
        assert not [name for name in added if name.startswith("uploads/")]
        restore(file, home.with_name("elsewhere"))
        assert contents(home.with_name("elsewhere") / "index") == contents(home / "index")
        assert sorted(path.name for path in home.parent.glob("backup.tar*")) == ["backup.tar"]

    @pytest.mark.parametrize("after", [0, 1, 2, 4, 7])
    def test_interrupted_restore_resumes(self, shared_home: Path, file: Path, tmp_path: Path, after: int) -> None:
        there = config_in(tmp_path / "elsewhere")
        with reading(file) as archive, pytest.raises(Interrupted):
            Restore(archive, Places.of(there), HashEmbedder).run(False, interrupt_after(after))
        assert not there.paths.index.exists()
        restore(file, tmp_path / "elsewhere")
        assert contents(there.paths.index) == contents(config_in(shared_home).paths.index)
        assert not list((tmp_path / "elsewhere").glob("*.restoring*"))

    @pytest.mark.parametrize("failing", range(5))
    def test_restore_interrupted_during_rename_resumes(
        self, shared_home: Path, file: Path, tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = config_in(tmp_path / "elsewhere")
        rename, renames = Path.rename, iter(range(failing))

        def interrupted_rename(self: Path, target: Path) -> Path:
            if self.name.endswith(".restoring") and next(renames, None) is None:
                raise Interrupted
            return rename(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", interrupted_rename)
            with pytest.raises(Interrupted):
                restore(file, tmp_path / "elsewhere")
        restored = restore(file, tmp_path / "elsewhere")
        assert restored.aside == ()
        assert contents(there.paths.index) == contents(config_in(shared_home).paths.index)
        assert there.paths.conversations.exists()
        assert not list((tmp_path / "elsewhere").glob("*.restoring*"))

    def test_interrupted_embedding_resumes(self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class InterruptedEmbedder(HashEmbedder):
            embedded = 0

            def embed_passages(
                self, texts: Sequence[PassageText], progress: Progress | None = None
            ) -> list[PassageEmbedding]:
                self.embedded += len(texts)
                if self.embedded > 2:
                    raise Interrupted
                return super().embed_passages(texts, progress)

        monkeypatch.setattr("index.indexer._CHUNK", 1)
        with pytest.raises(Interrupted):
            restore(file, tmp_path / "elsewhere", InterruptedEmbedder(2048, "another-embedder"))
        # Three passages are in the first collection and one in the other; two were embedded before the interruption.
        assert restore(file, tmp_path / "elsewhere", HashEmbedder(2048, "another-embedder")).embedded == 2
        assert not check_integrity(tmp_path / "elsewhere" / "index")


class TestRefusals:
    def test_backup_does_not_overwrite_existing_file(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "backup.tar").write_text("mine")
        with pytest.raises(FileExists):
            back_up(config_in(home), tmp_path / "backup.tar", ignore_progress)
        assert (tmp_path / "backup.tar").read_text() == "mine"

    def test_backup_without_index_raises(self, tmp_path: Path) -> None:
        with pytest.raises(IndexMissing):
            back_up(config_in(tmp_path / "none"), tmp_path / "backup.tar", ignore_progress)
        assert not (tmp_path / "none").exists()

    def test_restore_does_not_touch_existing_data(self, home: Path) -> None:
        file, before = create_backup(home), files_in(home)
        with pytest.raises(RestoreTargetNotEmpty):
            restore(file, home)
        assert {name: content for name, content in files_in(home).items() if "-shm" not in name} == {
            name: content for name, content in before.items() if "-shm" not in name
        }

    def test_restore_with_replace_moves_existing_data_aside(self, home: Path, tmp_path: Path) -> None:
        file = create_backup(home)
        remove_articles(home / "index", ["ferry"])
        restored = restore(file, home, replace=True)
        with closing(Catalog.open(home / "index")) as catalog:
            assert catalog.article("ferry")
        (aside,) = [path for path in restored.aside if path.name.startswith("index")]
        with closing(Catalog.open(aside)) as catalog:
            assert "ferry" not in [article.id for article in catalog.articles()]

    def test_restore_accepts_empty_data_of_first_start(self, shared_home: Path, file: Path, tmp_path: Path) -> None:
        from index.indexer import create_index

        there = config_in(tmp_path / "elsewhere")
        create_index(there.paths.index)
        folders = CollectionRepository(there.paths.index, there.paths.collections)
        with closing(
            JobQueue(
                there.paths.uploads, IndexWriter(folders, HashEmbedder, UploadedFiles(there.paths.uploads, folders))
            )
        ) as jobs:
            jobs.start()
        restore(file, tmp_path / "elsewhere")
        assert contents(there.paths.index) == contents(shared_home / "index")

    def test_restore_is_refused_while_server_runs(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = create_backup(home)
        with without_server(home / "uploads"), pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patched:
            patched.setenv("JAWAB_UPLOADS", str(home / "uploads"))
            main(["restore", "--index", str(home / "index"), str(file)])
        assert "stop it" in capsys.readouterr().err


class TestDamage:
    @pytest.mark.parametrize("part", range(12))
    def test_flipped_byte_is_detected_and_nothing_restored(
        self, shared_home: Path, file: Path, tmp_path: Path, part: int
    ) -> None:
        content = bytearray(file.read_bytes())
        # Within the data: the end of the archive is padding.
        position = len(content.rstrip(b"\0")) * part // 12 + 700
        content[position] ^= 0x20
        file.write_bytes(content)
        try:
            restore(file, tmp_path / "elsewhere")
        except JawabError as error:
            assert isinstance(error, BackupDamaged | BackupInvalid)
            assert not (tmp_path / "elsewhere" / "index").exists()
        else:
            # The byte was in the padding between members.
            assert contents(tmp_path / "elsewhere" / "index") == contents(shared_home / "index")

    @pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
    def test_truncated_backup_is_rejected(self, file: Path, tmp_path: Path, share: float) -> None:
        content = file.read_bytes().rstrip(b"\0")
        file.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(JawabError) as raised:
            restore(file, tmp_path / "elsewhere")
        assert isinstance(raised.value, BackupInvalid | BackupDamaged)

    def test_backup_of_newer_version_is_rejected(self, file: Path, tmp_path: Path) -> None:
        file = rewrite_manifest(file, tmp_path, lambda manifest: manifest | {"version": 9})
        with pytest.raises(StoreNewer):
            restore(file, tmp_path / "elsewhere")

    @pytest.mark.parametrize("name", ["../outside", "/outside", "uploads/../../outside", "collections/first/../../x"])
    def test_path_traversal_in_member_name_is_rejected(self, file: Path, tmp_path: Path, name: str) -> None:
        def rename(manifest: dict[str, object]) -> dict[str, object]:
            members = manifest["members"]
            assert isinstance(members, list)
            members[0]["name"] = name
            return manifest

        with pytest.raises(BackupInvalid):
            restore(rewrite_manifest(file, tmp_path, rename), tmp_path / "elsewhere")

    def test_catalog_with_trigger_is_rejected(self, home: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(home / "index" / FILE)) as rows, rows:
            rows.execute("CREATE TRIGGER t AFTER INSERT ON articles BEGIN DELETE FROM articles; END")
        file = create_backup(home)
        with pytest.raises(JawabError):
            restore(file, tmp_path / "elsewhere")
        assert not (tmp_path / "elsewhere" / "index").exists()

    def test_backup_resumes_after_full_disk(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def raise_disk_full(partial: Path, manifest: object, target: Path) -> None:
            raise OSError(28, "No space left on device")

        file = home.with_name("backup.tar")
        with monkeypatch.context() as patched:
            patched.setattr("ui.backup.backup.finish", raise_disk_full)
            with pytest.raises(DiskFull):
                back_up(config_in(home), file, ignore_progress)
        assert not file.exists()
        back_up(config_in(home), file, ignore_progress)
        restore(file, home.with_name("elsewhere"))


def rewrite_manifest(file: Path, folder: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> Path:
    """A backup with a changed manifest and a matching digest."""
    import hashlib
    import io

    target = folder / "rewritten.tar"
    with tarfile.open(file) as old, tarfile.open(target, "w") as new:
        for info in old.getmembers():
            stream = old.extractfile(info)
            assert stream
            content = stream.read()
            if info.name == MANIFEST:
                content = written = json.dumps(change(json.loads(content))).encode()
            elif info.name == "manifest.sha256":
                content = hashlib.sha256(written).hexdigest().encode()
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    return target


@pytest.fixture
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Points the environment variables of the program at a data folder."""

    def use(folder: Path) -> None:
        for name, path in {
            "INDEX": "index", "COLLECTIONS": "collections", "UPLOADS": "uploads",
            "CONVERSATIONS": "conversations.sqlite", "KEYS": "keys.json", "LOGINS": "logins.json",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"JAWAB_{name}", str(folder / path))
        monkeypatch.setenv("JAWAB_EMBEDDER", "fake")
        monkeypatch.setenv("JAWAB_LLM", "fake")

    yield use


@pytest.mark.parametrize("language", ["en", "ar"])
def test_backup_and_restore_commands(
    home: Path,
    tmp_path: Path,
    environment: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    language: str,
) -> None:
    monkeypatch.setenv("JAWAB_LANG", language)
    environment(home)
    main(["ask", "--json", QUESTIONS[0]])
    asked = Answer.of_json(json.loads(capsys.readouterr().out))
    main(["backup", str(tmp_path / "all.tar")])
    assert str(tmp_path / "all.tar") in capsys.readouterr().out
    environment(tmp_path / "elsewhere")
    main(["restore", str(tmp_path / "all.tar")])
    assert "JAWAB_LLM" in capsys.readouterr().out
    main(["ask", "--json", QUESTIONS[0]])
    again = Answer.of_json(json.loads(capsys.readouterr().out))
    assert again.answer == asked.answer
    assert again.citations == asked.citations
