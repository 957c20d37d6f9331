"""Asks Jawab with OpenAI's own client, as any program does that knows OpenAI's API; needs openai.

python openai_client.py "How many US troops remain in Iraq?"
"""

from __future__ import annotations

import os
import sys

import openai


def main() -> None:
    url = os.environ.get("JAWAB_URL", "http://127.0.0.1:7860")
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=os.environ.get("JAWAB_KEY") or "none")
    question = sys.argv[1] if len(sys.argv) > 1 else "How many US troops remain in Iraq?"
    try:
        completion = client.chat.completions.create(model="jawab", messages=[{"role": "user", "content": question}])
    except openai.APIError as error:
        sys.exit(error.message)
    message = completion.choices[0].message
    print(message.content)
    # Where each [1] of the content leads to.
    for annotation in message.annotations or []:
        place = annotation.url_citation
        print(f"{(message.content or '')[place.start_index : place.end_index]} {place.title}\n    {place.url}")
    # OpenAI's form has no place for quotations: they are in the record, which comes with it.
    record = (completion.model_extra or {})["jawab"]
    for cited in record["citations"]:
        print(f"[{cited['marker']}] {cited['quote']}")


if __name__ == "__main__":
    main()
