#!/usr/bin/env bash
# Answers the questions of a CSV file (its column "question", else the first), and writes a CSV file of answers. Needs
# curl and python3. A question that is refused is a row too, and says why.
#
#     ./questions.sh questions.csv > answers.csv
set -euo pipefail

url="${JAWAB_URL:-http://127.0.0.1:7860}"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# As a file, so that the key is in no list of processes.
authorization() { [[ -z "${JAWAB_KEY:-}" ]] || printf 'Authorization: Bearer %s\n' "$JAWAB_KEY"; }

# Between these two programs a line is a piece of JSON, whatever commas, marks and line breaks a question has.
bodies='
import csv, json, sys
with open(sys.argv[1], encoding="utf-8-sig", newline="") as file:
    rows = csv.reader(file)
    head = next(rows, [])
    at = head.index("question") if "question" in head else 0
    for row in rows:
        if row[at:] and row[at].strip():
            print(json.dumps({"question": row[at]}))
'
table='
import csv, json, sys
def cell(text):  # a table program would take an article that begins so for a formula
    return f"\u0027{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
sys.stdout.reconfigure(encoding="utf-8", newline="")
out = csv.writer(sys.stdout)
out.writerow(["question", "status", "answer", "quotations", "articles"])
for asked, told in zip(sys.stdin, sys.stdin):
    question, told = json.loads(asked)["question"], json.loads(told)
    status, answer = told.get("code") or told["status"], told.get("detail") or told["answer"]
    cited = told.get("citations", [])
    quotations, articles = ("\n".join(one[field] for one in cited) for field in ("quote", "article_id"))
    out.writerow(map(cell, [question, status, answer, quotations, articles]))
'

python3 -c "$bodies" "$1" | while IFS= read -r body; do
    # Where the server is busy it says for how long, and curl waits.
    curl --silent --show-error --retry 5 --header @<(authorization) --header 'Content-Type: application/json' \
        --data-binary "$body" --output "$answer" "$url/v1/ask"
    printf '%s\n%s\n' "$body" "$(<"$answer")"
done | python3 -c "$table"
