"""CSV and TSV tables: one article a row. The first row names the columns, in English or Arabic; one is the text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from index.formats.encoding import decode
from index.formats.metadata import apply_metadata, text_of
from index.formats.parsed import ParsedDocument, Rejected
from index.text.folding import fold_text

SUFFIXES = (".csv", ".tsv")

_COLUMNS = {
    "text": ("text", "body", "content", "article", "نص", "النص", "المحتوى", "متن"),
    "title": ("title", "headline", "عنوان", "العنوان"),
    "date": ("date", "published", "تاريخ", "التاريخ"),
    "source": ("source", "publisher", "المصدر", "مصدر"),
    "url": ("url", "link", "الرابط", "رابط"),
    "author": ("author", "by", "الكاتب", "المؤلف"),
    "lang": ("lang", "language", "اللغة", "لغة"),
    "id": ("id", "المعرف", "رقم"),
}
_FIELD_OF = {fold_text(name): field for field, names in _COLUMNS.items() for name in names}
_LONGEST_CELL = 64_000_000
_SNIFFED = 2_000
"""Characters from which the separator is detected; the detector's time grows with their square."""


def read(data: bytes) -> Iterator[ParsedDocument | Rejected]:
    """Yield one article a row; a row without text is rejected by the number of its first line."""
    text = decode(data)
    # The default limit of the module is 128 kB a cell: an article may be longer.
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(io.StringIO(text, newline=""), _dialect(text[:_SNIFFED]))
    line = 1
    try:
        fields = [_FIELD_OF.get(fold_text(name.strip())) for name in next(rows, [])]
        if "text" not in fields:
            yield Rejected("no_text_column")
            return
        line = rows.line_num + 1
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _article({field: cell for field, cell in zip(fields, row, strict=False) if field}, line)
            line = rows.line_num + 1
    except csv.Error:
        yield Rejected("broken_csv", line)


def _dialect(beginning: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(beginning.split("\n", 1)[0], delimiters=",;\t|")
    except csv.Error:
        return csv.excel


def _article(row: Mapping[str, str], line: int) -> ParsedDocument | Rejected:
    if not row.get("text", "").strip():
        return Rejected("no_text_field", line)
    article_id = text_of(row.get("id"))
    return apply_metadata(row, ParsedDocument(text=row["text"], key=article_id or str(line), id=article_id))
