"""Cases for `benchmarks/stories.py`: articles that tell one story, and articles that only look as if they did.

Made from `samples/articles` by transformations (copies, quotations), written for this purpose (retellings), or filled
into templates: two reports from one template are about different events, the same report in both languages is a
translation. The texts are in `story_cases.toml`.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from index.articles import Article, Language

PairKind = Literal["copy", "quotation", "retelling", "translation", "template", "other"]
POSITIVE: tuple[PairKind, ...] = ("copy", "quotation", "retelling", "translation")
Making = Literal["sample", "copy", "quoting", "retold", "template"]


@dataclass(frozen=True)
class Case:
    """An article, how it was made, and of what: `subject` is a sample, or a report in a template ("match 2")."""

    id: str
    language: Language
    title: str
    text: str
    making: Making
    subject: str
    quotes_in: str = ""
    """Of one that quotes: the sample in whose midst the quotation stands; `subject` is the one that is quoted."""


def cases(samples: Sequence[Article], seed: int = 7) -> list[Case]:
    """All cases, made from `samples` (those of `samples/articles`); the same for the same seed."""
    chosen = random.Random(seed)
    written = _written()
    own = [_own(sample) for sample in samples]
    made: list[Case] = []
    for sample in own:
        others = [other for other in own if other.language == sample.language and other.id != sample.id]
        made += [sample, *_copies(sample, others, written["heads"], chosen)]
        made.append(_quoting(sample, chosen.choice(others), chosen))
    made += [
        Case(f"retold-{r['sample']}-{r['language']}", r["language"], r["title"], r["text"], "retold", r["sample"])
        for r in written["retellings"]
    ]
    return [*made, *(case for template in written["templates"] for case in _filled(template))]


def kind_of(a: Case, b: Case) -> PairKind | None:
    """What a pair of cases is, or `None` where it is neither right nor wrong to link them."""
    if "quoting" in (a.making, b.making):
        return _kind_of_quoting(a, b)
    if a.subject == b.subject:
        if a.language != b.language:
            return "translation"
        return "retelling" if "retold" in (a.making, b.making) else "copy"
    if a.making == b.making == "template" and a.subject.split()[0] == b.subject.split()[0]:
        return "template"
    return None if {a.subject, b.subject} in map(set, _written()["accounts"]) else "other"


def _kind_of_quoting(a: Case, b: Case) -> PairKind | None:
    quoting, other = (a, b) if a.making == "quoting" else (b, a)
    if other.making == "sample" and other.id in (quoting.subject, quoting.quotes_in):
        return "quotation"
    near = {quoting.subject, quoting.quotes_in} & {other.subject, other.quotes_in}
    accounts = any({quoting.subject, quoting.quotes_in} & set(pair) for pair in _written()["accounts"])
    return None if near or accounts else "other"


@lru_cache(maxsize=1)
def _written() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _own(sample: Article) -> Case:
    """A sample without what is not its own: front matter, buttons, footers."""
    text = sample.text
    for span in sample.ignored:
        text = text[: span.start] + "\n" * (span.end - span.start) + text[span.end :]
    return Case(sample.id, sample.language, sample.title, "\n\n".join(_paragraphs(text)), "sample", sample.id)


def _copies(sample: Case, others: Sequence[Case], heads: dict[str, list[str]], chosen: random.Random) -> list[Case]:
    """A reprint under another head, one cut to half, one in another order, two with words changed."""
    paragraphs = _paragraphs(sample.text)
    shuffled = chosen.sample(paragraphs, len(paragraphs))
    words = [word for other in others for word in other.text.split()]
    head, line, brief = heads[sample.language]
    made = {
        "reprint": (head, f"{line}\n\n{sample.text}"),
        "half": (brief, "\n\n".join(paragraphs[: (len(paragraphs) + 1) // 2])),
        "reordered": (sample.title, "\n\n".join(shuffled)),
        "changed-10": (sample.title, _changed(sample.text, 0.1, words, chosen)),
        "changed-30": (head, _changed(sample.text, 0.3, words, chosen)),
    }
    return [
        Case(f"{name}-{sample.id}", sample.language, title, text, "copy", sample.id)
        for name, (title, text) in made.items()
    ]


def _quoting(quoted: Case, frame: Case, chosen: random.Random) -> Case:
    """Another article with three running paragraphs of `quoted` in its midst."""
    paragraphs, around = _paragraphs(quoted.text), _paragraphs(frame.text)
    start = chosen.randrange(max(1, len(paragraphs) - 2))
    middle = len(around) // 2
    text = "\n\n".join([*around[:middle], *paragraphs[start : start + 3], *around[middle:]])
    name = f"quoting-{quoted.id}-in-{frame.id}"
    return Case(name, quoted.language, frame.title, text, "quoting", quoted.id, frame.id)


def _filled(template: dict[str, Any]) -> list[Case]:
    made = []
    for number, row in enumerate(template["rows"]):
        for language, line in row.items():
            values = dict(zip(template["keys"].split(), line.split("|"), strict=True))
            title, text = (template[language][part].format(**values) for part in ("title", "text"))
            subject = f"{template['name']} {number}"
            made.append(Case(f"{template['name']}-{number}-{language}", language, title, text, "template", subject))
    return made


def _paragraphs(text: str) -> list[str]:
    return [paragraph.strip() for paragraph in re.split(r"\n+", text) if paragraph.strip()]


def _changed(text: str, share: float, words: Sequence[str], chosen: random.Random) -> str:
    """`text` with a share of its words replaced by others or left out; numbers stay, as an editor leaves them."""
    parts = re.split(r"(\s+)", text)
    for position in range(0, len(parts), 2):
        if not re.search(r"\d", parts[position]) and chosen.random() < share:
            parts[position] = chosen.choice(words) if chosen.random() < 0.7 else ""
    return "".join(parts)
