"""Keyword search, phrase search, cross-script names and fusion, over tables built as the catalogue builds them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from index.retrieval import bm25
from index.retrieval.bm25 import contains_phrase, index_terms, keyword_search, phrase_search
from index.retrieval.cross_script_names import key, name_keys, phonetic_similarity, transliteration_candidates
from index.retrieval.fusion import fuse, fuse_by_rank
from index.retrieval.query import Query, parse_query
from index.text.folding import fold_text

Rows = Callable[..., list[tuple[Any, ...]]]
NAMES = Path(__file__).parent / "data" / "names.txt"

TEXTS = (
    ("الترام", "انطلقت أولى عربات الترام في المدينة صباح السبت، وتربط المحطات بالمستشفى."),
    ("البنك المركزي", "قرر البنك المركزي رفع سعر الفائدة. وأعلنت وزارة المالية موافقتها."),
    ("سعر القمح", "ارتفع سعر القمح في الأسواق، وقال وزير إن البنك لا يتدخل."),
    ("The red palm weevil", "A small beetle eats the heart of the date palm; farmers in Basra fear it."),
    ("A garden", "Kirby Maddison planted 1,500 palms in 2022. To be or not to be, she said."),
    ("لعبة", "ظهر كيربي في اللعبة عام ١٩٩٢ وأحبه الأطفال."),
)


def table(texts: Sequence[tuple[str, str]]) -> Rows:
    """The tables that keyword search reads, over articles of one passage each."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE keywords USING fts5(words)")
    connection.execute("CREATE TABLE names (key TEXT, word TEXT, PRIMARY KEY (key, word)) WITHOUT ROWID")
    connection.execute("CREATE TABLE articles (number INTEGER PRIMARY KEY, title TEXT, text TEXT)")
    connection.execute('CREATE TABLE passages (number INTEGER PRIMARY KEY, article, start, "end")')
    for number, (title, text) in enumerate(texts, start=1):
        whole = f"{title}\n{text}"
        connection.execute("INSERT INTO keywords (rowid, words) VALUES (?, ?)", (number, index_terms(whole)))
        connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", name_keys(whole))
        connection.execute("INSERT INTO articles VALUES (?, ?, ?)", (number, title, f"… {text}"))
        connection.execute("INSERT INTO passages VALUES (?, ?, 2, ?)", (number, number, len(text) + 2))
    return lambda statement, *values: connection.execute(statement, values).fetchall()


@pytest.fixture
def rows() -> Rows:
    return table(TEXTS)


def numbers(found: Sequence[tuple[int, float]]) -> list[int]:
    return [number for number, _ in found]


class TestKeywords:
    @pytest.mark.parametrize(
        ("asked", "best"),
        [
            ("متى انطلق الترام؟", 1),
            ("ما هو سعر الفائده لدى البنك المركزى؟", 2),
            ("وزارة المالية", 2),
            ("which beetles eat palms?", 4),
            ("٢٠٢٢", 5),
            ("1500", 5),
            ("من أحب كيربي عام 1992", 6),
        ],
    )
    def test_passage_with_rare_words_ranks_first(self, rows: Rows, asked: str, best: int) -> None:
        assert numbers(keyword_search(rows, asked, 3))[0] == best

    def test_score_is_share_of_query_matched(self, rows: Rows) -> None:
        [(_, whole)] = keyword_search(rows, "Maddison", 1)
        [(_, part)] = keyword_search(rows, "Maddison wrote seventeen operas", 1)
        assert whole > 0.8
        assert 0 < part < whole / 3

    def test_search_respects_limit_and_allowed_passages(self, rows: Rows) -> None:
        assert set(numbers(keyword_search(rows, "سعر البنك", 5))) == {2, 3}
        assert len(keyword_search(rows, "سعر البنك", 1)) == 1
        assert numbers(keyword_search(rows, "سعر البنك", 1, allowed={3, 4})) == [3]
        assert keyword_search(rows, "سعر البنك", 5, allowed=set()) == []
        assert keyword_search(rows, "سعر البنك", 0) == []

    def test_query_without_known_words_returns_nothing(self, rows: Rows) -> None:
        for asked in ("", "من هو؟", "what is it", "؟؟؟", "qwertz"):
            assert keyword_search(rows, asked, 5) == []
        assert keyword_search(table([]), "الترام", 5) == []

    @pytest.mark.parametrize(
        "typed",
        [
            '"', '""', '"palm', "palm AND", "NOT palm", "NEAR(palm date)", "palm*", "^palm", "words : palm", "(palm",
            "palm)", "{words} : palm", "-palm", "palm + date", "'; DROP TABLE keywords; --", "palm\x00date",
            "palm\ud800", '\u201cpalm', "%", "\\", "palm NEAR/2 date", 'a"b"c', "rowid:1", "*" * 500, "palm " * 5000,
        ],
    )  # fmt: skip
    def test_fts5_syntax_in_query_is_escaped(self, rows: Rows, typed: str) -> None:
        query = parse_query(typed)
        found = keyword_search(rows, query.text, 5)
        phrase_search(rows, query.phrases or (typed,))
        if "palm" in typed:
            assert numbers(found)[0] in (4, 5)

    def test_frequent_words_are_ranked_only_in_conjunction(self, monkeypatch: pytest.MonkeyPatch) -> None:
        filler = [("", f"شارع مدينة بيت{n}" if n % 4 == 0 else f"حديقة بيت{n}") for n in range(80)]
        rows = table([*filler, ("", "شارع زنبق هنا"), ("", "زنبق مدينة شارع")])
        asked: list[str] = []

        def spied(statement: str, *values: Any) -> list[tuple[Any, ...]]:
            if "rank" in statement:
                asked.append(values[0])
            return rows(statement, *values)

        everything = keyword_search(rows, "زنبق في شارع في مدينة", 2)
        monkeypatch.setattr(bm25, "MAX_POSTINGS", 10)
        found = keyword_search(spied, "زنبق في شارع في مدينة", 2)
        # The rare word is ranked by itself, the frequent ones only where they co-occur; all of them are scored.
        assert asked == ['"زنبق" OR ("شارع" AND "مدين")']
        assert numbers(found) == numbers(everything) == [82, 81]
        assert keyword_search(rows, "شارع", 2) == []
        assert len(keyword_search(rows, "شارع مدينة", 2)) == 2


