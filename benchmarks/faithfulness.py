"""How well the checker tells sentences that their quotation bears out from those that it does not.

    python -m benchmarks.faithfulness benchmarks/sets/pairs.jsonl [--show dev] [--models]

Precision and recall of "does not hold", and of "holds", by half of the set and by what is wrong. The phrase that every
pair has is not given to the checker: a wrong sentence often lacks it, which would make the task easier than it is.
`--models` also tells how well the cosine of sentence and quotation, and the reader's margin on the sentence, would do
(area under the curve; .5 is chance). Figures are saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from qa.reader.base import Context
from qa.verification.faithfulness import Sources, check_sentence
from ui.app import App
from ui.config import load_config

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faithfulness.json"))
    parser.add_argument("--show", choices=("dev", "test"), help="print the pairs of a half that were told wrongly")
    parser.add_argument("--models", action="store_true", help="also try the embedder and the reader")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.pairs.read_text(encoding="utf-8").splitlines()]
    figures = {}
    for split in ("dev", "test"):
        part = [row for row in rows if row["split"] == split]
        doubted = [bool(known(row)) for row in part]
        figures[split] = measured(part, doubted)
        if given.models:
            figures[split]["area under the curve"] = by_models(part)
        if given.show == split:
            for row, doubt in zip(part, doubted, strict=True):
                if doubt is row["holds"]:
                    print(row["holds"], row["kind"], row["sentence"], "<-", row["quote"], known(row))
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def known(row: Row) -> list[str]:
    """What is known to speak against the sentence."""
    grounds = Sources(row["question"], row["quote"], "")
    # A pair may be asked in one language and told in the other.
    return [fault.kind for fault in check_sentence(row["sentence"], grounds) if fault.kind != "language"]


def measured(rows: Sequence[Row], doubted: Sequence[bool]) -> Row:
    wrong = [not row["holds"] for row in rows]
    both = sum(w and d for w, d in zip(wrong, doubted, strict=True))
    kinds: dict[str, list[bool]] = defaultdict(list)
    for row, doubt in zip(rows, doubted, strict=True):
        kinds[f"{row['kind']} ({'holds' if row['holds'] else 'wrong'})"].append(doubt)
    shown = [row["holds"] for row, doubt in zip(rows, doubted, strict=True) if not doubt]
    return {
        "pairs": len(rows),
        "wrong found": {"precision": ratio(both, sum(doubted)), "recall": ratio(both, sum(wrong))},
        "held up": {"precision": ratio(sum(shown), len(shown)), "recall": ratio(sum(shown), len(rows) - sum(wrong))},
        "doubted by kind": {kind: f"{sum(found)} of {len(found)}" for kind, found in sorted(kinds.items())},
    }


def by_models(rows: Sequence[Row]) -> dict[str, float]:
    """How well signals of the models tell sentences that hold from those that do not."""
    app = App(load_config())
    assert app.components.reader
    sides = [app.components.embedder.embed_queries([row[side] for row in rows]) for side in ("sentence", "quote")]
    margins = [app.components.reader.read(row["question"], [Context(row["sentence"])])[0].margin for row in rows]
    held = [row["holds"] for row in rows]
    return {
        "cosine of sentence and quotation": round(float(roc_auc_score(held, (sides[0] * sides[1]).sum(axis=1))), 3),
        "the reader's margin on the sentence": round(float(roc_auc_score(held, margins)), 3),
    }


def ratio(part: int, whole: int) -> float:
    return round(part / max(1, whole), 3)


if __name__ == "__main__":
    main()
