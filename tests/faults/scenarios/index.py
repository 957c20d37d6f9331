"""Changes of an index: the first articles, changed ones, a removal, the vector file, a repair."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from index.errors import ArticleMissing, IndexMissing
from index.fakes import HashEmbedder
from index.indexer import change_index, remove_articles, update_index
from index.recovery import check_integrity, repair
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.storage.lock import FILE
from index.storage.writing import writing
from index.vectors.faiss_file import compact, stored_metadata
from tests.faults.scenario import Place, Scenario, State

DIMENSION = 64
_ARTICLES = 6


def embedder() -> HashEmbedder:
    return HashEmbedder(DIMENSION)


def folder(place: Place) -> Path:
    """The index."""
    return place.store / "index"


def write_articles(place: Place, version: int) -> None:
    """Articles of which some have other texts in another version, one comes, one goes, and two are copies."""
    place.articles.mkdir(exist_ok=True)
    for old in place.articles.iterdir():
        old.unlink()
    for number in range(_ARTICLES):
        told = version if number % 2 else 1
        text = f"Headline {number} of {told}\n\n" + f"Sentence {number} of version {told}. " * 40
        (place.articles / f"{number}.txt").write_text(text)
    (place.articles / "copy.txt").write_text((place.articles / "0.txt").read_text())
    (place.articles / f"only-in-{version}.txt").write_text(f"Only here\n\nThis is only in version {version}. " * 3)


def read_articles(place: Place) -> None:
    """Bring the index to the articles as they are now."""
    update_index(folder(place), [place.articles], embedder())


def state(place: Place) -> State:
    """Texts by id, and which are copies of which; nothing where there is no index."""
    try:
        catalog = Catalog.open(folder(place))
    except IndexMissing:
        return {"articles": {}, "copies": {}}
    with closing(catalog):
        return {
            "articles": {article.id: article.text for article in catalog.articles()},
            "copies": {owner: [copy.id for copy in copies] for owner, copies in catalog.copies().items()},
        }


def complaints(place: Place) -> list[str]:
    """Damage but for the vector file, passages without their parts, and hits that are not in the catalogue."""
    try:
        damage = check_integrity(folder(place))
    except IndexMissing:
        return []
    found = [f"damage: {damage}"] if damage.pages or damage.structure else []
    with closing(Catalog.open(folder(place))) as catalog:
        for what, query in _INCOMPLETE.items():
            ((count,),) = catalog.rows(query)
            found += [f"{count} {what}"] if count else []
        texts = {article.id: article.text for article in catalog.articles()}
    retriever = Retriever(folder(place), embedder())
    hits = retriever.search("Sentence 3 of version", 5)
    retriever.catalog.close()
    return found + [f"found {hit.article.id}" for hit in hits if texts[hit.article.id] != hit.article.text]


_INCOMPLETE = {
    "passages without vectors": "SELECT count(*) FROM passages WHERE embedding NOT IN (SELECT key FROM embeddings)",
    "passages without keywords": "SELECT count(*) FROM passages WHERE number NOT IN (SELECT rowid FROM keywords)",
    "keywords without a passage": "SELECT count(*) FROM keywords WHERE rowid NOT IN (SELECT number FROM passages)",
    "articles without passages": "SELECT count(*) FROM articles WHERE number NOT IN (SELECT article FROM passages)",
}


def leftovers(place: Place) -> list[str]:
    """Damage of any kind, and files that are none of an index, after the next run over what is there already."""
    if Catalog.exists(folder(place)):
        _index_what_is_there(place)
    damage = check_integrity(folder(place))
    with closing(Catalog.open(folder(place))) as catalog:
        base = stored_metadata(catalog)
    known = {FILE, "catalog.sums", "catalog.head", "writer.lock", base.file if base else ""}
    beside = {f"{FILE}-wal", f"{FILE}-shm"}
    extra = {path.name for path in folder(place).iterdir() if not path.name.startswith("damaged-")} - known - beside
    return [f"left: {name}" for name in sorted(extra)] + ([f"damage: {damage}"] if damage else [])


def _index_what_is_there(place: Place) -> None:
    """Index one more article: any run tidies up what an earlier one left."""
    other = place.articles.with_name("other")
    other.mkdir(exist_ok=True)
    (other / "another.txt").write_text("Another\n\nThis article was indexed last of all.")
    update_index(folder(place), [other], embedder())


def _prepare_first(place: Place) -> None:
    write_articles(place, 1)


def _prepare_changed(place: Place) -> None:
    write_articles(place, 1)
    read_articles(place)
    write_articles(place, 2)


def _prepare_read(place: Place) -> None:
    write_articles(place, 1)
    read_articles(place)


def _remove(place: Place) -> None:
    remove_articles(folder(place), _removable(place))


def _removable(place: Place) -> list[str]:
    with closing(Catalog.open(folder(place))) as catalog:
        ids = [article.id for article in catalog.articles()]
    if "3" not in ids:
        raise ArticleMissing(article_id="3")
    return ["3", "4", "0"]


def _prepare_compaction(place: Place) -> None:
    _prepare_read(place)
    remove_articles(folder(place), ["3", "4"])


def _compact(place: Place) -> None:
    with writing(folder(place)) as catalog, change_index(catalog):
        compact(catalog)


def _compacted(place: Place) -> State:
    with closing(Catalog.open(folder(place))) as catalog:
        ((gone,),) = catalog.rows("SELECT count(*) FROM gone")
    return {"is": state(place), "gone": bool(gone)}


def _prepare_damaged(place: Place) -> None:
    """One embedding is not as it was written."""
    _prepare_read(place)
    with closing(Catalog.open(folder(place))) as catalog:
        ((blob,),) = catalog.rows("SELECT passage FROM embeddings LIMIT 1")
    file = folder(place) / FILE
    content = bytearray(file.read_bytes())
    content[content.index(blob)] ^= 1
    file.write_bytes(content)


def _repair(place: Place) -> None:
    repair(folder(place), embedder())


def _repaired(place: Place) -> State:
    damage = check_integrity(folder(place))
    return {"is": state(place), "damaged": bool(damage.pages or damage.structure)}


INDEX = (
    Scenario("index: first articles", _prepare_first, read_articles, state, complaints, leftovers),
    Scenario("index: changed articles", _prepare_changed, read_articles, state, complaints, leftovers),
    Scenario("index: remove", _prepare_read, _remove, state, complaints, leftovers),
    Scenario("index: vector file", _prepare_compaction, _compact, _compacted, complaints, leftovers),
    Scenario("index: repair", _prepare_damaged, _repair, _repaired, leftovers=leftovers),
)  # fmt: skip
