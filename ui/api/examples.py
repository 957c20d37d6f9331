"""Examples that the API's documentation shows, in both languages."""

from __future__ import annotations

from fastapi.openapi.models import Example

ASKED: dict[str, Example] = {
    "English": {"value": {"question": "How many US troops remain in Iraq?"}},
    "العربية": {"value": {"question": "ما اسم السائقة التي تولّت الرحلة الافتتاحية لترام مرسى نورس؟", "stream": True}},
}
SEARCHED: dict[str, Example] = {
    "English": {"value": {"question": "withdrawal of troops", "k": 3, "since": "2021-04"}},
    "العربية": {"value": {"question": "القوات «عصائب أهل الحق»", "language": "ar", "stories": True}},
}
