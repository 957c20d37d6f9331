"""Backups: what is in one comes back in another place, whatever breaks off in between; what is there is not touched."""

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
from ui.backup.restore import Restore, Restored, RestoreOccupied
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
        brought=home / "brought",
        conversations=home / "conversations.sqlite",
        keys=home / "keys.json",
        logins=home / "logins.json",
        password="a very secret password",
        llm="http://me:secret@127.0.0.1:1/v1#model",
        threshold=0.4,
    )


def upload(jobs: JobQueue, name: str, text: str, collection: str) -> str:
    place = jobs.begin("caller", None)
    parcel = UploadDirectory(folder=place.folder)
    with parcel.place_for(f"files/{name}").open("xb") as file:
        parcel.write(text.encode(), file)
    return jobs.accept(place, parcel, collection, "digest").id


def wait_for(jobs: JobQueue, job: str) -> None:
    while not jobs.find(job).is_over:
        time.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder that a test may change."""
    return make_home(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that no test changes, with its backup beside it."""
    home = make_home(tmp_path_factory.mktemp("untouched"))
    backed_up(home)
    return home


@pytest.fixture
def file(untouched: Path, tmp_path: Path) -> Path:
    """The backup of it, which a test may change."""
    return Path(shutil.copy(untouched.with_name("backup.tar"), tmp_path / "backup.tar"))


def make_home(folder: Path) -> Path:
    """A data folder with articles of the user's, uploaded ones, two collections, a conversation and a key."""
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


def backed_up(home: Path, first_only: bool = False) -> Path:
    file = home.with_name("backup.tar")
    back_up(config_in(home), file, ignore, first_only)
    return file


def ignore(amount: int) -> None:
    """Progress that nobody sees."""


def restore(file: Path, home: Path, embedder: HashEmbedder | None = None, replace: bool = False) -> Restored:
    with reading(file) as archive:
        return Restore(archive, Places.of(config_in(home)), lambda: embedder or HashEmbedder()).run(replace, ignore)


def found(index: Path, embedder: HashEmbedder | None = None) -> list[list[tuple[str, str, float]]]:
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
    def test_everything_comes_back_elsewhere(self, home: Path, tmp_path: Path) -> None:
        before, there = config_in(home), config_in(tmp_path / "elsewhere")
        file = backed_up(home)
        shutil.move(home, tmp_path / "gone")
        restored = restore(file, tmp_path / "elsewhere")
        shutil.move(tmp_path / "gone", home)

        assert found(there.paths.index) == found(before.paths.index)
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

    def test_uploaded_files_lie_where_this_machine_keeps_them(self, file: Path, tmp_path: Path) -> None:
        there = config_in(tmp_path / "elsewhere")
        restore(file, tmp_path / "elsewhere")
        with closing(Catalog.open(there.paths.index)) as catalog:
            path = Path(catalog.path_of("ferry") or "")
        assert path.is_relative_to(there.paths.uploads.resolve())
        assert path.read_text() == "Ferry\n\nThe ferry leaves at noon."
        # Read once more, it is the same article and not another one.
        summary = update_index(there.paths.index, [path], HashEmbedder())
        assert (summary.added, summary.updated, summary.unchanged) == ([], [], 1)

    def test_upload_that_waited_is_read_after_the_restore(self, file: Path, tmp_path: Path) -> None:
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

    def test_another_embedder_computes_all_vectors_again(self, untouched: Path, file: Path, tmp_path: Path) -> None:
        other = HashEmbedder(2048, "another-embedder")
        there = config_in(tmp_path / "elsewhere")
        restored = restore(file, tmp_path / "elsewhere", other)
        assert restored.embedded > 0
        with closing(Catalog.open(there.paths.index)) as catalog:
            assert catalog.embedder == "another-embedder"
        assert contents(there.paths.index) == contents(config_in(untouched).paths.index)
        assert [hits[0][:2] for hits in found(there.paths.index, other)] == [
            hits[0][:2] for hits in found(config_in(untouched).paths.index)
        ]
        assert not check_integrity(there.paths.index)

    def test_one_collection_alone(self, home: Path, tmp_path: Path) -> None:
        there = config_in(tmp_path / "elsewhere")
        restore(backed_up(home, first_only=True), tmp_path / "elsewhere")
        assert contents(there.paths.index) == contents(config_in(home).paths.index)
        assert len(CollectionRepository(there.paths.index, there.paths.collections).all()) == 1
        assert not there.paths.conversations.exists()

    def test_no_secret_is_in_the_archive(self, home: Path) -> None:
        file = backed_up(home)
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
    def test_made_while_others_write(self, home: Path, tmp_path: Path) -> None:
        """Every catalogue in a backup is of one state: all articles of a file or none, and what follows from them."""
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
                back_up(config, tmp_path / f"backup-{turn}.tar", ignore)
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

    def test_file_that_goes_meanwhile_is_named(self, home: Path, tmp_path: Path) -> None:
        (ferry,) = (home / "brought").rglob("ferry.txt")
        ferry.unlink()
        made = back_up(config_in(home), tmp_path / "backup.tar", ignore)
        assert [name.rpartition("/")[2] for name in made.manifest.missing] == ["ferry.txt"]
        restore(tmp_path / "backup.tar", tmp_path / "elsewhere")
        with closing(Catalog.open(tmp_path / "elsewhere" / "index")) as catalog:
            assert catalog.article("ferry").text == "Ferry\n\nThe ferry leaves at noon."


