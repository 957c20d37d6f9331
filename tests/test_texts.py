"""User-facing texts: complete in both languages, with a message for every error."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import index.errors
from index.errors import JawabError
from ui.errors import DEPRECATED_CODES
from ui.i18n import error_message, texts

ROOT = Path(__file__).parent.parent
ARABIC = re.compile(r"[\u0600-\u06ff]")


@pytest.fixture(scope="module", autouse=True)
def all_errors_are_imported() -> None:
    for package in ("index", "qa", "ui"):
        for path in (ROOT / package).rglob("*.py"):
            if re.search(r'^    code = "', path.read_text(encoding="utf-8"), re.MULTILINE):
                import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def errors(base: type[JawabError] = JawabError) -> Iterator[type[JawabError]]:
    for kind in base.__subclasses__():
        # Error classes defined by tests are not part of the program.
        if not kind.__module__.startswith("tests."):
            yield kind
        yield from errors(kind)


def variables(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys() -> None:
    assert texts("ar").keys() == texts("en").keys()


@pytest.mark.parametrize("key", sorted(texts("en")))
def test_both_languages_use_the_same_variables(key: str) -> None:
    arabic, english = texts("ar")[key], texts("en")[key]
    # The Arabic forms of a count can do without the number: «مقالان».
    if ".articles." not in key:
        assert variables(arabic) == variables(english)
    assert arabic.strip()
    assert english.strip()
    assert not ARABIC.search(re.sub(r"[^\w\s]", "", english)) or key.startswith(("page.other", "page.switch"))


def test_every_error_has_unique_code_and_message() -> None:
    # Without base classes, which have no code of their own.
    kinds = [kind for kind in errors() if "code" in vars(kind)]
    assert len({kind.code for kind in kinds}) == len(kinds) > 15
    for kind in kinds:
        for language in ("ar", "en"):
            assert (
                texts(language)[f"error.{kind.code}"]
                .rstrip()
                .endswith((".", "؟", "…", "}", "FOLDER-OF-ARTICLES", "المقالات"))
            )


def test_deprecated_codes_belong_to_current_errors() -> None:
    codes = {kind.code for kind in errors() if "code" in vars(kind)}
    assert set(DEPRECATED_CODES) <= codes
    assert not codes & set(DEPRECATED_CODES.values())
    assert len(set(DEPRECATED_CODES.values())) == len(DEPRECATED_CODES)


def test_every_skip_reason_is_translated() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "index").rglob("*.py"))
    reasons = set(re.findall(r'(?:Rejected|Skipped)\(.*?"([a-z_]+)"', source)) | {"no_question_field"}
    assert {"empty", "not_text", "broken_json", "no_permission"} <= reasons
    for reason in reasons:
        assert f"skipped.{reason}" in texts("en"), reason


def test_error_message_is_localized() -> None:
    error = index.errors.IndexMissing(folder="/data/index")
    assert (
        error_message(error, "en")
        == "There is no index in /data/index yet; make one with: jawab index FOLDER-OF-ARTICLES"
    )
    assert "لا يوجد فهرس بعد في /data/index" in error_message(error, "ar")


def test_braces_in_field_are_not_formatted() -> None:
    assert "{x}" in error_message(index.errors.PathNotFound(path="{x}"), "en")
