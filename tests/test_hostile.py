"""Hostile files: each is reported and its neighbours are read; nothing hangs or escapes the sandbox."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import index.formats
from index.articles import Article
from index.formats import archive, parsers
from index.formats.parsed import ParsedDocument, Rejected
from index.ingestion import parser_worker, sandbox
from index.ingestion.discovery import discover_files
from index.ingestion.parser_worker import MAX_REJECTIONS
from index.ingestion.sandbox import SandboxedParser
from index.text.chunker import split_passages
from index.text.folding import fold
from index.text.sentences import MAX_SENTENCE, sentences
from tests.fuzz import damaged, pdf, seeds, zipped
from ui.i18n import texts

Write = Callable[[str, str | bytes], Path]
DAMAGED = 5040
"""Files, spread over the formats."""


def read_folder(folder: Path, seconds: float = 20) -> tuple[dict[str, list[ParsedDocument]], dict[str, list[str]]]:
    """Reads a folder: the drafts and the reasons for refusal, by file name."""
    found = discover_files([folder])
    refused = {Path(skipped.path).name: [skipped.reason] for skipped in found.skipped}
    drafts = {}
    with SandboxedParser(seconds) as process:
        for path in found.files:
            drafts[path.name], reasons = process.read(path, path.stat().st_size)
            refused.setdefault(path.name, []).extend(reason.reason for reason in reasons)
    return drafts, refused


def refusal(folder: Path, name: str, seconds: float = 20) -> str:
    """The only reason why a file among healthy neighbours was refused; the neighbours must be read."""
    for neighbour in ("0.txt", "~.txt"):
        (folder / neighbour).write_text(f"The neighbour {neighbour} is read.")
    drafts, refused = read_folder(folder, seconds)
    for neighbour in ("0.txt", "~.txt"):
        assert [draft.text for draft in drafts[neighbour]] == [f"The neighbour {neighbour} is read."]
    assert not drafts.get(name)
    (reason,) = refused[name]
    assert f"skipped.{reason}" in texts("en")
    return reason


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "articles").mkdir()
    return tmp_path / "articles"


# --- the sandbox


def test_sandbox_returns_same_documents_as_parser(write: Write) -> None:
    path = write("a.md", "---\ntitle: الترام\ndate: 2022-03-13\n---\nانطلقت أولى عربات الترام.")
    with SandboxedParser() as process:
        assert process.read(path, path.stat().st_size) == (list(parsers()[".md"](path.read_bytes())), [])


def fake_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Adds a format ".bad", known only to the child, whose parser runs `code`."""
    (tmp_path / "bad_reader.py").write_text(
        "import ctypes, os, sys, time\nfrom index.ingestion import parser_worker\n"
        "from index.formats import parsers\n"
        f"def read(data):\n    {code}\n    yield parser_worker.ParsedDocument('read')\n"
        "parser_worker.parsers = lambda: {**parsers(), '.bad': read}\n"
    )
    start = sandbox._START.replace("; main()", "; sys.path.append(%r); import bad_reader; main()" % str(tmp_path))  # noqa: UP031
    monkeypatch.setattr(sandbox, "_START", start)
    monkeypatch.setattr("index.ingestion.discovery.parsers", lambda: {**parsers(), ".bad": None})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("time.sleep(60)", "took_too_long"),
        ("while True: pass", "took_too_long"),
        ("ctypes.string_at(0)", "reader_crashed"),
        ("os.kill(os.getpid(), 9)", "reader_crashed"),
        ("os._exit(0)", "reader_crashed"),
        ("raise LookupError(data)", "reader_crashed"),
        ("x = bytearray(8 * 2**30)", "needs_too_much_memory"),
        ("os.write(3, b'\\xff\\xff\\xff\\xff'); time.sleep(60)", "reader_crashed"),
        ("(lambda f: f(f))(lambda f: f(f))", "nested_too_deep"),
    ],
)
def test_failing_parser_affects_only_its_file(
    code: str, reason: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_format(monkeypatch, tmp_path, code)
    (folder / "file.bad").write_text("x")
    assert refusal(folder, "file.bad", seconds=2) == reason


def test_parser_cannot_write_files_or_print(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "written"
    fake_format(
        monkeypatch,
        tmp_path,
        f"print('out'); print('error', file=sys.stderr); open({str(target)!r}, 'wb', 0).write(b'x')",
    )
    (folder / "file.bad").write_text("x")
    assert refusal(folder, "file.bad") == "cannot_be_read"
    assert not target.exists() or not target.read_bytes()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"drafts": [], "refused": [{}]}',
        b'{"drafts": [{"text": 3}], "refused": []}',
        b'{"drafts": [{"text": "abc", "language": "fr"}], "refused": []}',
        b'{"drafts": [{"text": "abc", "ignored": [{"start": 0, "end": 4}]}], "refused": []}',
        b'{"drafts": [{"text": "abc", "ignored": [{"start": -1, "end": 2}]}], "refused": []}',
        b'{"drafts": [{"text": "\xed\xa0\x80"}], "refused": []}',
    ],
)
def test_invalid_child_response_is_rejected(answer: bytes) -> None:
    with pytest.raises(sandbox._ChildFailed):
        sandbox._checked(answer)


