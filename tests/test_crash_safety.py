"""Index operations are atomic and damage is detected: kill -9, full disks, two writers, flipped bits."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from index.errors import IndexDamaged, IndexLocked
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.planner import IndexingReport
from index.recovery import check_integrity, repair
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.storage.lock import FILE, LOCK
from index.storage.writing import writing

Write = Callable[[str, str | bytes], Path]
Index = Callable[..., IndexingReport]
Search = Callable[[], Retriever]

KILLS = 120
FLIPS = 60


def test_update_is_atomic_under_sigkill(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash_index_worker", str(tmp_path), str(KILLS)]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["between"] == []
    assert found["old"] + found["new"] == KILLS
    # Otherwise the kills came all too early or all too late to prove anything.
    assert min(found["old"], found["new"]) > KILLS // 20


def test_lock_released_late_by_killed_process_is_awaited(tmp_path: Path) -> None:
    """As when a process is killed between the fork and exec of a reader, which inherits the lock's descriptor."""
    lock = tmp_path / "index" / LOCK
    lock.parent.mkdir()
    script = f"""
import fcntl, os, signal, subprocess
lock = os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
subprocess.Popen(["sleep", "0.4"], pass_fds=[lock], stdin=subprocess.DEVNULL)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    with writing(tmp_path / "index") as catalog:
        assert catalog.count_articles() == 0


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can mount a small disk")
def test_full_disk_loses_no_data(write: Write, tmp_path: Path) -> None:
    write("a.txt", "First\n\nThe first article.")
    write("b.jsonl", "".join(json.dumps({"text": f"Article {n}. " + "It is long. " * 200}) + "\n" for n in range(400)))
    script = f"""
set -e
mount -t tmpfs -o size=2m none {tmp_path}/disk
cd {Path(__file__).parent.parent}
export JAWAB_EMBEDDER=fake JAWAB_LANG=en
jawab() {{ {sys.executable} -c "from ui.cli import main; main()" "$@"; }}
jawab index {tmp_path}/articles/a.txt --index {tmp_path}/disk/index
jawab index {tmp_path}/articles/b.jsonl --index {tmp_path}/disk/index && exit 9
jawab doctor --index {tmp_path}/disk/index || true
jawab articles --json --index {tmp_path}/disk/index
"""
    (tmp_path / "disk").mkdir()
    done = subprocess.run(["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=True)
    assert "is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert '"id": "a"' in done.stdout
    assert "b-1" not in done.stdout


def test_reader_sees_old_snapshot_until_commit(write: Write, indexed: Index, retriever: Search, tmp_path: Path) -> None:
    write("a.txt", "Volcano\n\nThe volcano erupted at night.")
    indexed()
    reader = retriever()
    with writing(tmp_path / "index") as catalog, catalog.transaction():
        catalog.remove("a")
        catalog.next_generation()
        assert reader.search("When did the volcano erupt?")[0].article.id == "a"
    assert reader.search("When did the volcano erupt?") == []


def test_writer_is_not_blocked_by_reader(write: Write, indexed: Index, retriever: Search, tmp_path: Path) -> None:
    write("a.txt", "Volcano\n\nThe volcano erupted at night.")
    indexed()
    reader = retriever()
    with reader.catalog.snapshot():
        assert reader.catalog.count_articles() == 1
        remove_articles(tmp_path / "index", ["a"])
        assert reader.catalog.count_articles() == 1
    assert reader.catalog.count_articles() == 0
    # The next writer settles the pages that the reader held back; after that the integrity check passes.
    indexed()
    assert not check_integrity(tmp_path / "index")


def test_second_writer_raises_index_locked(write: Write, indexed: Index, tmp_path: Path) -> None:
    write("a.txt", "First\n\nThe first article.")
    indexed()
    with writing(tmp_path / "index"):
        for attempt in (
            indexed,
            lambda: remove_articles(tmp_path / "index", ["a"]),
            lambda: check_integrity(tmp_path / "index"),
        ):
            with pytest.raises(IndexLocked):
                attempt()
    assert not check_integrity(tmp_path / "index")


@pytest.fixture
def collection(write: Write, indexed: Index, tmp_path: Path) -> Path:
    """An index of a dozen articles in both languages, one of them a duplicate."""
    for number in range(10):
        write(f"{number}.txt", f"Headline {number}\n\n" + f"Sentence {number} speaks of subject {number * 7}. " * 30)
    write("arabic.txt", "البركان\n\nثار البركان ليلاً في الجزيرة، وغادر السكان بيوتهم. " * 20)
    write("copy.txt", (tmp_path / "articles" / "arabic.txt").read_bytes())
    indexed()
    return tmp_path / "index"


def test_bit_flip_is_detected_and_repaired(collection: Path, tmp_path: Path) -> None:
    assert not check_integrity(collection)
    whole = _texts(collection)
    chance = random.Random(8)
    # SQLite's -shm file beside an open database is shared memory, recreated by the first connection.
    files = [path for path in sorted(collection.iterdir()) if path.stat().st_size and "-" not in path.suffix]
    assert {path.suffix for path in files} == {".sqlite", ".sums", ".head", ".faiss"}
    lost_texts = 0
    for turn in range(FLIPS):
        damaged = tmp_path / "damaged"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(collection, damaged)
        # First every file in turn, then only the catalogue.
        path = damaged / files[turn % len(files)].name if turn < 20 else damaged / FILE
        with path.open("r+b") as file:
            file.seek(chance.randrange(path.stat().st_size))
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ (1 << chance.randrange(8))]))
        assert check_integrity(damaged), f"flip {turn} in {path.name} was not noticed"
        repaired = repair(damaged, HashEmbedder())
        assert not check_integrity(damaged)
        left = _texts(damaged)
        assert left.items() <= whole.items()
        assert len(whole) - len(left) <= 2 * len(repaired.lost)
        lost_texts += bool(repaired.lost)
        if not repaired.lost:
            assert Retriever(damaged, HashEmbedder()).search("ثار البركان")[0].article.id == "arabic"
        if repaired.lost:
            # Lost articles are restored from their source files.
            update_index(damaged, [tmp_path / "articles"], HashEmbedder())
            assert _texts(damaged) == whole
    # Most bytes are not an article's only copy of its text.
    assert lost_texts < FLIPS // 2


def _texts(folder: Path) -> dict[str, str]:
    catalog = Catalog.open(folder)
    texts = {article.id: article.text for article in catalog.articles()}
    texts |= {copy.id: texts[owner] for owner, copies in catalog.copies().items() for copy in copies}
    catalog.close()
    return texts


def test_non_database_catalogue_raises_index_damaged(collection: Path) -> None:
    (collection / FILE).write_bytes(b"this is no database" * 1000)
    assert check_integrity(collection)
    with pytest.raises(IndexDamaged):
        Retriever(collection, HashEmbedder())
