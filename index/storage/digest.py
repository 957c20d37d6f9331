"""Digests for change detection."""

from __future__ import annotations

import hashlib


def digest_of(*parts: str) -> str:
    """Return the SHA-256 of the parts, in hexadecimal; ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
