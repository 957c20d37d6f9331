"""Zip archives: members are read like files of a folder, names are sanitized, and zip bombs are rejected."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from index.formats import archive, parsers
from index.formats.parsed import ParsedDocument, Rejected
from tests.conftest import zip_of

DOCUMENTS = Path(__file__).parent / "data" / "documents"
ARABIC = "أعلن الوزير يوم الأربعاء أن المشروع سيبدأ في الصيف المقبل."


def parts(data: bytes) -> list[ParsedDocument | Rejected]:
    return list(parsers()[".zip"](data))


def test_members_of_every_format_become_articles() -> None:
    lines = "\n".join(json.dumps({"text": f"Line {number}."}) for number in (1, 2))
    data = zip_of(
        {
            "news/one.txt": ARABIC,
            "news/two.jsonl": lines,
            "paper.pdf": (DOCUMENTS / "weasyprint.ar.pdf").read_bytes(),
            "word.docx": (DOCUMENTS / "pandoc.ar.docx").read_bytes(),
            "picture.png": b"\x89PNG",
        }
    )
    found = parts(data)
    assert all(isinstance(part, ParsedDocument) for part in found)
    assert found[0] == ParsedDocument(text=ARABIC, key="news/one.txt", member="news/one.txt")
    assert [(part.member, getattr(part, "key", "")) for part in found] == [
        ("news/one.txt", "news/one.txt"),
        ("news/two.jsonl", "news/two.jsonl#1"),
        ("news/two.jsonl", "news/two.jsonl#2"),
        ("paper.pdf", "paper.pdf"),
        ("word.docx", "word.docx"),
    ]


def test_read_accepts_file_object() -> None:
    assert list(archive.read(io.BytesIO(zip_of({"a.txt": "Text."})))) == parts(zip_of({"a.txt": "Text."}))


def test_hidden_and_temporary_members_are_skipped() -> None:
    data = zip_of(
        {".hidden/a.txt": "x", "__MACOSX/a.txt": "x", "a/.b.txt": "x", "~$a.docx": "x", "a/": "", "b.txt": "Text."}
    )
    assert [part.member for part in parts(data)] == ["b.txt"]


def test_unreadable_members_are_rejected_by_name() -> None:
    data = zip_of(
        {
            "a.txt": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
            "b.pdf": "no pdf",
            "c.jsonl": '{"text": "Text."}\n{broken',
            "d.txt": "",
            "e.txt": "Text.",
        }
    )
    assert parts(data) == [
        Rejected("not_text", member="a.txt"),
        Rejected("broken_document", member="b.pdf"),
        ParsedDocument(text="Text.", key="c.jsonl#1", member="c.jsonl"),
        Rejected("broken_json", 2, member="c.jsonl"),
        Rejected("empty", member="d.txt"),
        ParsedDocument(text="Text.", key="e.txt", member="e.txt"),
    ]


def test_nested_archive_is_read_one_level_deep() -> None:
    deepest = zip_of({"x.txt": "Deep."})
    data = zip_of({"in/a.zip": zip_of({"b.txt": "Text.", "c.zip": deepest}), "broken.zip": "no zip"})
    assert parts(data) == [
        ParsedDocument(text="Text.", key="in/a.zip/b.txt", member="in/a.zip/b.txt"),
        Rejected("archive_in_archive", member="in/a.zip/c.zip"),
        Rejected("broken_document", member="broken.zip"),
    ]


@pytest.mark.parametrize("data", [b"no zip", zip_of({"a.txt": "text"})[:30]])
def test_non_archive_is_rejected(data: bytes) -> None:
    assert parts(data) == [Rejected("broken_document")]


def test_damaged_member_does_not_affect_others() -> None:
    data = bytearray(zip_of({"a.txt": "The first text. " * 9, "b.txt": "Text."}))
    data[data.index(b"a.txt") + 8] ^= 0xFF
    assert parts(bytes(data)) == [
        Rejected("broken_document", member="a.txt"),
        ParsedDocument(text="Text.", key="b.txt", member="b.txt"),
    ]


def test_encrypted_member_is_rejected() -> None:
    data = bytearray(zip_of({"a.txt": "Text."}))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    assert parts(bytes(data)) == [Rejected("broken_document", member="a.txt")]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1256", "cp720"])
def test_arabic_member_names_are_decoded(encoding: str) -> None:
    assert [part.member for part in parts(zip_with_name("أخبار/السد.txt".encode(encoding)))] == ["أخبار/السد.txt"]


def test_cp437_member_names_are_decoded() -> None:
    assert [part.member for part in parts(zip_with_name("café.txt".encode("cp437")))] == ["café.txt"]


def zip_with_name(name: bytes) -> bytes:
    """An archive whose member's name is these bytes, without a declared encoding."""
    placeholder = "x" * (len(name) - 4) + ".txt"
    return zip_of({placeholder: "Text."}).replace(placeholder.encode(), name)


def test_member_names_are_sanitized_and_keys_unique() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name in ("../../etc/a.txt", "etc/a.txt", "/etc/a.txt", "C:\\etc\\a.txt", "etc/./a.txt", "e\u202etc/b.txt"):
            package.writestr(name, name)
    found = parts(made.getvalue())
    assert [part.member for part in found] == [
        "etc/a.txt",
        "etc/a (2).txt",
        "etc/a (3).txt",
        "etc/a (4).txt",
        "etc/a (5).txt",
        "etc/b.txt",
    ]
    assert [part.key for part in found if isinstance(part, ParsedDocument)] == [part.member for part in found]


def test_zip_bomb_is_rejected_before_unpacking(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts(zip_of({"bomb.txt": bytes(20_000_000)})) == [Rejected("archive_too_large")]
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 1_000)
    assert parts(zip_of({"a.txt": "x" * 600, "b.txt": "x" * 600})) == [Rejected("archive_too_large")]
    nested = zip_of({"a.txt": "x" * 500, "in.zip": zip_of({"b.txt": "y" * 900})})
    assert [type(part) for part in parts(nested)] == [ParsedDocument, Rejected]
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    assert parts(zip_of({str(number): "" for number in range(4)})) == [Rejected("archive_too_large")]


def test_oversized_member_is_rejected_unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_MEMBER", 10)
    assert parts(zip_of({"a.txt": "x" * 11, "b.txt": "x"})) == [
        Rejected("too_large", member="a.txt"),
        ParsedDocument(text="x", key="b.txt", member="b.txt"),
    ]


def test_members_are_read_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    size = 2_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as package:
        for number in range(20):
            package.writestr(f"{number}.txt", "word " * (size // 5))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            count = sum(isinstance(part, ParsedDocument) for part in archive.read(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20
    assert peak < 6 * size