class TestPhrases:
    @pytest.mark.parametrize(
        ("phrase", "held_by"),
        [
            ("البنك المركزي", {2}),
            ("البَنْك  المركزى", {2}),
            ("سعر القمح", {3}),
            ("المركزي البنك", set()),
            ("القمح سعر", set()),
            ("date palm", {4}),
            ("DATE, palm", {4}),
            ("palm date", set()),
            ("dates palm", set()),
            ("to be or not to be", {5}),
            ("red palm weevil", {4}),
            ("مستشفى", set()),
            ("المستشفى", {1}),
            ("؟", set()),
        ],
    )
    def test_phrase_matches_exact_word_sequence(self, rows: Rows, phrase: str, held_by: set[int]) -> None:
        assert phrase_search(rows, (phrase,)) == held_by

    def test_allowed_passage_must_contain_all_phrases(self, rows: Rows) -> None:
        assert phrase_search(rows, ("سعر", "البنك")) == {2, 3}
        assert phrase_search(rows, ("سعر", "البنك"), allowed={3, 6}) == {3}
        assert phrase_search(rows, ("سعر القمح", "date palm")) == set()

    @pytest.mark.parametrize(
        ("text", "phrase", "held"),
        [
            ("قال للبنك المركزي كلمة", "البنك المركزي", True),
            ("وبالبنك المركزي", "البنك المركزي", True),
            ("البنك، المركزي", "البنك المركزي", True),
            ("البنوك المركزية", "البنك المركزي", False),
            ("مكتبات", "كتب", False),
            ("The newspaper", "news", False),
            ("A news-paper", "news paper", True),
            ("عام ١٩٩٢", "1992", True),
            ("a b", "", False),
            ("", "a", False),
            ("a", "a b", False),
        ],
    )
    def test_contains_phrase_matches_whole_words(self, text: str, phrase: str, held: bool) -> None:
        assert contains_phrase(text, phrase) is held

    def test_text_after_nul_character_is_searched(self) -> None:
        assert phrase_search(table([("t", "one\x00two three")]), ("two three",)) == {1}


class TestQuery:
    @pytest.mark.parametrize(
        ("typed", "text", "phrases"),
        [
            ("متى تأسس «البنك  المركزي»؟", "متى تأسس البنك المركزي ؟", ("البنك المركزي",)),
            ('Who said "to be" and “not to be”?', "Who said to be and not to be ?", ("to be", "not to be")),
            ("من قال ”لا أعلم“ ومن قال »نعم«", "من قال لا أعلم ومن قال نعم", ("لا أعلم", "نعم")),
            ('A 5" or 6" pipe', 'A 5" or 6" pipe', ()),
            ('an "open quote', 'an "open quote', ()),
            ('nothing "" and " ؟ "', 'nothing "" and " ؟ "', ()),
            ("it's the farmers' palm", "it's the farmers' palm", ()),
            ('"same" "same"', "same same", ("same",)),
            ("", "", ()),
        ],
    )
    def test_quoted_text_is_parsed_as_phrases(self, typed: str, text: str, phrases: tuple[str, ...]) -> None:
        assert parse_query(typed) == Query(text, phrases)


