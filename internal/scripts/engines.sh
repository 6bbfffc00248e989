#!/usr/bin/env bash
# engines.sh
#
# Runs the conformance suite on engines that the tests do not run on otherwise, with a report of
# each in build/reports/engines.
set -euo pipefail

reports=$PWD/build/reports/engines
mkdir -p "$reports"

status=0
# on BACKEND VARIABLE IMAGE
on() {
  "internal/images/$3.sh"
  env "$2=authstore/$3:local" go test -count=1 -timeout 40m "./$1/internal/tests" \
    -run 'TestConformance' -conformance.report="$reports/$3.json" -conformance.timeout=5m || status=1
}

on redis AUTHSTORE_REDIS_IMAGE redis8
on redis AUTHSTORE_REDIS_IMAGE valkey
on mongo AUTHSTORE_MONGO_IMAGE mongo6027
exit "$status"
