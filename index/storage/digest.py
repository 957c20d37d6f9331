"""Digests: whether something is as it was."""

from __future__ import annotations

import hashlib


def digest_of(*parts: str) -> str:
    """SHA-256 of the parts, in hexadecimal; ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
