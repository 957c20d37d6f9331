"""Asks without a server, in this program's own process: it loads the models itself.

python in_process.py my-index articles "How many US troops remain in Iraq?"
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from index.errors import JawabError
from index.indexer import update_index
from qa import Assistant, Parts


def main(index: Path, articles: Path, question: str) -> None:
    # The default models, unless others are named.
    parts = Parts(os.environ.get("JAWAB_EMBEDDER", ""), os.environ.get("JAWAB_LLM", ""))
    # What is in the index already and has not changed costs nothing.
    update_index(index, [articles], parts.embedder)
    with Assistant.open(index, parts) as jawab:
        answer = jawab.ask(question)
        print(answer.answer)
        for cited in answer.citations:
            print(f"[{cited.marker}] {cited.quote}\n    {cited.title}")
        for hit in jawab.search(question, k=3):
            print(f"{hit.score:.2f}  {hit.article.title}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    except JawabError as error:
        sys.exit(str(error))
