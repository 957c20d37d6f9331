"""Makes files that are nearly right: small valid ones of every format, damaged in the ways that break readers.

`damaged(suffix, number)` is the same bytes every time, so that a file that broke a reader can be made again:

    python -c "from tests.fuzz import damaged; print(damaged('.docx', 17))"
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import cache

_TEXT = "The tram opened on Saturday, 13 March 2022. It carried 200 people along the coast, said the driver."
_ARABIC = "انطلقت أولى عربات الترام صباح السبت، ١٣ آذار ٢٠٢٢. وقالت السائقة إن «الرحلة» لم تتأخر."

_MAGIC = (
    b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\xaf",
    b"PK\x03\x04", b"PK\x05\x06", b"%PDF-1.7\n", b"<!DOCTYPE x [<!ENTITY a \"b\">]>", b"&a;", b"&#xd800;", b"&#0;",
    b"<![CDATA[", b"]]>", b"<!--", b"\xd9\x8b" * 60, b"\xe2\x80\xae", b"%n%s", b"../../", b"-1", b"0", b"1e999", b"NaN",
    b"9" * 30, b"\"", b"'", b"{", b"}", b"[" * 200, b"(" * 200, b"<div>" * 200, b"---\n", b"\r", b"\n" * 50, b"\\ud800",
    b"\\u0000", b"!!python/object:os.system", b"&x [*x, *x]", b"=cmd|' /C calc'!A0", b"\t", b",", b";" * 40, b"\x1b[2J",
)  # fmt: skip

Mutation = Callable[[bytes, random.Random], bytes]


def damaged(suffix: str, number: int) -> bytes:
    """The `number`-th damaged file of a format."""
    chance = random.Random(f"{suffix} {number}")
    data = chance.choice(seeds()[suffix])
    mutations = [*_ON_BYTES, *(_ON_PACKAGES * 3 if data.startswith(b"PK") else _ON_TEXT)]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        data = chance.choice(mutations)(data, chance)
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), chance.choice((1, 1, 3, 20)))):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _replace_bytes(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance, 16)
    return data[:start] + chance.randbytes(end - start) + data[end:]


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _remove(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance, len(data))
    return data[:start] + data[end:]


def _duplicate(data: bytes, chance: random.Random) -> bytes:
    start, end = _stretch(data, chance, 400)
    return data[:end] + data[start:end] * chance.choice((1, 2, 50)) + data[end:]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.choice(_MAGIC) + data[place:]


def _splice(data: bytes, chance: random.Random) -> bytes:
    """The beginning of this file and the end of another, perhaps of another format."""
    other = chance.choice(seeds()[chance.choice(sorted(seeds()))])
    return _truncate(data, chance) + other[chance.randrange(len(other)) :]


def _stretch(data: bytes, chance: random.Random, longest: int) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.randint(1, max(1, longest)))


_ON_BYTES: list[Mutation] = [_flip, _replace_bytes, _truncate, _remove, _duplicate, _insert, _splice]


def _shuffle_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _cut_tokens(data: bytes, chance: random.Random) -> bytes:
    """Every one of a kind of mark is lost, doubled, or becomes another."""
    marks = [
        b"<",
        b">",
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\n",
        b"/",
        b"=",
        b" ",
        b"-",
        b"(",
        b")",
        b"&",
        b";",
    ]
    return data.replace(chance.choice(marks), chance.choice([b"", *marks, b"<<", b'""', b"\r\n", b"[["]))


def _change_number(data: bytes, chance: random.Random) -> bytes:
    digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if not digits:
        return data
    place = chance.choice(digits)
    return (
        data[:place] + chance.choice((b"-1", b"0", b"4294967296", b"9" * 25, b"", b"2.5", b"null")) + data[place + 1 :]
    )


def _nest(data: bytes, chance: random.Random) -> bytes:
    """A stretch is put into itself, over and over."""
    start, end = _stretch(data, chance, 60)
    depth = chance.choice((10, 300, 3000))
    return data[:start] + data[start:end] * depth + data[end:]


def _other_encoding(data: bytes, chance: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(
        chance.choice(("utf-16", "utf-16-be", "cp1256", "latin-1", "utf-7")), "replace"
    )


_ELEMENT = re.compile(rb"<([\w:.-]+)[^<>]*(?:/>|>[^<]*</\1>)")
_ATTRIBUTE = re.compile(rb'="([^"<>]*)"')


def _change_element(data: bytes, chance: random.Random) -> bytes:
    """What stays well-formed: an element is lost, repeated or put into itself, an attribute gets another value."""
    found = list(_ELEMENT.finditer(data))
    if not found:
        return data
    element = chance.choice(found)
    whole, name = element.group(), element.group(1)
    values = [b"", b"-1", b"99999999999", b"x", b"../../x", b"rId1", *(m.group(1) for m in _ATTRIBUTE.finditer(data))]
    other = chance.choice(
        [
            b"",
            whole * 30,
            chance.choice(found).group(),
            (b"<%b>" % name) * 200 + whole + (b"</%b>" % name) * 200,
            _ATTRIBUTE.sub(lambda _: b'="' + chance.choice(values) + b'"', whole),
        ]
    )
    return data[: element.start()] + other + data[element.end() :]


_ON_TEXT: list[Mutation] = [
    _change_element,
    _change_element,
    _shuffle_lines,
    _cut_tokens,
    _change_number,
    _nest,
    _other_encoding,
]


def _damage_member(data: bytes, chance: random.Random) -> bytes:
    members = _members(data)
    if not members:
        return data
    name = chance.choice(sorted(members))
    mutations = [*_ON_BYTES, *_ON_TEXT, *[_change_element] * 8]
    return zipped({**members, name: chance.choice(mutations)(members[name], chance)})


def _lose_member(data: bytes, chance: random.Random) -> bytes:
    members = _members(data)
    lost = chance.choice(sorted(members)) if members else ""
    return zipped({name: content for name, content in members.items() if name != lost})


def _rename_member(data: bytes, chance: random.Random) -> bytes:
    members = _members(data)
    if not members:
        return data
    name = chance.choice(sorted(members))
    names = (
        "../../outside.txt",
        "/etc/outside.txt",
        "C:\\outside.txt",
        "",
        "a" * 3000 + ".txt",
        "x\n.html",
        name.upper(),
        "n.zip",
    )
    return zipped({**{n: c for n, c in members.items() if n != name}, chance.choice(names): members[name]})


def _exchange_members(data: bytes, chance: random.Random) -> bytes:
    members = _members(data)
    contents = list(members.values())
    chance.shuffle(contents)
    return zipped(dict(zip(members, contents, strict=True)))


def _members(data: bytes) -> dict[str, bytes]:
    """What can still be unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            return {name: package.read(name) for name in package.namelist()}
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, KeyError):
        return {}


