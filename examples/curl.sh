#!/bin/sh
# Edit a clip with nothing but curl.
#
#   export RUNWAYML_BASE_URL=http://127.0.0.1:8000 RUNWAYML_API_SECRET=key_...
#   sh curl.sh clip.mp4 "Make it a snowy night" edited.mp4
set -eu
clip=$1 prompt=$2 edited=$3

# One string member of a small JSON answer; jq would do it better, and is not everywhere.
member() { sed -nE "s/.*\"$1\":\"(([^\"\\\\]|\\\\.)*)\".*/\1/p"; }
api() {
    path=$1; shift
    curl -sS --fail-with-body "$RUNWAYML_BASE_URL/v1/$path" -H "Authorization: Bearer $RUNWAYML_API_SECRET" \
        -H 'X-Runway-Version: 2024-11-06' -H 'Content-Type: application/json' "$@"
}

# 1. Ask for an upload slot, then send its fields and the file: that is the runway:// URI.
slot=$(api uploads -d '{"filename": "clip.mp4", "type": "ephemeral"}')
fields=$(printf '%s' "$slot" | sed -n 's/.*"fields":{\([^}]*\)}.*/\1/p' | tr ',' '\n' | sed 's/^"\([^"]*\)":"\(.*\)"$/\1=\2/')
set --
for field in $fields; do set -- "$@" -F "$field"; done
curl -sS --fail-with-body "$(printf '%s' "$slot" | member uploadUrl)" "$@" -F "file=@$clip;type=video/mp4"
uri=$(printf '%s' "$slot" | member runwayUri)

# 2. Ask for the edit. A double quote or backslash in the prompt needs escaping in JSON.
prompt=$(printf '%s' "$prompt" | sed 's/\\/\\\\/g; s/"/\\"/g')
task=$(api video_to_video -d "{\"model\": \"gen4_aleph\", \"videoUri\": \"$uri\", \"promptText\": \"$prompt\"}" | member id)
echo "task $task"

# 3. Poll. Five seconds between polls are enough.
while :; do
    state=$(api "tasks/$task")
    case $state in
        *'"status":"SUCCEEDED"'*) break ;;
        *'"status":"FAILED"'*) printf '%s\n' "$state" | member failure >&2; exit 1 ;;
    esac
    sleep "${POLL_SECONDS:-5}"
done

# 4. Fetch the output. Its URL is signed and needs no key.
curl -sS --fail-with-body -o "$edited" "$(printf '%s' "$state" | sed -n 's/.*"output":\["\([^"]*\)".*/\1/p')"
echo "wrote $edited"