def test_failed_file_is_retried_in_fresh_child(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import __main__; seen = getattr(__main__, 'seen', 0); __main__.seen = seen + 1; seen and os.abort()"
    fake_format(monkeypatch, tmp_path, code)
    for name in ("1.bad", "2.bad"):
        (folder / name).write_text("x")
    drafts, refused = read_folder(folder)
    assert {name: len(found) for name, found in drafts.items()} == {"1.bad": 1, "2.bad": 1}
    assert not any(refused.values())


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_child_exits_with_parent(kill: int, write: Write) -> None:
    path = write("a.txt", "text")
    code = (
        "import sys, time; from pathlib import Path; from index.ingestion.sandbox import SandboxedParser\n"
        f"with SandboxedParser() as parser:\n    parser.read(Path({str(path)!r}), 4)\n"
        "    print(parser._child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(kill)
    parent.communicate()
    until = time.monotonic() + 10
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(child)


def is_running(process: int) -> bool:
    """False for a zombie process, too."""
    try:
        return (
            subprocess.run(
                ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=True
            ).stdout[0]
            != "Z"
        )
    except subprocess.CalledProcessError:
        return False


def test_child_limits_its_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system ends an endless loop without the parent: processor time is limited before a file is opened."""
    set_limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: set_limits.append((which, limits)))
    parser_worker._limit_processor_time(60)
    ((which, (soft, _)),) = set_limits
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert which == resource.RLIMIT_CPU
    assert 60 <= soft - (used.ru_utime + used.ru_stime) <= 70


# --- names and kinds of file


def test_named_pipe_is_skipped_without_blocking(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    assert refusal(folder, "pipe.txt") == "not_a_file"


def test_socket_is_skipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.txt")
        assert refusal(folder, "socket.txt") == "not_a_file"


@pytest.mark.parametrize("swap", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname"), lambda path: path.mkdir()])
def test_file_swapped_after_listing_is_not_read(swap: Callable[[Path], None], folder: Path) -> None:
    path = folder / "x.txt"
    swap(path)
    with SandboxedParser(seconds=5) as process:
        assert process.read(path, 10) == ([], [Rejected("not_a_file")])


def test_missing_file_raises_file_not_found(folder: Path) -> None:
    with SandboxedParser() as process, pytest.raises(FileNotFoundError):
        process.read(folder / "gone.txt", 10)


def test_symlinks_out_of_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (folder / ".hidden.txt").write_text("hidden")
    (folder / "real.txt").write_text("real")
    (folder / "inside.txt").symlink_to("real.txt")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "to_hidden.txt").symlink_to(".hidden.txt")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "nowhere.txt").symlink_to("nowhere")
    (folder / "circle").symlink_to(folder)
    assert [path.name for path in discover_files([folder]).files] == ["real.txt"]


def test_undecodable_file_name_is_rejected_newline_is_allowed(folder: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    (folder / "two\nlines.txt").write_text("An article.")
    found = discover_files([folder])
    assert [path.name for path in found.files] == ["two\nlines.txt"]
    assert [(Path(skipped.path).name, skipped.reason) for skipped in found.skipped] == [
        ("\\xff\\xfe.txt", "name_not_text")
    ]


def test_folders_nested_beyond_recursion_limit_are_searched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = sys.getrecursionlimit() + 200
    monkeypatch.chdir(folder)
    for _ in range(depth):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
    Path("deep.txt").write_text("deep")
    found = discover_files([folder])
    # Removed here, as the library that clears temporary folders recurses into each.
    Path("deep.txt").unlink()
    for _ in range(depth):
        os.chdir("..")
        os.rmdir("d")  # noqa: PTH106
    assert [path.name for path in found.files] == ["deep.txt"]
    assert found.skipped == []


def test_ten_thousand_files_are_listed_quickly(folder: Path) -> None:
    for number in range(10_000):
        (folder / f"{number}.txt").touch()
    start = time.process_time()
    assert len([path.stat() for path in discover_files([folder]).files]) == 10_000
    # A tenth of a second on an idle machine; comparing each name with each took minutes.
    assert time.process_time() - start < 10


# --- contents


def entities() -> str:
    """A document type with a billion-laughs entity and an external one."""
    levels = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    return f'<!DOCTYPE x [<!ENTITY a "laugh">{levels}<!ENTITY file SYSTEM "file:///etc/passwd">]>'


def package_with(suffix: str, member: str, content: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(seeds()[suffix][0])) as package:
        return zipped({**{name: package.read(name) for name in package.namelist()}, member: content})


@pytest.mark.parametrize("entity", ["j", "file"])
@pytest.mark.parametrize("suffix", [".html", ".xhtml", ".docx", ".epub"])
def test_xml_entities_are_not_expanded_or_loaded_from_files(entity: str, suffix: str, folder: Path) -> None:
    page = (
        f"{entities()}<html><body><article><p>The tram opened on Saturday.</p><p>&{entity};</p></article></body></html>"
    )
    content = page.encode()
    if suffix == ".epub":
        content = package_with(suffix, "OEBPS/a.xhtml", content)
    if suffix == ".docx":
        space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        body = (
            f'<w:document xmlns:w="{space}"><w:body><w:p><w:r><w:t>&{entity};</w:t></w:r></w:p></w:body></w:document>'
        )
        content = package_with(suffix, "word/document.xml", f"{entities()}{body}".encode())
    (folder / f"x{suffix}").write_bytes(content)
    drafts, _ = read_folder(folder)
    text = "".join(draft.text for draft in drafts[f"x{suffix}"])
    assert "root:" not in text
    assert text.count("laugh") <= 1000


def zeros(size: int) -> bytes:
    return zipped({"word/document.xml": b"\0" * size, "x.txt": b" a" * (size // 2)})


def test_zip_bomb_in_docx_is_not_unpacked(folder: Path) -> None:
    (folder / "bomb.docx").write_bytes(zeros(200_000_000))
    assert refusal(folder, "bomb.docx") == "unpacks_too_large"


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_zip_bomb_in_archive_is_not_unpacked(levels: int, folder: Path) -> None:
    bomb = zeros(100_000_000)
    for _ in range(levels):
        bomb = zipped({f"{number}.zip": bomb for number in range(3)})
    (folder / "bomb.zip").write_bytes(bomb)
    start = time.monotonic()
    drafts, refused = read_folder(folder)
    assert drafts["bomb.zip"] == []
    assert set(refused["bomb.zip"]) <= {"archive_too_large", "archive_in_archive"}
    assert refused["bomb.zip"]
    assert time.monotonic() - start < 20


def test_path_traversal_in_archive_is_sanitized(folder: Path) -> None:
    (folder / "a.zip").write_bytes(zipped({"../../outside.txt": b"One.", "/etc/outside.txt": b"Two."}))
    drafts, _ = read_folder(folder)
    assert sorted(draft.text for draft in drafts["a.zip"]) == ["One.", "Two."]
    assert not any(".." in draft.key or draft.key.startswith("/") for draft in drafts["a.zip"])
    assert not list(folder.parent.rglob("outside.txt"))


def test_too_large_file_is_not_opened(folder: Path) -> None:
    with (folder / "large.txt").open("wb") as file:
        file.truncate(2 * 2**30)
    with (folder / "large.zip").open("wb") as file:
        file.truncate(archive.LARGEST_ARCHIVE + 1)
    _, refused = read_folder(folder)
    assert refused == {"large.txt": ["too_large"], "large.zip": ["archive_too_large"]}
    # Neither is a file that grew after it was listed.
    with SandboxedParser() as process:
        assert process.read(folder / "large.txt", 10) == ([], [Rejected("too_large")])


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nested.jsonl": (lambda: b"[" * 100_000, "broken_json"),
    "nested.html": (lambda: b"<html><body>" + b"<div>" * 100_000 + b"text", "no_article"),
    "surrogate.jsonl": (lambda: rb'{"text": "half a character: \ud800"}', "not_text"),
    "zeros.txt": (lambda: b"\0" * 5_000_000, "not_text"),
    "no_rows.csv": (lambda: b"text,title\n", "empty"),
    "mark_only.txt": (lambda: b"\xef\xbb\xbf", "empty"),
    "quotes.csv": (lambda: b'";' * 2_000_000, "no_text_column"),
    "pages.pdf": (lambda: pdf(pages=b"/Kids [2 0 R 2 0 R] /Count 2"), "pdf_no_text"),
    "states.pdf": (lambda: pdf(compressed=True, content=b"q " * 2_000_000), "pdf_no_text"),
    "nested.pdf": (
        lambda: b"%PDF-1.7\n1 0 obj\n" + b"[" * 500_000 + b"\nendobj\ntrailer\n<</Root 1 0 R>>\n",
        "broken_document",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_reported_and_neighbours_are_read(name: str, folder: Path) -> None:
    content, reason = HOSTILE[name]
    (folder / name).write_bytes(content())
    assert refusal(folder, name) == reason


@pytest.mark.parametrize("opening", ["- ", "[", "{a: "])
def test_deeply_nested_front_matter_is_read_as_text(opening: str, folder: Path) -> None:
    """Like front matter with any other error. PyYAML before 6.0.4 crashed the process."""
    text = f"---\n{opening * 100_000}a\n---\ntext"
    (folder / "nested.md").write_text(text)
    (folder / "~.txt").write_text("The neighbour is read.")
    drafts, refused = read_folder(folder)
    assert drafts == {
        "nested.md": [ParsedDocument(text=text)],
        "~.txt": [ParsedDocument(text="The neighbour is read.")],
    }
    assert refused == {"nested.md": [], "~.txt": []}


def test_pdf_bomb_ends_only_the_child(folder: Path) -> None:
    path, healthy = folder / "bomb.pdf", folder / "healthy.pdf"
    path.write_bytes(pdf(compressed=True, content=b" " * 1_200_000_000))
    healthy.write_bytes(pdf())
    with SandboxedParser() as process:
        drafts, (refused,) = process.read(path, path.stat().st_size)
        assert not drafts
        assert refused.reason in ("reader_crashed", "needs_too_much_memory", "broken_document", "pdf_no_text")
        assert len(process.read(healthy, 1000)[0]) == 1


def test_pdf_with_wrong_counts_is_read_or_reported(folder: Path) -> None:
    (folder / "xref.pdf").write_bytes(pdf().replace(b"xref\n0 7", b"xref\n0 4294967295"))
    (folder / "size.pdf").write_bytes(pdf().replace(b"/Size 7", b"/Size 2147483647"))
    (folder / "count.pdf").write_bytes(pdf(pages=b"/Kids [3 0 R] /Count 2000000000"))
    drafts, refused = read_folder(folder)
    assert all(len(drafts[name]) + len(refused[name]) == 1 for name in ("xref.pdf", "size.pdf", "count.pdf"))


def test_reported_refusals_per_file_are_limited(folder: Path) -> None:
    (folder / "x.jsonl").write_bytes(b"{}\n" * 300_000 + b'{"text": "An article."}')
    drafts, refused = read_folder(folder, seconds=60)
    assert [draft.text for draft in drafts["x.jsonl"]] == ["An article."]
    assert len(refused["x.jsonl"]) == MAX_REJECTIONS + 1
    assert refused["x.jsonl"][-1] == "and_more"


def test_articles_per_file_are_limited(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_worker, "MAX_ARTICLES", 3)
    (folder / "x.jsonl").write_bytes(b'{"text": "a"}\n{}\n' * 5)
    parts = parser_worker.read_file(folder / "x.jsonl")
    assert [type(part) for part in parts] == [ParsedDocument, Rejected] * 3 + [Rejected]
    assert parts[-1] == Rejected("too_many_articles")


def test_csv_with_million_columns_is_read(folder: Path) -> None:
    (folder / "x.csv").write_bytes(b"text" + b"," * 1_000_000 + b"\nAn article." + b"," * 1_000_000)
    drafts, _ = read_folder(folder)
    assert [draft.text for draft in drafts["x.csv"]] == ["An article."]


def test_long_titles_and_surrogates_are_sanitized(folder: Path) -> None:
    line = json.dumps({"text": "An article.", "title": "t" * 1_000_000, "author": "\ud800", "id": "\udc00"})
    (folder / "x.jsonl").write_text(line)
    drafts, _ = read_folder(folder)
    (draft,) = drafts["x.jsonl"]
    assert draft.title == "t" * 999 + "…"
    assert (draft.author, draft.id) == ("\\ud800", "\\udc00")


def test_front_matter_with_crlf_is_parsed(folder: Path) -> None:
    (folder / "x.md").write_bytes(b"---\r\ntitle: T\r\n---\r\nFirst.\r\n\r\nSecond.\r\n")
    drafts, _ = read_folder(folder)
    (draft,) = drafts["x.md"]
    assert draft.text[draft.ignored[0].end :] == "First.\r\n\r\nSecond.\r\n"


# --- texts


LONG: dict[str, Callable[[int], str]] = {
    "words": lambda n: "word " * (n // 5),
    "one word": lambda n: "a" * n,
    "brackets": lambda n: "(" * n,
    "quotes": lambda n: '"' * n,
    "full stops": lambda n: "." * n,
    "ends": lambda n: ".!?" * (n // 3),
    "initials": lambda n: "A." * (n // 2),
    "sentences": lambda n: "a. " * (n // 3),
    "a full stop and quotes": lambda n: "." + '"' * n + "x",
    "a coded tail": lambda n: "aXA6" * (n // 4) + "=",
    "marks": lambda n: "a" + "\u064b" * n,
    "stars": lambda n: "a.\n" + "*\n" * (n // 2),
    "spaces, then stars": lambda n: "a" + " " * (n // 2) + "\n" + "*\n" * (n // 4),
    "stars on one line": lambda n: "a. " + "* . " * (n // 4),
    "line breaks": lambda n: "\n" * n + "x",
    "ligatures": lambda n: "ﷺ" * (n // 10),
}


@pytest.mark.parametrize("kind", LONG)
def test_very_long_line_is_split_in_linear_time(kind: str) -> None:
    """Quadratic time would take an hour."""
    text = LONG[kind](300_000)
    start = time.process_time()
    found = sentences(text)
    passages = list(split_passages(Article("a", "t", text, "en")))
    fold(text)
    assert time.process_time() - start < 6
    assert all(span.end - span.start <= MAX_SENTENCE for span in found)
    assert all(text[span.start : span.end].strip() for span in passages)


# --- every parser, thousands of damaged files


def test_thousands_of_damaged_files_crash_no_parser(tmp_path: Path) -> None:
    assert parsers().keys() == seeds().keys(), "every format has files to be damaged (tests/fuzz.py)"
    errors, failures = CapturedErrors(), []
    each = DAMAGED // len(seeds())
    outcomes = {suffix: [0, 0] for suffix in seeds()}
    with errors, SandboxedParser(seconds=10, errors=errors.end) as process:
        for suffix, number in ((suffix, number) for suffix in sorted(seeds()) for number in range(each)):
            path = tmp_path / f"file{suffix}"
            path.write_bytes(damaged(suffix, number))
            drafts, refused = process.read(path, path.stat().st_size)
            assert drafts or refused
            outcomes[suffix][0] += bool(drafts)
            outcomes[suffix][1] += bool(refused)
            failures += [(suffix, number, part.reason) for part in refused if part.reason in BROKEN]
            assert all(f"skipped.{part.reason}" in texts("en") for part in refused)
            assert all(draft.text.strip() and draft.text.encode() for draft in drafts)
    assert failures == []
    assert b"Traceback" not in errors.text, errors.text.decode()
    # The damage is large enough to matter, and small enough to get past the first check.
    assert all(0.04 * each < count for counts in outcomes.values() for count in counts), outcomes


BROKEN = ("reader_crashed", "took_too_long", "needs_too_much_memory", "cannot_be_read", "unknown_format", "not_a_file")


class CapturedErrors:
    """Captures what is written to `end`: a pipe, as the child may write to no file."""

    def __enter__(self) -> None:
        reading_end, self.end = os.pipe()
        self.text = b""
        self._thread = threading.Thread(target=lambda: self._collect(reading_end))
        self._thread.start()

    def _collect(self, reading_end: int) -> None:
        with os.fdopen(reading_end, "rb") as stream:
            self.text = stream.read()

    def __exit__(self, *_: object) -> None:
        os.close(self.end)
        self._thread.join()


@pytest.mark.parametrize("suffix", sorted(parsers()))
def test_fuzz_seeds_are_valid(suffix: str) -> None:
    for content in seeds()[suffix]:
        assert any(isinstance(part, ParsedDocument) for part in index.formats.parsers()[suffix](content))


def test_fuzzing_is_deterministic() -> None:
    code = (
        "import sys; from tests.fuzz import damaged\nsys.stdout.buffer.write(damaged('.docx', 5) + damaged('.html', 5))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent.parent, capture_output=True, check=True
    )
    assert again.stdout == damaged(".docx", 5) + damaged(".html", 5)