class TestNames:
    @pytest.mark.parametrize(
        ("latin", "arabic"),
        [
            ("Kirby", "كيربي"), ("Obama", "أوباما"), ("Merkel", "ميركل"), ("Chicago", "شيكاغو"), ("Tokyo", "طوكيو"),
            ("Google", "غوغل"), ("Google", "جوجل"), ("Nixon", "نيكسون"), ("Shakespeare", "شكسبير"), ("Sarah", "سارة"),
        ],
    )  # fmt: skip
    def test_name_has_same_key_in_both_scripts(self, latin: str, arabic: str) -> None:
        assert key(latin)[1:] == key(arabic)[1:] != ""
        assert (key(latin)[0], key(arabic)[0]) == ("l", "a")
        assert phonetic_similarity(latin, arabic) == phonetic_similarity(arabic, latin) > 0.7

    @pytest.mark.parametrize("word", ["", "a", "Io", "علي", "42", "ي"])
    def test_word_with_few_consonants_has_no_key(self, word: str) -> None:
        assert key(word) == ""

    def test_transliteration_candidates_are_in_other_script(self, rows: Rows) -> None:
        assert transliteration_candidates(rows, "maddison") == []
        assert transliteration_candidates(rows, fold_text("ماديسون")) == ["maddison"]
        assert transliteration_candidates(rows, fold_text("لماديسون")) == ["maddison"]
        assert transliteration_candidates(rows, fold_text("والبصرة")) == ["basra"]
        assert transliteration_candidates(rows, "kirby") == ["كيربي"]
        assert transliteration_candidates(rows, "beetle") == []

    def test_name_matching_recall_and_false_positive_rate(self) -> None:
        lines = [line.split() for line in NAMES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        pairs = [(fold_text(line[0]), fold_text(line[1])) for line in lines if len(line) == 2]
        words = [fold_text(line[0]) for line in lines if len(line) == 1]
        rows = table([("", " ".join(part for line in lines for part in line))])
        meant: dict[str, set[str]] = {}
        for latin, arabic in pairs:
            meant.setdefault(latin, set()).add(index_terms(arabic))
            meant.setdefault(arabic, set()).add(index_terms(latin))
        found = sum(
            bool(names & set(map(index_terms, transliteration_candidates(rows, name)))) for name, names in meant.items()
        )
        taken = sum(bool(transliteration_candidates(rows, word)) for word in words)
        assert len(pairs) >= 100 and len(words) >= 350
        assert found / len(meant) > 0.85
        assert taken / len(words) < 0.1

    def test_irregular_names_are_looked_up_in_table(self, rows: Rows) -> None:
        assert transliteration_candidates(rows, "egypt") == ["مصر"]
        assert transliteration_candidates(rows, fold_text("واشنطن")) == ["washington"]
        assert transliteration_candidates(rows, fold_text("بالقاهرة")) == ["cairo"]

    def test_unknown_name_is_searched_in_other_script(self, rows: Rows) -> None:
        assert numbers(keyword_search(rows, "ماديسون", 3)) == [5]
        assert keyword_search(rows, "ماديسون", 3, across=False) == []
        # Known in its own script, but rare: both spellings are searched.
        assert set(numbers(keyword_search(rows, "Kirby", 3))) == {5, 6}

    def test_known_name_is_searched_in_own_script_only(self) -> None:
        rows = table([*(("", "زار كيربي البلدة"),) * 3, ("", "Kirby came")])
        assert set(numbers(keyword_search(rows, "كيربي", 9))) == {1, 2, 3}

    def test_ordinary_words_are_not_indexed_as_names(self) -> None:
        assert {word for _, word in name_keys("The tall Maddison said: go. وقالت ماديسون")} >= {"maddison", "ماديسون"}
        assert not {"the", "tall", "said", "go"} & {word for _, word in name_keys("The tall Maddison said: go.")}


class TestFusion:
    def test_fusion_uses_both_rankings(self) -> None:
        dense = [(1, 0.60), (2, 0.58), (3, 0.40)]
        assert numbers(fuse(dense, [(2, 0.9), (4, 0.1)], 10)) == [2, 1, 4, 3]
        assert numbers(fuse(dense, [(2, 0.9), (4, 0.1)], 2)) == [2, 1]

    def test_weak_keyword_match_keeps_dense_order(self) -> None:
        dense = [(1, 0.60), (2, 0.50)]
        assert numbers(fuse(dense, [(2, 0.05)], 10)) == [1, 2]
        assert numbers(fuse_by_rank(dense, [(2, 0.05)], 10)) == [2, 1]

    def test_single_ranking_keeps_its_order(self) -> None:
        assert fuse([(1, 0.6), (2, 0.5)], [], 10) == [(1, 0.6), (2, 0.5)]
        assert numbers(fuse([], [(7, 0.2), (8, 0.9)], 10)) == [8, 7]
        assert fuse([], [], 10) == []

    def test_ties_are_ordered_by_number(self) -> None:
        assert numbers(fuse([(9, 0.5), (3, 0.5)], [], 10)) == [3, 9]
