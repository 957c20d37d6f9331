"""Text fingerprint: detects that two files hold the same article."""

from __future__ import annotations

import re
import unicodedata

from index.storage.digest import digest_of

_MARKS = re.compile("[\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06ed]")
"""Tatweel, tashkeel and recitation marks, without hamza and madda (U+0653 to U+0655), which distinguish words."""


def text_hash(text: str) -> str:
    """Return a hexadecimal hash that is the same for texts with the same words in the same order.

    Typing and layout do not count: white space and line breaks, zero-width and bidi controls, presentation forms and
    other compatibility forms, tashkeel and tatweel. Everything else does: every letter as it is spelled (أ and ا, ة and
    ه, upper and lower case), punctuation, every digit and its script.
    """
    # Marks are removed last: compatibility forms contain some, and composing needs the hamza beside its carrier.
    composed = unicodedata.normalize("NFKC", text)
    controls = {ord(c): None for c in set(composed) if unicodedata.category(c) == "Cf"}
    without_marks = unicodedata.normalize("NFC", _MARKS.sub("", composed.translate(controls) if controls else composed))
    return digest_of(" ".join(without_marks.split()))