_ON_PACKAGES: list[Mutation] = [*[_damage_member] * 4, _lose_member, _rename_member, _exchange_members]


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of these members, the same bytes every time."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name, content in members.items():
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


@cache
def seeds() -> dict[str, list[bytes]]:
    """Small valid files by suffix."""
    plain = [
        f"Headline\n\n{_TEXT}\n{_ARABIC}\n".encode(),
        _ARABIC.encode("cp1256", "replace") * 3,
        _TEXT.encode("utf-16"),
    ]
    both = f"Headline\n\n{_TEXT}\n{_ARABIC}\n"
    markdown = [
        f"---\ntitle: الترام\ndate: 2022-03-13\nauthor: M\ntags: [a, b]\n---\n# {both}\n\n> {_ARABIC}\n".encode(),
        f"# Headline\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n{_TEXT}".encode(),
    ]
    rows = [{"id": n, "title": "T", "text": f"{_TEXT} {_ARABIC}", "date": "2022-03-13", "lang": "en"} for n in range(3)]
    lines = ["\n".join(json.dumps(row, ensure_ascii=n == 1) for row in rows).encode() for n in range(2)]
    found = {
        ".txt": plain,
        ".md": markdown,
        ".markdown": markdown,
        ".html": [_page()],
        ".htm": [_page()],
        ".xhtml": [_xhtml("Headline")],
        ".jsonl": lines,
        ".ndjson": lines,
        ".csv": [_table(rows, ","), _table(rows, ";")],
        ".tsv": [_table(rows, "\t")],
        ".docx": [_docx()],
        ".epub": [_epub()],
        ".pdf": [pdf(), pdf(compressed=True)],
    }
    found[".zip"] = [
        zipped({f"folder/article{suffix}": files[0] for suffix, files in found.items()}),
        zipped({"a.txt": plain[0], "inner.zip": zipped({"b.txt": plain[0]})}),
    ]
    return found


def _page() -> bytes:
    return f"""<!DOCTYPE html><html lang="en"><head><title>Headline</title><meta charset="utf-8">
<meta property="article:published_time" content="2022-03-13T10:00:00Z"><meta name="author" content="M">
<script type="application/ld+json">{{"@type": "NewsArticle", "headline": "H", "datePublished": "2022-03-13"}}</script>
</head><body><nav><a href="/">Home</a></nav><article><h1>Headline</h1><p>{_TEXT * 4}</p><p dir="rtl">{_ARABIC * 4}</p>
<ul><li>{_TEXT}</li></ul><table><tr><td>1</td><td>2</td></tr></table><blockquote>{_TEXT}</blockquote></article>
<footer>2021</footer></body></html>""".encode()


def _xhtml(title: str) -> bytes:
    return f"""<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head>
<body><h1>{title}</h1><p>{_TEXT * 3}</p><p>{_ARABIC * 3}</p></body></html>""".encode()


def _table(rows: list[dict[str, object]], delimiter: str) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def _docx() -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title = "Headline"
    document.add_heading("Headline", 0)
    document.add_paragraph(_TEXT)
    document.add_paragraph(_ARABIC)
    table = document.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "both"
    made = io.BytesIO()
    document.save(made)
    # Packed again, without the time of day.
    return zipped(_members(made.getvalue()))


def _epub() -> bytes:
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        "<dc:title>Book</dc:title><dc:creator>M</dc:creator><dc:date>2022-03-13</dc:date></metadata><manifest>"
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="b" href="b%20b.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    return zipped(
        {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": container.encode(),
            "OEBPS/content.opf": package.encode(),
            "OEBPS/a.xhtml": _xhtml("One"),
            "OEBPS/b b.xhtml": _xhtml("Two"),
        }
    )


def pdf(compressed: bool = False, content: bytes | None = None, pages: bytes = b"/Kids [3 0 R] /Count 1") -> bytes:
    """A document of one page; or one with other content or another page tree, that no reader expects."""
    drawn = content or b"BT /F1 12 Tf 40 700 Td (" + _TEXT.encode() + b") Tj 0 -20 Td (Second line.) Tj ET"
    stream, kind = (zlib.compress(drawn), b" /Filter /FlateDecode") if compressed else (drawn, b"")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages " + pages + b" >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length " + str(len(stream)).encode() + kind + b" >>\nstream\n" + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title (Headline) /Author (M) /CreationDate (D:20220313100000Z) >>",
    ]
    made, places = b"%PDF-1.7\n", []
    for number, content_of in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n" % number + content_of + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(made))
    return made + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end
