"""Near-duplicate detection: fingerprints, MinHash, article similarity, groups, and stories in the catalogue."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from index.dedup import clustering
from index.dedup.exact_duplicates import text_hash
from index.dedup.grouping import connected_groups
from index.dedup.minhash import BANDS, bands, containment, shingles, signature
from index.dedup.similarity import StoryView, compare, make_view, numbers
from index.embeddings import PassageText, Vectors
from index.fakes import HashEmbedder
from index.storage.database import Database
from index.storage.schema import TABLES
from index.text.sentences import sentences

MARKET = """The covered market of Dar Hilal opened on Sunday after repairs that lasted fourteen months.
Masons replaced 212 stones of the northern arcade with limestone from the quarry at Wadi Safra.
The spice sellers returned first, because their stalls had been stored in a school nearby.
A fountain that nobody had seen for a century came to light under the floor of the saddlers' lane.
The council paid 3.4 million dinars, and the merchants' guild added the cost of the copper lamps.
Visitors may climb the minaret on Fridays, when the guild keeps the iron gate open until sunset."""
BRIDGE = """Engineers closed the suspension bridge at Tell Marjan on Wednesday to change its hangers.
Lorries have to take the ferry, which carries 18 vehicles and leaves every forty minutes.
Farmers on the eastern bank fear for their apricots, which spoil within two days of picking.
The ministry lent them 5 refrigerated trailers and promised to pay for the diesel.
Divers found the piers sound, but two cables had rusted where the paint was thin.
Work should end in 11 weeks if the autumn floods do not come early."""
BULLETIN = """Prices at the wholesale market of Dar Hilal were published on {day} by the chamber of trade.
A crate of tomatoes cost {a} dinars and a crate of cucumbers {b} dinars in the morning.
Traders brought {c} tonnes of onions to the market and sold {d} tonnes of them before noon.
The price of a sack of lentils ended at {e} dinars after an hour of calm trading.
The chamber expects little change in the coming days and asks buyers to come early."""


def view_of(text: str, date: str | None = None) -> StoryView:
    embedded = HashEmbedder().embed_passages([_text(text)])[0]
    spans = sentences(text)
    return make_view("en", date, [text[span.start : span.end] for span in spans], embedded.sentences)


def _text(text: str) -> PassageText:
    return PassageText("", text, tuple(sentences(text)))


def turned(cosine: float, vectors: Vectors, seed: int) -> Vectors:
    """Unit rows with this cosine to those of `vectors`, otherwise in random directions."""
    noise = np.random.default_rng(seed).normal(size=vectors.shape)
    noise -= (noise * vectors).sum(axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    mixed: Vectors = (cosine * vectors + np.sqrt(1 - cosine**2) * noise).astype(np.float32)
    return mixed


# Fingerprints


@pytest.mark.parametrize(
    "other",
    [
        "قال  المدير إن\n\nالعدد ٣٧ لن يتغير.\n",
        "\u202bقال المدير إن العدد ٣٧ لن يتغير.\u202c",
        "قالَ المُديرُ إنّ العددَ ٣٧ لَن يتغيّر.",
        "قـــال المدير إن العدد ٣٧ لن يتغير.",
        "قال المدير إن العدد ٣٧ \ufedfن يتغير.",
    ],
    ids=["white space", "bidi controls", "tashkeel", "tatweel", "presentation forms"],
)
def test_fingerprint_ignores_typographic_variants(other: str) -> None:
    assert text_hash(other) == text_hash("قال المدير إن العدد ٣٧ لن يتغير.")


@pytest.mark.parametrize("other", ["قال المدير إن العدد ٣٨ لن يتغير.", "قال المدير أن العدد ٣٧ لن يتغير.", ""])
def test_fingerprint_changes_with_content(other: str) -> None:
    assert text_hash(other) != text_hash("قال المدير إن العدد ٣٧ لن يتغير.")


# MinHash


def test_signature_agreement_estimates_jaccard_similarity() -> None:
    chosen = random.Random(3)
    words = [f"word{number}" for number in range(4000)]
    chosen.shuffle(words)
    a, b = shingles(" ".join(words[:2000])), shingles(" ".join(words[1000:3000]))
    resemblance = len(np.intersect1d(a, b)) / len(np.union1d(a, b))
    agreeing = float((signature(a) == signature(b)).mean())
    assert resemblance == pytest.approx(1 / 3, abs=0.01)
    # Three standard deviations of a mean of 128 draws.
    assert agreeing == pytest.approx(resemblance, abs=3 * (resemblance * (1 - resemblance) / 128) ** 0.5)
    assert containment(a, b) == pytest.approx(0.5, abs=0.01)


def test_shingles_ignore_spelling_variants_but_not_numbers() -> None:
    assert np.array_equal(shingles("إلى المدينةِ القديمة ٣"), shingles("الى المدينه القديمه 3"))
    assert not np.array_equal(shingles("إلى المدينة القديمة ٣"), shingles("إلى المدينة القديمة ٤"))


def test_bands_are_deterministic_and_fit_into_sqlite() -> None:
    found = bands(signature(shingles(MARKET)))
    assert found == bands(signature(shingles(MARKET)))
    assert len(found) == BANDS and len(set(found)) == BANDS
    assert all(0 <= band < 2**63 for band in found)
    # Bands stored by earlier versions must still match new ones.
    assert signature(shingles("one two three four"))[:2].tolist() == [3842497484, 631265225]


def test_only_overlapping_texts_share_a_band() -> None:
    half = "\n".join(MARKET.split("\n")[:3])
    whole = set(bands(signature(shingles(MARKET))))
    assert whole & set(bands(signature(shingles(half))))
    assert not whole & set(bands(signature(shingles(BRIDGE))))


@pytest.mark.parametrize("text", ["", "...", "one", "one two"])
def test_texts_too_short_for_a_shingle(text: str) -> None:
    assert len(shingles(text)) == (1 if text.startswith("one") else 0)
    assert len(bands(signature(shingles(text)))) == BANDS
    assert containment(shingles(text), shingles(MARKET)) == 0.0


# Similarity


def test_numbers_are_normalized_across_scripts_and_separators() -> None:
    assert numbers("٢٬٥٠٠ و٣٫٤ الساعة ٢١:٤٠") == numbers("2,500 and 3.4 at 21:40") == {"2500", "3.4", "21:40"}


@pytest.mark.parametrize(
    "other",
    [
        "Our own report\n" + MARKET,
        "\n".join(MARKET.split("\n")[:3]),
        "\n".join(reversed(MARKET.split("\n"))),
        "\n".join([*BRIDGE.split("\n")[:3], *MARKET.split("\n")[1:4], *BRIDGE.split("\n")[3:]]),
    ],
    ids=["another head", "half", "another order", "quoted at length"],
)
def test_copy_detection_is_symmetric(other: str) -> None:
    found = compare(view_of(MARKET), view_of(other))
    assert found is not None and found.kind == "copy"
    assert found == compare(view_of(other), view_of(MARKET))


def test_unrelated_articles_do_not_match() -> None:
    assert compare(view_of(MARKET), view_of(BRIDGE)) is None


def test_template_reports_do_not_match_but_reprints_do() -> None:
    one = BULLETIN.format(day="4 May 2022", a=12, b=9, c=340, d=295, e=61)
    other = BULLETIN.format(day="5 June 2022", a=14, b=7, c=410, d=388, e=66)
    assert containment(shingles(one), shingles(other)) > 0.5
    assert compare(view_of(one), view_of(other)) is None
    assert compare(view_of(one), view_of("From our correspondent\n" + one)) is not None


def retelling(cosine: float, how_many: int, date: str | None = None, amount: str = "3.4") -> StoryView:
    """`MARKET` in other words: `how_many` of its sentences have a match with this cosine."""
    lines = [f"{'abcdef'[place] * 80} {number}" for place, number in enumerate(["", "212", "", "", amount, ""])]
    vectors = view_of(MARKET).vectors
    chosen = np.arange(len(vectors)) < how_many
    return make_view(
        "en", date, lines, np.where(chosen[:, np.newaxis], turned(cosine, vectors, 1), turned(0.1, vectors, 2))
    )


@pytest.mark.parametrize(("cosine", "sentences_told", "is_found"), [(0.85, 3, True), (0.6, 6, False), (0.95, 1, False)])
def test_retelling_needs_several_matching_sentences(cosine: float, sentences_told: int, is_found: bool) -> None:
    found = compare(view_of(MARKET), retelling(cosine, sentences_told))
    assert (found is not None and found.kind == "retelling") == is_found


def test_translation_matches_at_lower_cosine_than_paraphrase() -> None:
    original, other = view_of(MARKET), retelling(0.69, 6)
    assert compare(original, other) is None
    translated = make_view("ar", None, ["ا" * 80] * 6, other.vectors)
    assert compare(original, translated) is not None


def test_retellings_with_distant_known_dates_do_not_match() -> None:
    original = view_of(MARKET, "2023-03-05")
    assert compare(original, retelling(0.85, 4, "2023-03-09")) is not None
    assert compare(original, retelling(0.85, 4, "2024-03-05")) is None
    assert compare(original, retelling(0.85, 4, None)) is not None


def test_article_without_sentences_matches_nothing() -> None:
    empty = make_view("en", None, [], np.zeros((0, 0), np.float32))
    assert compare(empty, view_of(MARKET)) is None
    assert compare(empty, empty) is None


# Groups


def test_groups_are_independent_of_link_order() -> None:
    links = [(1, 2, 0.9), (2, 3, 0.8), (1, 3, 0.3), (7, 8, 0.5), (8, 9, 0.5)]
    for order in itertools.permutations(links):
        assert connected_groups(order)[0] == (1, 2, 3)
        assert connected_groups((b, a, score) for a, b, score in order) == connected_groups(links)


def test_single_link_does_not_merge_two_groups() -> None:
    first = [(a, b, 0.9) for a, b in itertools.combinations(range(1, 5), 2)]
    second = [(a, b, 0.9) for a, b in itertools.combinations(range(11, 15), 2)]
    assert connected_groups([*first, *second, (4, 11, 0.5)]) == [(1, 2, 3, 4), (11, 12, 13, 14)]


def test_long_chain_is_split() -> None:
    chain = [(number, number + 1, 0.5) for number in range(1, 40)]
    assert max(map(len, connected_groups(chain))) <= 4


def test_large_group_with_uncompared_pairs_stays_whole() -> None:
    links = [(a, b, 0.9) for a in range(100) for b in range(a + 1, min(a + 13, 100))]
    assert connected_groups(links) == [tuple(range(100))]


# In the catalogue


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "catalog.sqlite", writable=True)
    for statement in TABLES:
        made.execute(statement)
    yield made
    made.close()


def put(store: Database, name: str, text: str, date: str | None = None, certainty: float | None = None) -> int:
    """Insert an article of one passage and return its number."""
    embedded = HashEmbedder().embed_passages([_text(text)])[0]
    spans = [(span.start, span.end) for span in sentences(text)]
    store.execute(
        """INSERT INTO articles (id, path, title, text, language, date, date_certainty, ignored, digest, fingerprint,
        checksum) VALUES (?, '', '', ?, 'en', ?, ?, '[]', '', '', 0)""",
        name, text, date, certainty,
    )  # fmt: skip
    number: int = store.rows("SELECT number FROM articles WHERE id = ?", name)[0][0]
    blobs = (embedded.passage.astype(np.float16).tobytes(), embedded.sentences.astype(np.float16).tobytes())
    store.execute("INSERT INTO embeddings VALUES (?, ?, ?, ?, 0)", name, *blobs, json.dumps(spans))
    store.execute(
        """INSERT INTO passages (article, start, "end", language, embedding) VALUES (?, 0, ?, 'en', ?)""",
        number, len(text), name,
    )  # fmt: skip
    return number


def stories(store: Database) -> list[list[str]]:
    """Article ids grouped by story."""
    rows = store.rows("SELECT story, id FROM articles ORDER BY story, id")
    return [[name for _, name in group] for _, group in itertools.groupby(rows, key=lambda row: row[0])]


def assign_stories(store: Database) -> None:
    """Assign stories as the indexer does after every run, with exact search."""
    rows = store.rows("SELECT p.number, e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding")

    def nearest(vector: Vectors, k: int) -> Sequence[tuple[int, float]]:
        scored = [(number, float(np.frombuffer(blob, np.float16).astype(np.float32) @ vector)) for number, blob in rows]
        return sorted(scored, key=lambda one: -one[1])[:k]

    with store.transaction():
        clustering.assign_stories(store, clustering.unassigned(store), nearest)


def test_articles_join_and_leave_story(store: Database) -> None:
    put(store, "market", MARKET)
    put(store, "bridge", BRIDGE)
    assign_stories(store)
    assert stories(store) == [["market"], ["bridge"]]
    put(store, "market-short", "\n".join(MARKET.split("\n")[:4]))
    assign_stories(store)
    assert stories(store) == [["market", "market-short"], ["bridge"]]
    remove(store, "market-short")
    assert stories(store) == [["market"], ["bridge"]]
    assert not clustering.unassigned(store)


def remove(store: Database, name: str) -> None:
    with store.transaction():
        clustering.detach(store, name)
        store.execute("DELETE FROM articles WHERE id = ?", name)
    assign_stories(store)


def test_removing_bridging_article_splits_story(store: Database) -> None:
    lines = MARKET.split("\n")
    put(store, "first-half", "\n".join(lines[:3]))
    put(store, "second-half", "\n".join(lines[3:]))
    assign_stories(store)
    assert stories(store) == [["first-half"], ["second-half"]]
    put(store, "whole", MARKET)
    assign_stories(store)
    assert stories(store) == [["first-half", "second-half", "whole"]]
    remove(store, "whole")
    assert stories(store) == [["first-half"], ["second-half"]]


def test_stories_are_independent_of_batch_size(tmp_path: Path) -> None:
    lines = MARKET.split("\n")
    texts = {
        "market": MARKET, "market-again": "Once more\n" + MARKET, "market-short": "\n".join(lines[:4]),
        "bridge": BRIDGE, "bridge-short": "\n".join(BRIDGE.split("\n")[2:]),
    }  # fmt: skip
    found = []
    for portion in (1, 2, 5):
        store = Database(tmp_path / f"{portion}.sqlite", writable=True)
        for statement in TABLES:
            store.execute(statement)
        for place, (name, text) in enumerate(texts.items(), start=1):
            put(store, name, text)
            if place % portion == 0:
                assign_stories(store)
        assign_stories(store)
        found.append(stories(store))
        store.close()
    assert found[0] == [["market", "market-again", "market-short"], ["bridge", "bridge-short"]]
    assert found[1] == found[2] == found[0]


def test_empty_article_has_own_story_and_unknown_is_ignored(store: Database) -> None:
    put(store, "market", MARKET)
    number = put(store, "empty", "")
    assign_stories(store)
    clustering.detach(store, "no such article")
    assert stories(store) == [["market"], ["empty"]]
    assert store.rows("SELECT story FROM articles WHERE number = ?", number) == [(number,)]


def test_uncertain_date_is_ignored(store: Database) -> None:
    certain = put(store, "certain", MARKET, "2023-03-05", 0.95)
    guessed = put(store, "guessed", MARKET, "2021-01-01", 0.3)
    unknown = put(store, "unknown", MARKET, "2021-01-01", None)
    assert [clustering.load_view(store, number).date for number in (certain, guessed, unknown)] == [
        "2023-03-05",
        None,
        None,
    ]


def test_comparisons_per_article_are_bounded(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(clustering, "compare", lambda a, b: compared.append((a, b)))
    for number in range(120):
        day = f"{number % 28 + 1} May 2022"
        put(store, f"bulletin-{number}", BULLETIN.format(day=day, a=number, b=number, c=number, d=number, e=number))
    assign_stories(store)
    before = len(compared)
    put(store, "last", BULLETIN.format(day="1 June 2022", a=1, b=2, c=3, d=4, e=5))
    assign_stories(store)
    assert 0 < len(compared) - before <= 50
