"""Asks without a server, in this program's own process: it loads the models itself.

python in_process.py my-index articles "How many US troops remain in Iraq?"
"""

from __future__ import annotations

import sys

from jawab import Assistant, JawabError, build_index


def main(index: str, articles: str, question: str) -> None:
    # What is in the index already and has not changed costs nothing.
    build_index(index, [articles])
    with Assistant.open(index) as assistant:
        answer = assistant.ask(question)
        print(answer.answer)
        for cited in answer.citations:
            print(f"[{cited.marker}] {cited.quote}\n    {cited.title}")
        for hit in assistant.search(question, k=3):
            print(f"{hit.score:.2f}  {hit.article.title}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], sys.argv[3])
    except JawabError as error:
        sys.exit(str(error))
