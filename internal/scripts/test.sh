#!/usr/bin/env bash
# test.sh all|backends BACKEND...
#
# Runs the tests in each backend's internal/tests, with a report in
# build/reports/BACKEND.json, and after them, with "all", those of every other package, and of
# the one in npm, two at a time. Nothing runs twice, and a failure doesn't keep the rest from
# running.
set -euo pipefail

what=$1
backends=("${@:2}")
reports=$PWD/build/reports

# Without -count=1 go could answer from its cache, which knows neither the
# browser nor the packages that internal/layers looks at.
# shellcheck disable=SC2317 # begin runs it
go_test() {
  go test -race -count=1 -timeout 60m "$@"
}

module=$(go list -m)
packages=$(go list ./... | grep -vxF "$(printf "$module/%s/internal/tests\n" "${backends[@]}")")
mapfile -t others <<<"$packages"

rm -rf "$reports" # so that a crash leaves no report, rather than an old one
mkdir -p "$reports"

# begin NAME COMMAND... runs a command beside at most one other, since a backend and its server leave
# half of two processors idle. What it prints comes at its end.
begin() {
  if ((begun - ended == 2)); then end; fi
  begun=$((begun + 1))
  (
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    result=0 SECONDS=0
    "${@:2}" >"$log" 2>&1 </dev/null || result=$?
    echo "--- $1 (${SECONDS}s)" && cat "$log"
    exit "$result"
  ) &
}

end() {
  wait -n || status=1
  ended=$((ended + 1))
}

begun=0 ended=0 status=0
for backend in "${backends[@]}"; do
  mkdir -p "$(dirname "$reports/$backend")"
  begin "$backend" go_test "./$backend/internal/tests" -conformance.report="$reports/$backend.json" -conformance.timeout=5m
done
if [[ $what == all ]]; then
  begin "all other packages" go_test "${others[@]}"
  begin npm npm --prefix npm test --silent
fi
while ((ended < begun)); do end; done
exit "$status"
