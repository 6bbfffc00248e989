#!/usr/bin/env bash
# test.sh all|backends BACKEND...
#
# Runs the tests in each backend's internal/tests, with a report in
# build/reports/BACKEND.json, and after them, with "all", those of every other package, and of
# the one in npm.
# Nothing runs twice, and a failure doesn't keep the rest from running.
set -euo pipefail

what=$1
backends=("${@:2}")
reports=$PWD/build/reports

# Without -count=1 go could answer from its cache, which knows neither the
# browser nor the packages that internal/layers looks at.
go_test() {
  go test -race -count=1 -timeout 40m "$@"
}

module=$(go list -m)
packages=$(go list ./... | grep -vxF "$(printf "$module/%s/internal/tests\n" "${backends[@]}")")
mapfile -t others <<<"$packages"

rm -rf "$reports" # so that a crash leaves no report, rather than an old one
mkdir -p "$reports"

status=0
for backend in "${backends[@]}"; do
  mkdir -p "$(dirname "$reports/$backend")"
  go_test "./$backend/internal/tests" -conformance.report="$reports/$backend.json" -conformance.timeout=5m || status=1
done
if [[ $what == all ]]; then
  go_test "${others[@]}" || status=1
  (cd npm && npm test --silent) || status=1
fi
exit "$status"
