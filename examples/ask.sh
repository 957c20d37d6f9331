#!/usr/bin/env bash
# Asks Jawab with curl: an answer with its quotations, the same as it is written, and a search. Needs curl and jq.
#
#     ./ask.sh "How many US troops remain in Iraq?"
set -euo pipefail

url="${JAWAB_URL:-http://127.0.0.1:7860}"
question="${1:-من قادت الرحلة الأولى للترام في مرسى نورس؟}"

# As a file, so that the key is in no list of processes.
authorization() { [[ -z "${JAWAB_KEY:-}" ]] || printf 'Authorization: Bearer %s\n' "$JAWAB_KEY"; }

post() {
    curl --silent --show-error --no-buffer --header @<(authorization) --header 'Content-Type: application/json' \
        --data-binary "$2" "$url$1"
}

# An error has a sentence that says what happened and what to do.
told='def told: if .detail then "\(.detail)\n" | halt_error(1) else . end;'
# jq writes what was asked into JSON, so that quotation marks in a question do no harm.
asked=$(jq --null-input --arg question "$question" '{question: $question}')

post /v1/ask "$asked" | jq --raw-output "$told"' told | .answer, (.citations[] | "[\(.marker)] \(.quote)\n    \(.title)")'

echo
# Server-sent events: pieces of the sentence as they are written, at the end the record. It is the record that counts.
post /v1/ask "$(jq '.stream = true' <<<"$asked")" | jq --raw-input --join-output --unbuffered "$told"'
    select(startswith("data: ")) | ltrimstr("data: ") | fromjson | told | .text // (.answer | values | "\n= \(.)\n")'

echo
post /v1/search "$(jq '.k = 3' <<<"$asked")" | jq --raw-output "$told"' told | .passages[] | "\(.score)  \(.title)"'
