"""Arabic vocabulary of the collection: words by phonetic key, their passage counts and their spelling in articles.

Nothing is cached: words are looked up by their key in the table `names` (`index/retrieval/cross_script_names.py`),
counted in the keyword table, and read in the articles.
"""

from __future__ import annotations

import re
from collections import Counter

from index.retrieval.bm25 import index_terms
from index.retrieval.cross_script_names import Rows
from index.text.folding import fold_text, to_plain_form
from index.text.words import with_clitics

MAX_COUNTED = 200
"""Highest count of passages of a word: beyond, the exact count does not matter."""
_MAX_WORDS_PER_KEY = 3000
"""Most words of one key."""
_MAX_PASSAGES_READ = 10
"""Passages read to find the spelling of a word."""
_WORD = re.compile(r"[^\W\d_]+")


class Vocabulary:
    """Vocabulary of one index. `rows` runs a statement on its catalogue."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def alike(self, sounds: str) -> list[str]:
        """Return the folded words with this key (`cross_script_names.key`), with and without clitics.

        Words of deleted articles may be among them.
        """
        rows = self._rows("SELECT word FROM names WHERE key = ? LIMIT ?", sounds, _MAX_WORDS_PER_KEY)
        return [str(word) for (word,) in rows]

    def passages(self, word: str) -> int:
        """Count the passages with words of this word's stem, up to `MAX_COUNTED`."""
        statement = "SELECT count(*) FROM (SELECT 1 FROM keywords WHERE keywords MATCH ? LIMIT ?)"
        return int(self._rows(statement, _quoted(word), MAX_COUNTED)[0][0])

    def spelt(self, word: str) -> str | None:
        """Return the most frequent spelling of a folded word in articles; `None` where none of those read has it."""
        rows = self._rows(
            """SELECT a.text, a.title, p.start, p."end" FROM passages p JOIN articles a ON a.number = p.article
            WHERE p.number IN (SELECT rowid FROM keywords WHERE keywords MATCH ? ORDER BY rowid LIMIT ?)""",
            _quoted(word),
            _MAX_PASSAGES_READ,
        )
        spellings: Counter[str] = Counter()
        for text, title, start, end in rows:
            plain_text = to_plain_form(f"{title} {text[start:end]}").text
            spellings.update(filter(None, (_matching_part(token, word) for token in _WORD.findall(plain_text))))
        return min(spellings, key=lambda spelling: (-spellings[spelling], spelling)) if spellings else None


def _matching_part(token: str, word: str) -> str | None:
    """Return the part of `token` that is `word`, without clitics; `None` if there is none."""
    folded = fold_text(token)
    if len(folded) != len(token) or not folded.endswith(word):
        return None
    allowed_prefixes = {"", "ال", "لل"} | {
        form.removesuffix(word) for form in (*with_clitics(word), *with_clitics(f"ال{word}"))
    }
    return token[len(token) - len(word) :] if folded.removesuffix(word) in allowed_prefixes else None


def _quoted(word: str) -> str:
    return '"' + index_terms(word).replace('"', '""') + '"'
