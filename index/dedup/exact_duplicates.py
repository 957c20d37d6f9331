"""The fingerprint of a text: whether two files hold the very same article."""

from __future__ import annotations

import re
import unicodedata

from index.storage.digest import digest_of

_MARKS = re.compile("[\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06ed]")
"""Tatweel, tashkeel and recitation marks; the hamza and the madda, U+0653 to U+0655, tell words apart and stay."""


def text_hash(text: str) -> str:
    """Hexadecimal; the same for texts in which a reader reads the same words in the same order.

    What does not count is how they were typed or laid out: white space and line breaks, zero-width and bidi controls,
    presentation forms and other compatibility forms, tashkeel and tatweel. Everything else does: every letter as it is
    spelled (أ and ا, ة and ه, upper and lower case), punctuation, every digit, and in which script a digit is written.
    """
    # Marks go last: compatibility forms hold some, and composing needs the hamza beside its carrier.
    composed = unicodedata.normalize("NFKC", text)
    controls = {ord(c): None for c in set(composed) if unicodedata.category(c) == "Cf"}
    bare = unicodedata.normalize("NFC", _MARKS.sub("", composed.translate(controls) if controls else composed))
    return digest_of(" ".join(bare.split()))
