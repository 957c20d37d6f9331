"""Examples that the API's documentation shows, in both languages."""

from __future__ import annotations

import json
from typing import Any

from fastapi.openapi.models import Example

ASKED: dict[str, Example] = {
    "English": {"value": {"question": "How many US troops remain in Iraq?", "since": "2021-04"}},
    "العربية": {"value": {"question": "من قادت الرحلة الأولى للترام في مرسى نورس؟", "stream": True}},
}
SEARCHED: dict[str, Example] = {
    "English": {"value": {"question": "withdrawal of troops", "k": 3, "since": "2021-04"}},
    "العربية": {"value": {"question": "القوات «عصائب أهل الحق»", "language": "ar", "stories": True}},
}

_ENGLISH: dict[str, Any] = {
    "id": "tram-opening",
    "title": "The tram opens",
    "text": "The first tram left the old port at six. The line has 24 stations.",
    "date": "2021-05-04",
    "source": "https://example.org/tram",
}
_ARABIC: dict[str, Any] = {
    "id": "tram-opening-ar",
    "title": "افتتاح الترام",
    "text": "انطلق أول ترام من الميناء القديم في السادسة صباحاً. وعلى الخط 24 محطة.",
    "date": "2021-05-04",
    "author": "ليلى حداد",
}
UPLOADED: dict[str, Example] = {
    "English": {"value": _ENGLISH},
    "العربية": {"value": [_ARABIC, {"text": "أُغلق الميناء القديم يومين بسبب العاصفة."}]},
}
UPLOADED_LINES: dict[str, Example] = {
    "English": {"value": json.dumps(_ENGLISH) + "\n"},
    "العربية": {"value": json.dumps(_ARABIC, ensure_ascii=False) + "\n"},
}
UPLOADED_FILES: dict[str, Example] = {
    "English": {"value": {"files": ["(contents of tram.md)", "(contents of port.pdf)"]}},
    "العربية": {"value": {"files": ["(محتوى ترام.docx)"], "collection": "first"}},
}