class Broken(Exception):
    """The process ends here."""


def breaking(after: int) -> Callable[[int], None]:
    """Progress that ends the work at the call of this number."""
    calls = iter(range(after))

    def advance(amount: int) -> None:
        if next(calls, None) is None:
            raise Broken

    return advance


class TestBrokenOff:
    def test_interrupted_backup_resumes_and_keeps_complete_members(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = home.with_name("backup.tar")
        for after in (0, 1, 3, 6, 9):
            with pytest.raises(Broken):
                back_up(config_in(home), file, breaking(after))
            assert not file.exists()
        added: list[str] = []
        add = archive_module._add

        def noting(tar: tarfile.TarFile, source: Source, advance: Advance) -> Member:
            added.append(source.name)
            return add(tar, source, advance)

        monkeypatch.setattr("ui.backup.archive._add", noting)
        back_up(config_in(home), file, ignore)
        assert added
        # Uploaded files were in the partial archive already; the snapshots are of now.
        assert not [name for name in added if name.startswith("uploads/")]
        restore(file, home.with_name("elsewhere"))
        assert contents(home.with_name("elsewhere") / "index") == contents(home / "index")
        assert sorted(path.name for path in home.parent.glob("backup.tar*")) == ["backup.tar"]

    @pytest.mark.parametrize("after", [0, 1, 2, 4, 7])
    def test_restore_goes_on(self, untouched: Path, file: Path, tmp_path: Path, after: int) -> None:
        there = config_in(tmp_path / "elsewhere")
        with reading(file) as archive, pytest.raises(Broken):
            Restore(archive, Places.of(there), HashEmbedder).run(False, breaking(after))
        assert not there.paths.index.exists()
        restore(file, tmp_path / "elsewhere")
        assert contents(there.paths.index) == contents(config_in(untouched).paths.index)
        assert not list((tmp_path / "elsewhere").glob("*.restoring*"))

    @pytest.mark.parametrize("failing", range(5))
    def test_restore_that_was_moving_goes_on(
        self, untouched: Path, file: Path, tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = config_in(tmp_path / "elsewhere")
        rename, renames = Path.rename, iter(range(failing))

        def breaking_rename(self: Path, target: Path) -> Path:
            if self.name.endswith(".restoring") and next(renames, None) is None:
                raise Broken
            return rename(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", breaking_rename)
            with pytest.raises(Broken):
                restore(file, tmp_path / "elsewhere")
        restored = restore(file, tmp_path / "elsewhere")
        assert restored.aside == ()
        assert contents(there.paths.index) == contents(config_in(untouched).paths.index)
        assert there.paths.conversations.exists()
        assert not list((tmp_path / "elsewhere").glob("*.restoring*"))

    def test_embedding_that_was_broken_off_goes_on(
        self, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Breaking(HashEmbedder):
            embedded = 0

            def embed_passages(
                self, texts: Sequence[PassageText], progress: Progress | None = None
            ) -> list[PassageEmbedding]:
                self.embedded += len(texts)
                if self.embedded > 2:
                    raise Broken
                return super().embed_passages(texts, progress)

        monkeypatch.setattr("index.indexer._CHUNK", 1)
        with pytest.raises(Broken):
            restore(file, tmp_path / "elsewhere", Breaking(2048, "another-embedder"))
        # Three passages are in the first collection, one is in the other; two were done.
        assert restore(file, tmp_path / "elsewhere", HashEmbedder(2048, "another-embedder")).embedded == 2
        assert not check_integrity(tmp_path / "elsewhere" / "index")


class TestRefusals:
    def test_existing_file_is_not_overwritten(self, home: Path, tmp_path: Path) -> None:
        (tmp_path / "backup.tar").write_text("mine")
        with pytest.raises(FileExists):
            back_up(config_in(home), tmp_path / "backup.tar", ignore)
        assert (tmp_path / "backup.tar").read_text() == "mine"

    def test_without_an_index_there_is_nothing_to_back_up(self, tmp_path: Path) -> None:
        with pytest.raises(IndexMissing):
            back_up(config_in(tmp_path / "none"), tmp_path / "backup.tar", ignore)
        assert not (tmp_path / "none").exists()

    def test_occupied_places_are_not_touched(self, home: Path) -> None:
        file, before = backed_up(home), files_in(home)
        with pytest.raises(RestoreOccupied):
            restore(file, home)
        assert {name: content for name, content in files_in(home).items() if "-shm" not in name} == {
            name: content for name, content in before.items() if "-shm" not in name
        }

    def test_replacing_renames_what_is_there(self, home: Path, tmp_path: Path) -> None:
        file = backed_up(home)
        remove_articles(home / "index", ["ferry"])
        restored = restore(file, home, replace=True)
        with closing(Catalog.open(home / "index")) as catalog:
            assert catalog.article("ferry")
        (aside,) = [path for path in restored.aside if path.name.startswith("index")]
        with closing(Catalog.open(aside)) as catalog:
            assert "ferry" not in [article.id for article in catalog.articles()]

    def test_place_that_a_first_start_made_is_free(self, untouched: Path, file: Path, tmp_path: Path) -> None:
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
        assert contents(there.paths.index) == contents(untouched / "index")

    def test_not_while_a_server_runs(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = backed_up(home)
        with without_server(home / "brought"), pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patched:
            patched.setenv("JAWAB_BROUGHT", str(home / "brought"))
            main(["restore", "--index", str(home / "index"), str(file)])
        assert "stop it" in capsys.readouterr().err


class TestDamage:
    @pytest.mark.parametrize("part", range(12))
    def test_flipped_byte_is_found_and_nothing_is_restored(
        self, untouched: Path, file: Path, tmp_path: Path, part: int
    ) -> None:
        content = bytearray(file.read_bytes())
        # Where something stands: the end of the archive is padding.
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
            assert contents(tmp_path / "elsewhere" / "index") == contents(untouched / "index")

    @pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
    def test_part_of_an_archive_is_no_backup(self, file: Path, tmp_path: Path, share: float) -> None:
        content = file.read_bytes().rstrip(b"\0")
        file.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(JawabError) as raised:
            restore(file, tmp_path / "elsewhere")
        assert isinstance(raised.value, BackupInvalid | BackupDamaged)

    def test_newer_archive_is_refused_by_name(self, file: Path, tmp_path: Path) -> None:
        file = rewritten(file, tmp_path, lambda manifest: manifest | {"version": 9})
        with pytest.raises(StoreNewer):
            restore(file, tmp_path / "elsewhere")

    @pytest.mark.parametrize("name", ["../outside", "/outside", "uploads/../../outside", "collections/first/../../x"])
    def test_names_that_lead_outside_are_refused(self, file: Path, tmp_path: Path, name: str) -> None:
        def rename(manifest: dict[str, object]) -> dict[str, object]:
            members = manifest["members"]
            assert isinstance(members, list)
            members[0]["name"] = name
            return manifest

        with pytest.raises(BackupInvalid):
            restore(rewritten(file, tmp_path, rename), tmp_path / "elsewhere")

    def test_catalogue_with_a_program_in_it_is_refused(self, home: Path, tmp_path: Path) -> None:
        with closing(sqlite3.connect(home / "index" / FILE)) as rows, rows:
            rows.execute("CREATE TRIGGER t AFTER INSERT ON articles BEGIN DELETE FROM articles; END")
        file = backed_up(home)
        with pytest.raises(JawabError):
            restore(file, tmp_path / "elsewhere")
        assert not (tmp_path / "elsewhere" / "index").exists()

    def test_full_disk_leaves_a_backup_to_go_on_with(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(partial: Path, manifest: object, target: Path) -> None:
            raise OSError(28, "No space left on device")

        file = home.with_name("backup.tar")
        with monkeypatch.context() as patched:
            patched.setattr("ui.backup.backup.finish", full)
            with pytest.raises(DiskFull):
                back_up(config_in(home), file, ignore)
        assert not file.exists()
        back_up(config_in(home), file, ignore)
        restore(file, home.with_name("elsewhere"))


def rewritten(file: Path, folder: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> Path:
    """A backup whose manifest somebody changed, with a digest that agrees."""
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
    """Sets the settings of the program to those of a folder."""

    def use(folder: Path) -> None:
        for name, path in {
            "INDEX": "index", "COLLECTIONS": "collections", "BROUGHT": "brought",
            "CONVERSATIONS": "conversations.sqlite", "KEYS": "keys.json", "LOGINS": "logins.json",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"JAWAB_{name}", str(folder / path))
        monkeypatch.setenv("JAWAB_EMBEDDER", "fake")
        monkeypatch.setenv("JAWAB_LLM", "fake")

    yield use


@pytest.mark.parametrize("language", ["en", "ar"])
def test_commands(
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
